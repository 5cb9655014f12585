"""axe finds nothing in what opens over a page."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "dialogs.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
