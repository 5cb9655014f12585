"""A farm for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.controller.farm import Farm


@pytest.fixture
async def farm(tmp_path: Path) -> AsyncIterator[Farm]:
    farm = Farm(tmp_path, 6)
    yield farm
    farm.let_go.set()
    await farm.jobs.close()
    farm.registry.close()
