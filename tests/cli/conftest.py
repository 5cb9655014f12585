from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from miner_ctrl.config import Home
from tests.cli.fake_node import FakeNode


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def node(home: Path) -> Iterator[FakeNode]:
    made = FakeNode(Home.resolve(str(home)).socket)
    try:
        yield made
    finally:
        made.close()
