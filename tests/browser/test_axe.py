"""axe finds nothing on any page, in either theme, in any width."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "axe.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
