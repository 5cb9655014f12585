"""A rig's page, used: commands, ranges, console, watchdog."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "rig.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
