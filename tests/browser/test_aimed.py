"""Under a pointer, and where the focus is, lists keep their order and their place."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "aimed.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
