"""axe finds nothing on any page."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Play
from tests.browser.scenes import titles

SCENES = "axe.scene.ts"


@pytest.mark.timeout(1600)
@pytest.mark.parametrize("title", titles(SCENES))
def test_scene(title: str, play: Play) -> None:
    play(title)
