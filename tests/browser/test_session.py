"""Who may see the page, its addresses, and a node that goes away under it."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Play
from tests.browser.scenes import titles

SCENES = "session.scene.ts"


@pytest.mark.timeout(1600)
@pytest.mark.parametrize("title", titles(SCENES))
def test_scene(title: str, play: Play) -> None:
    play(title)
