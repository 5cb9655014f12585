"""``history.toml``: how long what is kept, what is said of what cannot be, and that a node heeds it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from miner_ctrl.errors import BadInput
from miner_ctrl.history.settings import read_history_settings
from miner_ctrl.model.history import HistorySettings
from miner_ctrl.model.nodes import Role
from tests.controller.test_backfill import history_of
from tests.integration.inside import running

DOCUMENT = (Path(__file__).parents[2] / "docs" / "history.md").read_text("utf-8")
ALL = "samples_hours = 48\nminutes_days = 60\nhours_days = 365\nevents_days = 90.5"


def settings(tmp_path: Path, text: str) -> HistorySettings:
    path = tmp_path / "history.toml"
    path.write_text(text)
    return read_history_settings(path)


def test_without_a_file_a_day_30_days_and_2_years_are_kept(tmp_path: Path) -> None:
    usual = HistorySettings(samples_hours=24, minutes_days=30, hours_days=730, events_days=730)
    assert read_history_settings(tmp_path / "history.toml") == usual == settings(tmp_path, "")


def test_every_time_can_be_set(tmp_path: Path) -> None:
    assert settings(tmp_path, ALL) == HistorySettings(
        samples_hours=48, minutes_days=60, hours_days=365, events_days=90.5
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("samples_hours = 0.5", "samples_hours"),
        ("samples_hours = '24'", "samples_hours"),
        ("minutes_days = nan", "minutes_days"),
        ("hours_days = 1e9", "hours_days"),
        ("events_days = -1", "events_days"),
        ("weeks = 1", "weeks"),
        ("[samples", "is no TOML"),
        ("samples_hours = 72\nminutes_days = 2", "finer rows for longer"),
        ("minutes_days = 30\nhours_days = 7", "finer rows for longer"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadInput, match=re.escape(words)) as refused:
        settings(tmp_path, text)
    assert refused.value.code == "BAD_HISTORY_SETTINGS"
    assert "history.toml" in refused.value.message
    assert "docs/history.md" in refused.value.suggestion


def test_the_document_lists_every_setting_and_what_it_may_be() -> None:
    for field in msgspec.structs.fields(HistorySettings):
        assert re.search(rf"^\|.*`{field.name}` \(\d+ to \d+\) \|$", DOCUMENT, re.MULTILINE), field.name


async def test_a_controller_keeps_what_its_file_says(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir(mode=0o700)
    (tmp_path / "config" / "history.toml").write_text(ALL)
    async with running(tmp_path, "desk", Role.CONTROLLER) as desk:
        history = history_of(desk)
        kept, floors = (await history.status()).retention, await history._store.floors()
    assert (kept.samples_hours, kept.minutes_days, kept.hours_days, kept.events_days) == (48, 60, 365, 90.5)
    hour_ms = 3_600_000
    assert (floors.samples - floors.minutes) // hour_ms == 58 * 24
    assert (floors.minutes - floors.hours) // hour_ms == 305 * 24
    assert (floors.events - floors.hours) // hour_ms == int(274.5 * 24)
