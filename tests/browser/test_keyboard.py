"""Everything by keyboard."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "keyboard.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
