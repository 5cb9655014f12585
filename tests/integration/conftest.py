from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.integration.nodes import NodeProcess


class MakeNode(Protocol):
    def __call__(
        self, name: str, *, inside: tuple[str, ...] = (), env: dict[str, str] | None = None
    ) -> NodeProcess: ...


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[MakeNode]:
    """Makes nodes with fresh homes; when the test ends, nothing of them lives."""
    with ExitStack() as made:

        def make(name: str, *, inside: tuple[str, ...] = (), env: dict[str, str] | None = None) -> NodeProcess:
            node = NodeProcess(tmp_path / name, inside=inside, env=env)
            made.callback(node.end)
            return node

        yield make
