"""A command to many rigs at once: ``--tag T`` or ``--all`` in place of a peer, as one job of the node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from miner_ctrl.cli.command import Settings
from miner_ctrl.cli.format import shown
from miner_ctrl.cli.local_api import LocalApi, error_of_stream_end, part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import note, printed_json
from miner_ctrl.errors import BadInput

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., object])
FAILED = 1
_ENDED_BADLY = {"failed", "skipped", "cancelled", "interrupted"}


def many_options(command: AnyCommand) -> AnyCommand:
    """Give a command ``--tag`` and ``--all``."""
    tagged = click.option("--tag", "tags", multiple=True, metavar="T", help="Every rig with this tag, instead of PEER.")
    everybody = click.option("--all", "everybody", is_flag=True, help="Every rig, instead of PEER.")
    return tagged(everybody(command))


def is_for_many(peer: str | None, tags: tuple[str, ...], *, everybody: bool) -> bool:
    """Whether a command is for many rigs. Raises ``UsageError`` where it is for nobody, or that is not clear."""
    if sum((peer is not None, bool(tags), everybody)) != 1:
        raise click.UsageError("Give a PEER, or --tag T, or --all: one of them.")
    return peer is None


def to_many(settings: Settings, verb: str, done: str, tags: tuple[str, ...], order: Mapping[str, object]) -> int:
    """Have every rig with all of ``tags`` do it, tell of those that did not, and return the exit code."""
    with local_node(settings.home) as api:
        try:
            begun = api.post(f"/remote/{verb}", {**order, "filter": {"tags": list(tags)}}).data
        except BadInput as error:
            raise _for_nobody(tags) if error.code == "NO_RIGS" else error from None
        path = f"/jobs/{part(str(begun['id']))}"
        _told(api, settings, path)
        answer = api.get(path)
    job: dict[str, Any] = answer.data
    well, total = int(job["counts"]["done"]), int(job["total"])
    if not printed_json(settings, answer):
        click.echo(f"{done} on {well} of {total} rigs.")
    return 0 if well == total else FAILED


def _for_nobody(tags: tuple[str, ...]) -> BadInput:
    if not tags:
        return BadInput(
            "This node knows no rigs.", suggestion="Let one join: miner-ctrl peer invite makes a token.", code="NO_RIGS"
        )
    every = "the tag" if len(tags) == 1 else "all of the tags"
    return BadInput(
        f"No rig has {every} {', '.join(shown(tag, 63) for tag in tags)}.",
        suggestion="See miner-ctrl peer list --json for the tags there are; PATCH /api/v1/mining/peers/PEER sets them.",
        code="NO_RIGS",
    )


def _told(api: LocalApi, settings: Settings, path: str) -> None:
    """Follow a job to its end; say on stderr which rigs did not do it, and why."""
    for event in api.events(path, follow="true"):
        if event.name == "peer" and event.data.get("state") in _ENDED_BADLY and not settings.json:
            error = event.data.get("error") or {}
            note(f"{shown(event.data.get('name'), 63)}: {shown(error.get('error') or event.data.get('state'), 300)}")
        elif event.name == "end" and (ended := error_of_stream_end(event.data)) is not None:
            raise ended
