"""Who may be a peer: compared and approved, or refused."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "pairing.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
