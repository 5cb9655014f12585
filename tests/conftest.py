"""Real components for tests: what cannot be had is skipped by name, and is a failure where ``CI=true``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from tests.components import monerod as monerod_component
from tests.components import namespaces as namespaces_component
from tests.components import postgresql as postgresql_component
from tests.components import systemd as systemd_component
from tests.components import xmrig as xmrig_component
from tests.components.packages import CannotHave

if TYPE_CHECKING:
    from tests.history.stores import OpenHistory

T = TypeVar("T")


def _have(name: str, obtain: Callable[[], T]) -> T:
    try:
        return obtain()
    except CannotHave as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is needed in CI: {reason}")
        pytest.skip(f"{name}: {reason}")


@pytest.fixture(scope="session")
def xmrig_program() -> Path:
    """A real XMRig to start."""
    return _have("xmrig", xmrig_component.obtain)


@pytest.fixture(scope="session")
def monerod_program() -> Path:
    """A real monerod to start."""
    return _have("monerod", monerod_component.obtain)


@pytest.fixture(scope="session")
def systemd_analyze() -> systemd_component.Analyze:
    """A real systemd-analyze."""
    return _have("systemd-analyze", systemd_component.obtain)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql_component.Server]:
    """A running PostgreSQL, one for all tests of this process. Who stops it starts it again."""
    server = postgresql_component.Server(_have("postgresql", postgresql_component.obtain))
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgresql(postgresql_server: postgresql_component.Server) -> Iterator[postgresql_component.Database]:
    """An empty database of that server, this test's own."""
    database = postgresql_server.new_database()
    yield database
    postgresql_server.start()
    database.drop()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database for a history, in turn."""
    kind: str = request.param
    return kind


@pytest.fixture
def open_history(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> OpenHistory:
    """An empty history in each kind of database, in turn."""
    from tests.history.stores import in_postgresql, in_sqlite  # noqa: PLC0415 - only where there is a history

    if store_kind == "sqlite":
        return in_sqlite(tmp_path / "mining.db")
    return in_postgresql(request.getfixturevalue("postgresql"))


@pytest.fixture
def chain(monerod_program: Path, tmp_path: Path) -> Iterator[monerod_component.Chain]:
    """A private chain with a running daemon."""
    folder = tmp_path / "chain"
    folder.mkdir()
    chain = monerod_component.Chain(monerod_program, folder)
    chain.start()
    try:
        yield chain
    finally:
        chain.stop()


@pytest.fixture
def two_hosts() -> Iterator[namespaces_component.TwoHosts]:
    """Two hosts with a network of their own."""
    _have("namespaces", namespaces_component.check)
    hosts = namespaces_component.TwoHosts()
    try:
        hosts.make()
        yield hosts
    finally:
        hosts.remove()
