from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.miners.rig import Rig, start_of, until


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """A rig without miners; none of its processes runs afterwards."""
    rig = Rig(tmp_path)
    yield rig
    await rig.clean_up()
    await until(lambda: not any(start and start_of(pid) == start for pid, start in rig.pids()), "the end of all")
    assert rig.keepers() == [], "somebody's keeper was forgotten"
