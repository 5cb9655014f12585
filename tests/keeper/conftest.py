from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.keeper.keeping import Kept


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """A folder for one keeper; nothing of it runs afterwards."""
    folder = tmp_path / "sim-1"
    folder.mkdir(mode=0o700)
    kept = Kept(folder)
    yield kept
    kept.clean_up()
