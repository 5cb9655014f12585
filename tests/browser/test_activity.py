"""Several rigs at once: a question, a job, an entry in the journal."""

from __future__ import annotations

from tests.browser.conftest import Play

SCENES = "activity.scene.ts"


def test_scene(title: str, play: Play) -> None:
    play(title)
