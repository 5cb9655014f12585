from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.miners.rig import Rig, start_of, until
from tests.worker.own_rig import OwnRig


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[OwnRig]:
    """A rig with profiles and a schedule; none of its processes runs afterwards."""
    rig = Rig(tmp_path)
    made = OwnRig(rig, tmp_path)
    yield made
    made.profiles.close()
    await rig.clean_up()
    await until(lambda: not any(start and start_of(pid) == start for pid, start in rig.pids()), "the end of all")
