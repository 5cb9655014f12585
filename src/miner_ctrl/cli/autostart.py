"""``miner-ctrl service``: this node as a systemd unit, so that it starts with the machine."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import click

from miner_ctrl.cli import unit_file, windows_task
from miner_ctrl.cli.api_options import api_options, api_settings, api_words
from miner_ctrl.cli.command import Group, Settings, pass_settings
from miner_ctrl.cli.local_api import LocalApi
from miner_ctrl.cli.node import ROLES
from miner_ctrl.cli.output import note
from miner_ctrl.cli.serving import DEFAULT_LISTEN
from miner_ctrl.config import HOME_VARIABLE, Home, parse_listen
from miner_ctrl.errors import Conflict, MinerCtrlError, NotFound, OperationFailed, Refused

SYSTEM_HOME = "/var/lib/miner-ctrl"
"""Where a system unit keeps its node unless told otherwise: its own places must not depend on who is logged in."""
SYSTEM_FOLDER = Path("/etc/systemd/system")
SYSTEMD_RUNS = Path("/run/systemd/system")
LINGER = Path("/var/lib/systemd/linger")
SYSTEMCTL_WITHIN_S = 90.0
_OURS = "Description=miner-ctrl"


@click.group(cls=Group)
def service() -> None:
    """Start this node with the machine, and again whenever it ends. Miners outlive it."""


user_option = click.option("--user", "kind", flag_value="user", help="A unit of this user's.  [default, unless root]")
system_option = click.option("--system", "kind", flag_value="system", help="A unit of the whole system's, as root.")
listen_option = click.option(
    "--listen", metavar="[HOST]:PORT", default=DEFAULT_LISTEN, show_default=True, help="Where peers can dial this node."
)
role_option = click.option(
    "--role", type=ROLES, default="dual", show_default=True, help="`controller`: no miners here, so a tighter unit."
)


class _Where(NamedTuple):
    """Which unit: of which kind, in which file, for which home (``None``: the user's own places)."""

    user: bool
    file: Path
    home: Path | None

    def systemctl(self, *words: str) -> list[str]:
        return ["systemctl", *(["--user"] if self.user else []), *words]


def _where(settings: Settings, kind: str | None) -> _Where:
    """Return which unit is meant."""
    user = kind == "user" or (kind is None and (sys.platform == "win32" or os.geteuid() != 0))
    named = settings.home_dir or os.environ.get(HOME_VARIABLE)
    home = Path(named).expanduser().resolve() if named else None if user else Path(SYSTEM_HOME)
    if user:
        config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        return _Where(user, Path(config) / "systemd" / "user" / unit_file.NAME, home)
    return _Where(user, SYSTEM_FOLDER / unit_file.NAME, home)


def _command(listen: str, api: dict[str, Any]) -> list[str]:
    parse_listen(listen)
    return [sys.executable, "-P", "-m", "miner_ctrl", "node", "serve", "--listen", listen, *api_words(api)]


def _unit(where: _Where, command: list[str], role: str, api: dict[str, Any]) -> str:
    plan = unit_file.UnitPlan(
        command=command, home=where.home, user=where.user, mines=role != "controller", remark=_api_remark(api)
    )
    return unit_file.unit_file(plan)


def _api_remark(api: dict[str, Any]) -> str:
    settings = api_settings(api)
    if settings is None:
        return "The API is served on the local socket alone."
    host, port = settings.listen.host or "*", settings.listen.port
    return f"The API is at {f'[{host}]' if ':' in host else host}:{port}; --api and --no-api say otherwise."


@service.command(
    "print",
    epilog="""
    miner-ctrl service print
    miner-ctrl service print --system --role controller
    """,
)
@user_option
@system_option
@listen_option
@role_option
@api_options
@click.option(
    "--for",
    "for_",
    type=click.Choice(["systemd", "windows"]),
    default="windows" if sys.platform == "win32" else "systemd",
    help="What starts it.  [default: what this machine has]",
)
@pass_settings
def print_unit(settings: Settings, /, kind: str | None, listen: str, role: str, for_: str, **api: Any) -> None:
    """Print the unit, and install nothing."""
    where, command = _where(settings, kind), _command(listen, api)
    if for_ == "windows":
        click.echo(windows_task.task_file(_windows_command(where, command)), nl=False)
        note(f"Save this as miner-ctrl.xml; then, as administrator: {windows_task.create_command('miner-ctrl.xml')}")
        note(windows_task.WHY_NO_SERVICE)
        return
    click.echo(_unit(where, command, role, api), nl=False)


@service.command(
    epilog="""
    miner-ctrl service install
    miner-ctrl service install --system --listen :9091
    """
)
@user_option
@system_option
@listen_option
@role_option
@api_options
@pass_settings
def install(settings: Settings, /, kind: str | None, listen: str, role: str, **api: Any) -> None:
    """Write the unit, enable it and start it."""
    where, command = _where(settings, kind), _command(listen, api)
    text = _unit(where, command, role, api)
    _check_systemd(command, where)
    _check_may(where, shlex.join(["service", "install", "--system", "--listen", listen, *api_words(api)]))
    _check_home(settings, where)
    runs_by_hand = _is_served(settings, where) and not where.file.exists()
    _write(where.file, text)
    click.echo(f"Wrote {where.file}.")
    for words in (("daemon-reload",), ("enable", "--now", unit_file.NAME)):
        _systemctl(where, *words)
    click.echo("The node runs, and starts with the machine.")
    click.echo(f"Its log: journalctl {'--user ' if where.user else ''}-u miner-ctrl -f")
    if where.home is not None:
        click.echo(f"Commands for it: miner-ctrl --home {shlex.quote(str(where.home))} …")
    if runs_by_hand:
        note("A node of this home runs already, started by hand: stop it, and the unit's takes over within 5 s.")
    if where.user:
        _note_what_a_user_unit_lacks()
    elif role != "controller":
        note("It runs as root, so that miners get huge pages and MSR; `--user` is without them.")


@service.command(epilog="miner-ctrl service remove")
@user_option
@system_option
@pass_settings
def remove(settings: Settings, kind: str | None) -> None:
    """Stop the unit, disable it and delete its file. Miners go on."""
    where = _where(settings, kind)
    if sys.platform == "win32":
        raise OperationFailed(
            "Tasks of Windows are removed by Windows.",
            suggestion=f"As administrator: schtasks /Delete /TN {windows_task.NAME} /F",
            code="RUN_IT_YOURSELF",
        )
    if not where.file.exists():
        other = "--system" if where.user else "--user"
        raise NotFound(
            f"There is no unit at {where.file}.",
            suggestion=f"If it is the other kind, use {other}.",
            code="NO_UNIT",
        )
    _check_ours(where.file)
    _check_may(where, "service remove --system")
    if SYSTEMD_RUNS.exists():
        _systemctl(where, "disable", "--now", unit_file.NAME)
    where.file.unlink()
    if SYSTEMD_RUNS.exists():
        _systemctl(where, "daemon-reload")
    click.echo(f"Removed {where.file}. The node has stopped.")
    click.echo("Miners that ran go on, each with its keeper; the next node of this home finds them again.")


# --- before anything is changed ------------------------------------------------------------------------


def _check_systemd(command: list[str], where: _Where) -> None:
    if sys.platform == "win32":
        raise OperationFailed(
            "Windows has no systemd; its Task Scheduler starts the node.",
            suggestion=(
                "Run: miner-ctrl service print > miner-ctrl.xml; then, as administrator: "
                f"{windows_task.create_command('miner-ctrl.xml')}. {windows_task.WHY_NO_SERVICE}"
            ),
            code="NO_SYSTEMD",
        )
    if not SYSTEMD_RUNS.exists() or shutil.which("systemctl") is None:
        home = f"{HOME_VARIABLE}={shlex.quote(str(where.home))} " if where.home is not None else ""
        raise OperationFailed(
            "systemd does not run here, as in most containers: nothing was installed.",
            suggestion=f"Have whatever starts programs here start this one, and again when it ends: "
            f"{home}{shlex.join(command)}",
            code="NO_SYSTEMD",
        )


def _check_may(where: _Where, arguments: str) -> None:
    if not where.user and sys.platform != "win32" and os.geteuid() != 0:
        raise Refused(
            "A unit of the whole system's takes root.",
            suggestion=f"Run: sudo {shlex.quote(sys.executable)} -P -m miner_ctrl {arguments}; or use --user.",
            code="NOT_ROOT",
        )


def _check_home(settings: Settings, where: _Where) -> None:
    """A system unit has a home of its own; who has made an identity elsewhere would not find it again."""
    if where.user or where.home != Path(SYSTEM_HOME) or settings.home_dir:
        return
    own = Home.resolve()
    if own.node_file.exists() and not Home.resolve(SYSTEM_HOME).node_file.exists():
        raise Conflict(
            f"This user's node has its identity in {own.config}, and the unit's home would be {SYSTEM_HOME}.",
            suggestion=f"For a new node there, say --home {SYSTEM_HOME}; for this user's node, say --user.",
            code="OTHER_HOME",
        )


def _is_served(settings: Settings, where: _Where) -> bool:
    home = Home.resolve(str(where.home)) if where.home is not None else settings.home
    try:
        return LocalApi(home.socket).answers()
    except MinerCtrlError:
        return False


def _check_ours(file: Path) -> None:
    try:
        text = file.read_text("utf-8", "replace")[:4096]
    except OSError as error:
        raise OperationFailed(f"{file} cannot be read: {error.strerror}.", code="NO_UNIT") from None
    if _OURS not in text:
        raise Conflict(
            f"{file} is not miner-ctrl's own: it was written by somebody else.",
            suggestion="Move it away first.",
            code="OTHER_UNIT",
        )


# --- doing it --------------------------------------------------------------------------------------------


def _write(file: Path, text: str) -> None:
    """Replace the unit's file as a whole."""
    if file.exists():
        _check_ours(file)
    new = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, "utf-8")
        new.chmod(0o644)
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise OperationFailed(
            f"{file} cannot be written: {error.strerror}.",
            suggestion="See to the permissions of its folder.",
            code="NOT_STORED",
        ) from None


def _systemctl(where: _Where, *words: str) -> None:
    command = where.systemctl(*words)
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            command, capture_output=True, text=True, timeout=SYSTEMCTL_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperationFailed(f"{shlex.join(command)} did not work: {error}.", code="SYSTEMCTL_FAILED") from None
    if done.returncode != 0:
        said = " / ".join(done.stderr.strip().splitlines()[:3])[:400] or f"code {done.returncode}"
        hint = "In a shell of `su` or `sudo -u` there is no user's systemd: log in as that user. " if where.user else ""
        raise OperationFailed(
            f"{shlex.join(command)} did not work: {said}.",
            suggestion=f"{hint}The unit is in {where.file}.",
            code="SYSTEMCTL_FAILED",
        )


def _note_what_a_user_unit_lacks() -> None:
    import getpass  # noqa: PLC0415 - seldom needed

    user = getpass.getuser()
    if not (LINGER / user).exists():
        note(
            f"It runs while {user} is logged in. So that it runs from boot: "
            f"sudo loginctl enable-linger {shlex.quote(user)}"
        )
    note("Without root, miners get huge pages only if some are reserved, and no MSR: `miner-ctrl doctor` says more.")


def _windows_command(where: _Where, command: list[str]) -> list[str]:
    return [*command, "--home", str(where.home)] if where.home is not None else command
