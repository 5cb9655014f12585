"""What an owner does of an evening, and how it feels under a thumb."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "owner.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
