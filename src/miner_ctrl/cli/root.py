"""The root command: the list of groups, each in a file of its own that loads when it is named."""

from __future__ import annotations

import click

from miner_ctrl import __version__
from miner_ctrl.cli.command import Lazy, LazyGroup

COMMANDS = {
    "node": Lazy("miner_ctrl.cli.node:node", "This node: its identity, joining a controller, serving."),
    "serve": Lazy("miner_ctrl.cli.serve:serve", "Run this node, named from the side of its API."),
    "token": Lazy("miner_ctrl.cli.token:token", "API tokens: who may use the API over its port."),
    "login": Lazy("miner_ctrl.cli.login:login", "Logins: who may use the page over its port."),
    "peer": Lazy("miner_ctrl.cli.peer:peer", "The nodes this one knows: invite, add, approve, remove."),
    "remote": Lazy("miner_ctrl.cli.remote:remote", "The rigs: status, start, stop, logs, deploy, history."),
    "profile": Lazy("miner_ctrl.cli.profile:profile", "Profiles: what a miner should run."),
    "bundle": Lazy("miner_ctrl.cli.bundle:bundle", "Miner programs that this node can deploy to rigs."),
    "install": Lazy("miner_ctrl.cli.programs:install", "Put a miner's program on this machine."),
    "uninstall": Lazy("miner_ctrl.cli.programs:uninstall", "Remove a miner's program that was installed here."),
    "update": Lazy("miner_ctrl.cli.programs:update", "Say which miner programs are older than what is at hand."),
    "doctor": Lazy("miner_ctrl.cli.doctor:doctor", "What mining lacks on this machine, and how to get it."),
    "service": Lazy("miner_ctrl.cli.autostart:service", "Start this node with the machine: install, remove, print."),
    "lock": Lazy("miner_ctrl.cli.lock:lock", "Which wallets and pools this rig may mine to."),
    "history": Lazy("miner_ctrl.cli.keeping:history", "How long this node keeps the history of its rigs."),
    "audit": Lazy("miner_ctrl.cli.audit:audit", "Who asked this node to change something: show, verify, export."),
    "start": Lazy("miner_ctrl.cli.miners:start", "Start a miner on this machine."),
    "stop": Lazy("miner_ctrl.cli.miners:stop", "Stop this machine's miners, or one of them."),
    "restart": Lazy("miner_ctrl.cli.miners:restart", "Restart this machine's miners, or one of them."),
    "pause": Lazy("miner_ctrl.cli.miners:pause", "Pause this machine's miners, or one of them."),
    "resume": Lazy("miner_ctrl.cli.miners:resume", "Go on with paused miners of this machine."),
    "status": Lazy("miner_ctrl.cli.miners:status", "Show what this machine's miners are doing."),
    "list": Lazy("miner_ctrl.cli.miners:list_", "List the miner programs that this machine could run."),
    "logs": Lazy("miner_ctrl.cli.miners:logs", "Show what a miner of this machine printed."),
    "adopt": Lazy("miner_ctrl.cli.miners:adopt", "Watch a miner that somebody else started, or let go of it."),
    "schedule": Lazy("miner_ctrl.cli.schedule:schedule", "When this machine mines, pauses or runs another profile."),
    "demo": Lazy("miner_ctrl.cli.demo:demo", "A controller and three rigs on this machine, for a look."),
    "completion": Lazy("miner_ctrl.cli.completion:completion", "Print the completion script of your shell."),
}


@click.command(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""
    miner-ctrl node init --name control-center --role controller
    miner-ctrl node serve
    miner-ctrl peer invite
    miner-ctrl remote status
    """,
)
@click.version_option(__version__, prog_name="miner-ctrl", message="%(prog)s %(version)s")
def root() -> None:
    """Your mining rigs under control, from one place, over encrypted links between your own machines."""
