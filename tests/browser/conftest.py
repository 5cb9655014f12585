"""One run of Node.js for each file of scenes; its tests ask what came of theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.scenes import PATIENCE_S, run, titles
from tests.components.node_js import NodeTools

Play = Callable[[str], None]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each scene of the file that a module names. The first one waits for all of them."""
    if "title" in metafunc.fixturenames:
        patient = pytest.mark.timeout(PATIENCE_S + 100)
        metafunc.parametrize("title", [pytest.param(title, marks=patient) for title in titles(metafunc.module.SCENES)])


@pytest.fixture(scope="module")
def play(
    request: pytest.FixtureRequest,
    node_tools: NodeTools,
    built_page: Path,
    chromium_program: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Play:
    """Return what fails if the scene of that title does. The first one plays all that were asked for."""
    assert built_page.is_dir()
    name: str = request.module.SCENES
    wanted = [
        str(item.callspec.params["title"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module and hasattr(item, "callspec")
    ]
    came: dict[str, str] = {}

    def outcome(title: str) -> None:
        if not came:
            came.update(run(name, wanted, node_tools, chromium_program, tmp_path_factory.mktemp("browser")))
        assert title in came, f"{name} was played, and this scene was not in it"
        if came[title]:
            pytest.fail(came[title], pytrace=False)

    return outcome
