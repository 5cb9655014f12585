"""At most once: what the journal says of a command it has seen, also after the process that ran it is gone."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from miner_ctrl.errors import StateDamaged
from miner_ctrl.protocol.limits import COMMANDS_REMEMBERED_PER_PEER
from miner_ctrl.protocol.messages import MinerAck, StartMiner, StopMiner
from miner_ctrl.worker.journal import Journal, Standing, command_hash

PEER, OTHER = b"p" * 32, b"q" * 32
START = command_hash(StartMiner(profile_hash="aa"))


def opened(path: Path) -> Journal:
    journal = Journal(path, now_ms=lambda: 1)
    journal.open()
    return journal


async def test_a_repeat_gets_the_first_answer_also_from_the_next_process(tmp_path: Path) -> None:
    journal = opened(tmp_path / "worker.db")
    assert await journal.begin(PEER, "m1", START) == (Standing.NEW, None)
    assert (await journal.begin(PEER, "m1", START))[0] is Standing.IN_PROGRESS
    await journal.finish(PEER, "m1", MinerAck(status="started", miners=("xmrig-1",)))
    await journal.close()

    again = opened(tmp_path / "worker.db")
    standing, answer = await again.begin(PEER, "m1", START)
    assert standing is Standing.ANSWERED
    assert answer == MinerAck(status="started", miners=("xmrig-1",))
    await again.close()


async def test_the_same_id_with_other_content_or_from_another_peer(tmp_path: Path) -> None:
    journal = opened(tmp_path / "worker.db")
    await journal.begin(PEER, "m1", START)
    assert (await journal.begin(PEER, "m1", command_hash(StopMiner())))[0] is Standing.DIFFERENT, "also while it runs"
    await journal.finish(PEER, "m1", MinerAck(status="started"))
    assert (await journal.begin(PEER, "m1", command_hash(StopMiner())))[0] is Standing.DIFFERENT
    assert (await journal.begin(OTHER, "m1", START))[0] is Standing.NEW
    await journal.close()


def test_type_and_payload_make_the_hash() -> None:
    assert command_hash(StartMiner(profile_hash="aa")) == START
    assert command_hash(StartMiner(profile_hash="ab")) != START
    assert command_hash(StopMiner()) != command_hash(StartMiner())


CRASHES_WHILE_AT_IT = """
import asyncio, os, signal, sys
from pathlib import Path
from miner_ctrl.worker.journal import Journal
async def main():
    journal = Journal(Path(sys.argv[1]), now_ms=lambda: 1)
    journal.open()
    await journal.begin(b"p" * 32, "m1", bytes.fromhex(sys.argv[2]))
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


async def test_after_a_crash_the_outcome_is_said_to_be_unknown(tmp_path: Path) -> None:
    path = tmp_path / "worker.db"
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", CRASHES_WHILE_AT_IT, str(path), START.hex())
    assert await ended.wait() == -signal.SIGKILL
    journal = opened(path)
    assert (await journal.begin(PEER, "m1", START))[0] is Standing.OUTCOME_UNKNOWN
    await journal.close()


async def test_the_newest_commands_of_each_peer_are_kept(tmp_path: Path) -> None:
    journal = opened(tmp_path / "worker.db")
    await journal.begin(OTHER, "other", START)
    for number in range(COMMANDS_REMEMBERED_PER_PEER + 10):
        await journal.begin(PEER, f"m{number}", START)
        await journal.finish(PEER, f"m{number}", MinerAck(status="done"))
    assert (await journal.begin(PEER, "m10", START))[0] is Standing.ANSWERED
    assert (await journal.begin(PEER, "m9", START))[0] is Standing.NEW
    await journal.close()
    again = opened(tmp_path / "worker.db")
    assert (await again.begin(OTHER, "other", START))[0] is Standing.OUTCOME_UNKNOWN
    await again.close()


def test_a_damaged_journal_stops_the_start_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "worker.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StateDamaged, match=r"worker\.db"):
        opened(path)
    assert path.read_bytes().startswith(b"not a database")
