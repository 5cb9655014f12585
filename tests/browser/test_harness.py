"""The strict checks that every scene is held to, tried in the browser themselves."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "harness.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
