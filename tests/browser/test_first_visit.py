"""From an empty page to a rig that mines, and back."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "first_visit.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
