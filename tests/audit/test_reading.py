"""Parts of a log, narrowed; what ended something goes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from miner_ctrl.audit.reading import Wanted, part
from miner_ctrl.errors import OperationFailed
from miner_ctrl.model.callers import OWNER, AccessRole, Caller, Door
from tests.audit.keeping import START_MS, TOKEN, Clock, log_at

PEER = Caller(door=Door.PEER, role=AccessRole.OPERATOR, name="control", id="a1b2", address="10.0.0.2")


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    log = log_at(tmp_path / "audit.db", Clock())
    log.ended(log.asked(TOKEN, "start_miner", {"peer": "rig-alpha"}, None), "")  # 1, 2
    log.ended(log.asked(OWNER, "remove_peer", {"peer": "rig-beta"}, None), "PEER_NOT_FOUND")  # 3, 4
    log.noted(PEER, "stop_miner", {"miner": "xmrig-1"})  # 5
    await log.close()
    return log.path


@pytest.mark.parametrize(
    ("wanted", "seqs"),
    [
        (Wanted(), [5, 4, 3, 2, 1]),
        (Wanted(limit=2), [5, 4]),
        (Wanted(before=3), [2, 1]),
        (Wanted(caller="script"), [2, 1]),
        (Wanted(caller="owner"), [4, 3]),
        (Wanted(caller="a1b2"), [5]),
        (Wanted(action="remove_peer"), [4, 3]),
        (Wanted(peer="rig-alpha"), [2, 1]),
        (Wanted(peer="control"), [5]),
        (Wanted(q="RIG-A"), [2, 1]),
        (Wanted(q="not_found"), [4]),
        (Wanted(q="%"), []),
        (Wanted(q="' OR 1=1 --"), []),
        (Wanted(since_ms=START_MS + 4), [5, 4]),
        (Wanted(until_ms=START_MS + 2), [2, 1]),
        (Wanted(caller="script", action="remove_peer"), []),
    ],
)
async def test_what_is_wanted(path: Path, wanted: Wanted, seqs: list[int]) -> None:
    assert [entry.seq for entry in part(path, wanted)] == seqs


def test_no_log_has_nothing_and_a_damaged_one_is_said(path: Path, tmp_path: Path) -> None:
    assert part(tmp_path / "none.db", Wanted()) == []
    path.write_bytes(b"x" * 9000)
    with pytest.raises(OperationFailed) as said:
        part(path, Wanted())
    assert said.value.code == "AUDIT_UNREADABLE"
