"""Names for shell completion, from the running node alone: quick, and silent when there is none."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

from miner_ctrl.cli.command import Settings
from miner_ctrl.cli.format import hashrate, shown
from miner_ctrl.cli.local_api import LocalApi
from miner_ctrl.errors import MinerCtrlError

TIMEOUT_S = 0.5
_NAME = re.compile(r"[A-Za-z0-9._-]{1,63}")
"""What is offered ends up on a command line: nothing that a shell would read otherwise than as a word."""


def complete_names(kind: str, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return the names of a ``kind`` (``peers``, ``profiles``, ``miners`` of the peer named before, this node's
    ``own-miners``, ``miner-types``) that begin with ``incomplete``."""
    settings = ctx.find_root().find_object(Settings) or Settings()
    try:
        api = LocalApi(settings.home.socket, timeout_s=TIMEOUT_S)
        found = list(_SOURCES[kind](api, ctx))
    except (MinerCtrlError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    taken = ctx.params.get("peers") or ()
    return [
        item
        for item in found
        if _NAME.fullmatch(item.value) and item.value.startswith(incomplete) and item.value not in taken
    ]


def _peers(api: LocalApi, _ctx: click.Context) -> Iterable[CompletionItem]:
    for peer in api.get("/peers").data:
        state = f"{shown(peer.get('state'), 20)} {shown(peer.get('address'), 80)}"
        yield CompletionItem(str(peer["name"]), help=state)


def _profiles(api: LocalApi, _ctx: click.Context) -> Iterable[CompletionItem]:
    for profile in api.get("/profiles").data:
        yield CompletionItem(str(profile["name"]), help=shown(profile.get("minerType"), 40))


def _miners(api: LocalApi, ctx: click.Context) -> Iterable[CompletionItem]:
    """Yield the miners of the rig named before, from what the node knows: no rig is asked while somebody types."""
    named = str(ctx.params["peer"])
    for rig in api.get("/remote/stats").data.values():
        if named == rig["nodeName"] or str(rig["nodeId"]).startswith(named):
            for miner in rig.get("miners") or ():
                state = f"{shown(miner.get('state'), 20)} {hashrate(miner.get('hashrate'))}"
                yield CompletionItem(str(miner["name"]), help=state)


def _own_miners(api: LocalApi, _ctx: click.Context) -> Iterable[CompletionItem]:
    for miner in api.get("/miners").data:
        state = f"{shown(miner.get('state'), 20)} {hashrate(miner.get('hashrate'))}"
        yield CompletionItem(str(miner["name"]), help=state)


def _miner_types(api: LocalApi, _ctx: click.Context) -> Iterable[CompletionItem]:
    for kind in api.get("/miners/available").data:
        yield CompletionItem(str(kind["name"]), help=shown(kind.get("description"), 60))


_SOURCES = {
    "peers": _peers,
    "profiles": _profiles,
    "miners": _miners,
    "own-miners": _own_miners,
    "miner-types": _miner_types,
}
