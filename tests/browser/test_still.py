"""Nothing jumps: not when data comes late, not while it changes."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "still.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
