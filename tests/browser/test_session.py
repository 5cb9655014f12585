"""Who may see the page, its addresses, and a node that goes away under it."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "session.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
