"""A viewer is offered nothing that changes something."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "roles.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
