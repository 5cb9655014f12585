"""No address of the page loads more than 120 kB."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "weight.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
