"""What rigs, miners and pools say to do harm is text on the page."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "hostile.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
