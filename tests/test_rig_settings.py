"""``rig.toml``: what may stand in it, what is said of what may not, and the document that lists it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from miner_ctrl.errors import BadInput
from miner_ctrl.model.rig import RigSettings, WatchdogSettings
from miner_ctrl.rig_settings import read_rig_settings
from miner_ctrl.storage.toml_file import MAX_BYTES

DOCUMENT = (Path(__file__).parents[1] / "docs" / "watchdog.md").read_text("utf-8")


def settings(tmp_path: Path, text: str | bytes) -> RigSettings:
    path = tmp_path / "rig.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_rig_settings(path)


def test_without_a_file_everything_is_as_usual(tmp_path: Path) -> None:
    assert read_rig_settings(tmp_path / "rig.toml") == RigSettings() == settings(tmp_path, "")


def test_every_setting_can_be_set(tmp_path: Path) -> None:
    text = "sample_every_s = 2\nkeep_journal_days = 1.5\n[watchdog]\nenabled = false\nreboot_command = ['/bin/true']"
    assert settings(tmp_path, text) == RigSettings(
        sample_every_s=2,
        keep_journal_days=1.5,
        watchdog=WatchdogSettings(enabled=False, reboot_command=("/bin/true",)),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sample_every_s = 0.5", "sample_every_s"),
        ("sample_every_s = nan", "sample_every_s"),
        ("sample_every_s = '10'", "sample_every_s"),
        ("often = 1", "often"),
        ("watchdog = 7", "watchdog"),
        ("[watchdog]\nrestarts_at_most = -1", "watchdog.restarts_at_most"),
        ("[watchdog]\nbackoff_first_s = 1e300", "watchdog.backoff_first_s"),
        ("[watchdog]\nenabled = 1", "watchdog.enabled"),
        ("[watchdog]\nsilent = 1", "watchdog"),
        ("[watchdog]\nreboot_command = '/sbin/reboot'", "watchdog.reboot_command"),
        ("[watchdog]\nreboot_command = ['reboot']", "absolute path"),
        ("[watchdog]\nreboot_command = ['/sbin/reboot', \"a\\u0000b\"]", "zero character"),
        ("[watchdog]\nreboot_command = " + str(["/x"] * 17), "watchdog.reboot_command"),
        ("a" * (MAX_BYTES + 1), "larger than"),
        (b"\xff\xfe", "is no TOML"),
        ("[watchdog", "is no TOML"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(BadInput) as refused:
        settings(tmp_path, text)
    message = refused.value.message
    assert words in message
    assert str(tmp_path / "rig.toml") in message
    assert message.endswith(".")
    assert "`" not in message


def test_the_document_lists_every_setting_with_its_usual_value() -> None:
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (\S+) \|", DOCUMENT, re.MULTILINE))
    usual: dict[str, Any] = msgspec.to_builtins(RigSettings())
    flat = {key: value for key, value in usual.items() if key != "watchdog"}
    flat |= {f"watchdog.{key}": value for key, value in usual["watchdog"].items()}
    assert rows == {key: msgspec.json.encode(value).decode() for key, value in flat.items()}


def test_the_documents_example_is_one(tmp_path: Path) -> None:
    [example] = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert settings(tmp_path, example).watchdog.reboot_command == ("/usr/bin/systemctl", "reboot")
