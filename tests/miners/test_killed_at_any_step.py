"""Wherever an agent is killed, the next one has the rig do what is on its disk: one process a miner, none unknown."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from miner_ctrl.miners.record import PAUSED, RECORD_FILE, read_record
from miner_ctrl.model.miners import MinerState
from tests.miners.rig import QUICK, Rig, sampled

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

STEPS = 17
"""At least as many as the work has: the last ones are not reached, and then nothing may be left."""


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
async def test_killed_at(rig: Rig, step: int, before: bool) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.miners.killed_agent", str(rig.data), str(rig.run), str(step), str(int(before)),
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    await process.communicate()
    miners = await rig.agent(settings=QUICK)
    records = [read_record(path) for path in rig.data.glob(f"*/{RECORD_FILE}")]
    assert set(miners.names()) == {record.name for record in records if not record.stopped}
    for record in records:
        if record.stopped:
            assert record.settled
            continue
        assert record.config is not None
        state = MinerState.PAUSED if record.wanted == PAUSED else MinerState.MINING
        pool = record.config.pool
        stats = await sampled(miners, record.name, lambda seen: seen.state is state and seen.pool == pool)  # noqa: B023
        assert stats.profile_hash == record.profile.content_hash
    assert len(rig.keepers()) == len(miners.names())
