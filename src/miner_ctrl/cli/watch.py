"""``remote status --watch``: the fleet as it changes, until Ctrl-C."""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from miner_ctrl.cli import tables
from miner_ctrl.cli.local_api import Event, LocalApi, part
from miner_ctrl.cli.rigs import remarks, rig_table, summary
from miner_ctrl.errors import MinerCtrlError, Refused

if TYPE_CHECKING:
    from rich.console import RenderableType

REFRESH_S = 1.0
"""Ages are redrawn this often, and in a pipe there is at most one block a this long."""
RECONNECT_S = 0.5
NODE_IS_GONE = "The local node is gone; this goes on as soon as it runs again."

Change = Event | Exception | None
"""An event; an error that ends the watch; ``None``: the connection to the node is gone."""


class FleetView:
    """The rigs as last told, and when. ``only``: the ID of the one rig to show."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rigs: dict[str, dict[str, Any]] = {}
        self._received: dict[str, float] = {}
        self.only: str | None = None
        self.complete = False
        self.connected = True

    def apply(self, change: Event | None) -> bool:
        """Take in a change and return whether there is something new to show."""
        if change is None:
            was, self.connected = self.connected, False
            return was
        data = change.data
        self.connected = True
        if change.name == "snapshot":
            self._rigs, self.complete = {}, True
            for rig in data.values():
                self._put(rig)
        elif change.name == "rig":
            self._put(data)
        elif change.name == "removed":
            self._rigs.pop(str(data.get("id")), None)
        else:
            return False
        return True

    def _put(self, rig: dict[str, Any]) -> None:
        self._rigs[str(rig["nodeId"])] = rig
        self._received[str(rig["nodeId"])] = self._clock()

    def rigs(self) -> dict[str, dict[str, Any]]:
        """Return the views to show, with their ages as of now."""
        now = self._clock()
        return {
            key: {**rig, "ageS": None if rig.get("ageS") is None else rig["ageS"] + now - self._received[key]}
            for key, rig in self._rigs.items()
            if self.only is None or key == self.only
        }


def watch(api: LocalApi, peer: str | None, *, as_json: bool, until: float | None = None) -> None:
    """Show the fleet (or only ``peer``) until Ctrl-C, or until the monotonic time ``until``.

    On a terminal a live table; in a pipe a block a change, with ``--json`` a line in the shape of ``/remote/stats``.
    When the node goes the watch waits for its return.

    Raises:
        MinerCtrlError: there is no such peer, or the node refuses.
    """
    view = FleetView()
    if peer is not None:
        view.only = str(api.get(f"/peers/{part(peer)}").data["id"])
    changes: queue.Queue[Change] = queue.Queue(maxsize=1000)
    waiting = LocalApi(api.socket_path)  # one that only waits: it must not take the home of a node that restarts
    threading.Thread(target=_listen, args=(waiting, changes), name="fleet-events", daemon=True).start()
    if not as_json and tables.is_terminal():
        _watch_live(view, changes, until)
    else:
        _watch_plain(view, changes, until, as_json=as_json)


def _listen(api: LocalApi, changes: queue.Queue[Change]) -> None:
    """Put every event into ``changes``, for ever: once the stream has stood, a node that went is waited for."""
    stood = False
    while True:
        try:
            for event in api.events("/events", topic="fleet"):
                stood = True
                changes.put(event)
        except (MinerCtrlError, OSError) as error:
            if not stood or isinstance(error, Refused):
                changes.put(error)
                return
        changes.put(None)
        time.sleep(RECONNECT_S)


def _take(view: FleetView, changes: queue.Queue[Change], wait_s: float) -> bool:
    """Apply all changes there are, waiting up to ``wait_s`` for the first; return whether anything is new."""
    news = False
    try:
        change = changes.get(timeout=max(0.0, wait_s))
        while True:
            if isinstance(change, Exception):
                raise change
            news = view.apply(change) or news
            change = changes.get_nowait()
    except queue.Empty:
        return news


def _left(until: float | None, at_most: float) -> float:
    return at_most if until is None else min(at_most, until - time.monotonic())


def _watch_live(view: FleetView, changes: queue.Queue[Change], until: float | None) -> None:
    from rich.console import Console  # noqa: PLC0415 - only for a live view
    from rich.live import Live  # noqa: PLC0415

    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while _left(until, REFRESH_S) > 0:
            _take(view, changes, _left(until, REFRESH_S))
            live.update(_screen(view, console.width), refresh=True)


def _screen(view: FleetView, width: int) -> RenderableType:
    from rich.console import Group  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    rigs = view.rigs()
    parts: list[RenderableType] = []
    if rigs:
        parts += [tables.drawn(rig_table(rigs), width), Text("")]
        parts += [Text(line, style="yellow") for line in remarks(rigs)]
    if view.complete:
        parts.append(Text(f"{summary(rigs)}   (Ctrl-C ends)", style="dim"))
    if not view.connected:
        parts.append(Text(NODE_IS_GONE, style="red"))
    return Group(*parts)


def _watch_plain(view: FleetView, changes: queue.Queue[Change], until: float | None, *, as_json: bool) -> None:
    shown_at = float("-inf")
    news = False
    while _left(until, REFRESH_S) > 0:
        news = _take(view, changes, _left(until, REFRESH_S)) or news
        if not news:
            continue
        time.sleep(max(0.0, _left(until, shown_at + REFRESH_S - time.monotonic())))
        _take(view, changes, 0.0)
        _print_block(view, as_json=as_json)
        shown_at, news = time.monotonic(), False


def _print_block(view: FleetView, *, as_json: bool) -> None:
    rigs: Mapping[str, Any] = view.rigs()
    if not view.connected:
        click.echo(NODE_IS_GONE, err=True)
    elif as_json:
        click.echo(json.dumps(rigs, ensure_ascii=False))
    elif view.complete:
        click.echo("\n".join([tables.plain(rig_table(rigs)), *remarks(rigs), summary(rigs), ""]))
    sys.stdout.flush()
