"""The settings, used: tokens, logins, what is kept, how the page looks."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "settings.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
