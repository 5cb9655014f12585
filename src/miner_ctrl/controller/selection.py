"""Which rigs a job is for: named one by one, or by what is true of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from miner_ctrl.controller.fleet import Fleet
from miner_ctrl.errors import BadInput
from miner_ctrl.model.jobs import MAX_RIGS, PeerFilter, Selection
from miner_ctrl.peers import PeerRecord, Registry


def chosen(registry: Registry, fleet: Fleet, selection: Selection) -> list[PeerRecord]:
    """Return the rigs of ``selection``: as they are named, each once, or in the order of their names.

    Raises:
        BadInput: it says nothing, or two things; or it is for nobody, or for too many.
        NotFound, Conflict: a name in it is nobody's, or several peers'.
    """
    if (selection.peers is None) == (selection.filter is None):
        raise BadInput(
            "Nothing says which rigs this is for, or two things do.",
            suggestion="Give peers (IDs or names), or a filter; {} as the filter is every rig.",
            code="BAD_SELECTION",
        )
    if selection.peers is not None:
        records = {record.keys.fingerprint: record for record in map(registry.find, selection.peers)}
    else:
        records = {record.keys.fingerprint: record for record in _let_through(registry, fleet, selection.filter)}
    if not records:
        raise BadInput(
            "This is for no rig at all.",
            suggestion="See GET /api/v1/mining/peers for the rigs there are; {} as the filter is every rig.",
            code="NO_RIGS",
        )
    if len(records) > MAX_RIGS:
        raise BadInput(f"A job is for at most {MAX_RIGS} rigs.", suggestion="Make several jobs, for example by tags.")
    return list(records.values())


def _let_through(registry: Registry, fleet: Fleet, wanted: PeerFilter | None) -> Iterator[PeerRecord]:
    wanted = wanted or PeerFilter()
    tests = tuple(_tests(fleet, wanted))
    for record in registry.all():
        if record.keys.fingerprint in fleet and all(test(record) for test in tests):
            yield record


def _tests(fleet: Fleet, wanted: PeerFilter) -> Iterator[Callable[[PeerRecord], bool]]:
    if wanted.tags:
        tags = frozenset(tag.casefold() for tag in wanted.tags)
        yield lambda record: tags <= {tag.casefold() for tag in record.tags}
    if wanted.q:
        part = wanted.q.casefold()
        yield lambda record: any(
            part in text.casefold() for text in (record.name, record.keys.node_id, record.address, *record.tags)
        )
    if wanted.role is not None:
        yield lambda record: record.role is wanted.role
    if wanted.online is not None or wanted.state is not None:
        yield lambda record: _is_so(fleet, record, wanted)


def _is_so(fleet: Fleet, record: PeerRecord, wanted: PeerFilter) -> bool:
    rig = fleet.rig(record.keys.fingerprint)
    if rig is None or wanted.online not in (None, rig.connected):
        return False
    return wanted.state is None or any(miner.state is wanted.state for miner in rig.miners)
