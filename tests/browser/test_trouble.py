"""What goes wrong on a rig is on the page in half a minute, with its reason, and goes again by itself."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "trouble.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
