"""Real components for tests: what cannot be had is skipped by name, and is a failure where ``CI=true``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from tests.components import chromium as chromium_component
from tests.components import monerod as monerod_component
from tests.components import namespaces as namespaces_component
from tests.components import node_js as node_component
from tests.components import postgresql as postgresql_component
from tests.components import prometheus as prometheus_component
from tests.components import systemd as systemd_component
from tests.components import xmrig as xmrig_component
from tests.components.packages import CannotHave

if TYPE_CHECKING:
    from tests.history.stores import OpenHistory

T = TypeVar("T")

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
"""What was compiled is kept, whatever this shell says: hundreds of nodes and commands are started here, and compiling
is half of what a start costs; so is each worker's own copy of the tests."""

LONGEST_FIRST = (
    "browser/test_axe.py",
    "browser/test_trouble.py",
    "browser/test_session.py",
    "integration/test_two_hosts.py",
    "integration/test_watchdog_real.py",
    "integration/test_miners_outlive_the_agent.py",
    "integration/test_recovery.py",
    "integration/test_deploy.py",
    "integration/test_history_of_a_node.py",
    "integration/test_contract.py",
    "integration/test_history_fill_in.py",
    "integration/test_rig_under_control.py",
    "integration/test_own_miners.py",
    "benches/test_benches.py",
    "cli/test_demo.py",
    "integration/test_pairings.py",
    "miners/test_xmrig_reload.py",
)
"""Files that take a minute or more, most of it waiting: begun last, they would go on when all others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, the others as they were."""
    rank = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


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
def prometheus_programs() -> prometheus_component.Programs:
    """A real Prometheus to start, and its promtool."""
    return _have("prometheus", prometheus_component.obtain)


@pytest.fixture(scope="session")
def systemd_analyze() -> systemd_component.Analyze:
    """A real systemd-analyze."""
    return _have("systemd-analyze", systemd_component.obtain)


@pytest.fixture(scope="session")
def node_tools() -> node_component.NodeTools:
    """A real Node.js with the packages of ``web/``."""
    return _have("Node.js", node_component.obtain)


@pytest.fixture(scope="session")
def chromium_program() -> Path:
    """A real Chromium to start."""
    return _have("chromium", chromium_component.obtain)


@pytest.fixture(scope="session")
def built_page() -> Path:
    """The page as its sources are."""
    return _have("the page", node_component.page)


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


@contextmanager
def _running_chain(program: Path, folder: Path) -> Iterator[monerod_component.Chain]:
    chain = monerod_component.Chain(program, folder)
    chain.start()
    try:
        yield chain
    finally:
        chain.stop()


@pytest.fixture(scope="module")
def chain(monerod_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[monerod_component.Chain]:
    """A private chain with a running daemon, for all tests of a file: each mines on from where the last one left it."""
    with _running_chain(monerod_program, tmp_path_factory.mktemp("chain")) as chain:
        yield chain


@pytest.fixture
def own_chain(monerod_program: Path, tmp_path: Path) -> Iterator[monerod_component.Chain]:
    """A chain for one test, which may end its daemon."""
    folder = tmp_path / "chain"
    folder.mkdir()
    with _running_chain(monerod_program, folder) as chain:
        yield chain


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
