"""Deploying to many rigs at once: a bar for each on a terminal, lines elsewhere, and one summary."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from miner_ctrl.cli import tables
from miner_ctrl.cli.command import Settings
from miner_ctrl.cli.format import shown
from miner_ctrl.cli.local_api import LocalApi, error_of_stream_end, part
from miner_ctrl.cli.output import note
from miner_ctrl.cli.run import exit_code_of, show_error
from miner_ctrl.errors import MinerCtrlError, OperationFailed

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

AT_ONCE = 64
"""Requests to the local node at once; it sends to a few rigs at a time itself."""
STEPS_SHOWN = {"offering", "sending", "installing", "restarting", "away"}


class Order(NamedTuple):
    """What is deployed: a profile, or a miner program."""

    profile: str | None = None
    miner_type: str | None = None
    version: str | None = None
    sha256: str | None = None
    restart: bool = False

    def body(self) -> dict[str, object]:
        """Return it as the REST API takes it."""
        if self.profile is not None:
            return {"profileId": self.profile}
        chosen: dict[str, object] = {"minerType": self.miner_type, "version": self.version}
        if self.sha256 is not None:
            chosen = {"sha256": self.sha256}
        return {**chosen, "restart": self.restart, "progress": True}


Attempt = Callable[[str], dict[str, Any]]
Outcome = dict[str, Any] | MinerCtrlError
Said = Callable[[str, dict[str, Any]], str]


def deploy_to_all(api: LocalApi, settings: Settings, peers: Sequence[str], order: Order) -> int:
    """Deploy to all at once, tell of each, and return the exit code of the first failure."""
    if order.profile is not None:
        name = shown(order.profile)

        def store(peer: str) -> dict[str, Any]:
            answer: dict[str, Any] = api.post(f"/remote/{part(peer)}/deploy", order.body()).data
            return answer

        outcomes = _attempted(peers, store)
        return _reported(settings, peers, outcomes, lambda peer, _: f"{shown(peer)} has the profile {name}.")
    with _progress_shown(settings, peers) as told:

        def send(peer: str) -> dict[str, Any]:
            return _followed(api, peer, order, told)

        outcomes = _attempted(peers, send)
    return _reported(settings, peers, outcomes, _said_of_program)


def roll_back_all(api: LocalApi, settings: Settings, peers: Sequence[str], miner_type: str, *, restart: bool) -> int:
    """Roll back on all at once, tell of each, and return the exit code of the first failure."""

    def roll_back(peer: str) -> dict[str, Any]:
        body = {"minerType": miner_type, "restart": restart}
        answer: dict[str, Any] = api.post(f"/remote/{part(peer)}/rollback", body).data
        return answer

    return _reported(settings, peers, _attempted(peers, roll_back), _said_of_program)


def _attempted(peers: Sequence[str], attempt: Attempt) -> list[Outcome]:
    """Do it for all at once; return what came of each, in the order named."""
    pool = ThreadPoolExecutor(min(AT_ONCE, len(peers)), "deploy")
    try:
        futures = [pool.submit(attempt, peer) for peer in peers]
        return [_outcome(future) for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _outcome(future: Future[dict[str, Any]]) -> Outcome:
    try:
        return future.result()
    except MinerCtrlError as error:
        return error


def _reported(settings: Settings, peers: Sequence[str], outcomes: Sequence[Outcome], said: Said) -> int:
    """Tell of each, and of all in one line; return the exit code of the first failure."""
    code, failed = 0, 0
    for peer, outcome in zip(peers, outcomes, strict=True):
        if isinstance(outcome, MinerCtrlError):
            failed += 1
            code = code or exit_code_of(outcome)
            show_error(_of_peer(outcome, peer, alone=len(peers) == 1), as_json=settings.json)
        else:
            click.echo(json.dumps(outcome, ensure_ascii=False) if settings.json else said(peer, outcome))
    if len(peers) > 1 and not settings.json:
        click.echo(f"{len(peers) - failed} of {len(peers)} rigs have it." if failed else f"All {len(peers)} have it.")
    return code


def _of_peer(error: MinerCtrlError, peer: str, *, alone: bool) -> MinerCtrlError:
    """Return ``error`` with the rig it is about, where several were asked."""
    if not alone and not error.message.startswith(f"{peer} "):
        error.message = f"{peer}: {error.message}"
    return error


def _said_of_program(peer: str, answer: dict[str, Any]) -> str:
    what = f"{shown(answer.get('minerType'), 40)} {shown(answer.get('version'), 64)}"
    restarted = ", ".join(shown(name, 63) for name in answer.get("restarted") or ())
    back = "is back at" if answer.get("status") == "rolled back" else "has"
    return f"{shown(peer)} {back} {what}{f' (restarted: {restarted})' if restarted else ''}."


def _followed(api: LocalApi, peer: str, order: Order, told: _Bars | _Lines) -> dict[str, Any]:
    """Deploy to one rig and return the answer; ``told`` hears how far it is."""
    try:
        for event in api.post_events(f"/remote/{part(peer)}/deploy", order.body()):
            if event.name == "progress":
                told.tell(peer, event.data)
            elif event.name == "done":
                done: dict[str, Any] = event.data
                told.ended(peer, "done")
                return done
            elif event.name == "end" and (error := error_of_stream_end(event.data)) is not None:
                raise error
        raise OperationFailed("The node stopped before the deploy was done.", suggestion="Run it again: it goes on.")
    except MinerCtrlError:
        told.ended(peer, "failed")
        raise


class _Lines:
    """A line for each step of each rig, on stderr; none with ``--json``."""

    def __init__(self, settings: Settings) -> None:
        self._silent = settings.json
        self._last: dict[str, str] = {}

    def tell(self, peer: str, progress: dict[str, Any]) -> None:
        """A rig is so far."""
        state = str(progress.get("state"))
        if not self._silent and state in STEPS_SHOWN and self._last.get(peer) != state:
            self._last[peer] = state
            note(f"{shown(peer)}: {_STATES.get(state, shown(state, 40))}")

    def ended(self, peer: str, state: str) -> None:
        """A rig has it, or has failed: its own line says so."""


class _Bars:
    """A bar for each rig."""

    def __init__(self, bars: Progress, tasks: dict[str, TaskID]) -> None:
        self._bars = bars
        self._tasks = tasks

    def tell(self, peer: str, progress: dict[str, Any]) -> None:
        """A rig is so far."""
        state = str(progress.get("state"))
        self._bars.update(
            self._tasks[peer],
            completed=float(progress.get("sentBytes") or 0),
            total=float(progress.get("totalBytes") or 0) or None,
            state=_STATES.get(state, shown(state, 40)),
        )

    def ended(self, peer: str, state: str) -> None:
        """A rig has it, or has failed."""
        self._bars.update(self._tasks[peer], state=state)


@contextmanager
def _progress_shown(settings: Settings, peers: Sequence[str]) -> Iterator[_Bars | _Lines]:
    if settings.json or not tables.is_terminal():
        yield _Lines(settings)
        return
    from rich.console import Console  # noqa: PLC0415 - only where bars are drawn
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.fields[peer]}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}", markup=False),
    )
    with Progress(*columns, console=Console()) as bars:
        tasks = {peer: bars.add_task("", total=None, peer=shown(peer, 30), state="waiting") for peer in peers}
        yield _Bars(bars, tasks)


_STATES = {
    "waiting": "waits for its turn",
    "offering": "offered",
    "sending": "sending",
    "installing": "unpacks and tries it",
    "restarting": "restarts its miners",
    "away": "its link is lost: waiting for it",
}
