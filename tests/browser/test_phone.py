"""What differs on a phone: what does not fit beside stands below, and is reached all the same."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "phone.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
