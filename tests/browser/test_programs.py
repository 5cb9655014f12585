"""The real XMRig: given to a rig and taken back from its page, and its log as it writes it."""

from __future__ import annotations

from pathlib import Path

from tests.browser.conftest import Play

SCENES = "programs.scene.ts"


def test_scene(title: str, play: Play, xmrig_program: Path) -> None:
    assert xmrig_program.exists()
    play(title)
