"""Whether the page is opened, and in what."""

from __future__ import annotations

import subprocess
import sys
import threading
import webbrowser
from pathlib import Path

import pytest

from miner_ctrl.cli import browser
from tests.cli.fake_node import environment


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there always is a display")
@pytest.mark.parametrize(
    ("environ", "shown"),
    [({}, False), ({"DISPLAY": ""}, False), ({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "wayland-0"}, True)],
)
def test_without_a_display_there_is_none(environ: dict[str, str], shown: bool) -> None:
    assert browser.has_display(environ) is shown


OPEN = "import threading; from miner_ctrl.cli.browser import open_page; open_page('http://127.0.0.1:9'); "
OPEN += "[each.join() for each in threading.enumerate() if each.name == 'browser']"


@pytest.mark.parametrize(
    ("name", "opened"), [("firefox", True), ("w3m", False), ("lynx", False), ("www-browser", False)]
)
def test_what_would_take_the_terminal_is_not_started(tmp_path: Path, name: str, opened: bool) -> None:
    program, asked = tmp_path / name, tmp_path / "asked"
    program.write_text(f'#!/bin/sh\necho "$*" > {asked}\n')
    program.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", OPEN], env=environment(BROWSER=f"{program} %s"), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (asked.read_text() if asked.exists() else "") == ("http://127.0.0.1:9\n" if opened else "")


def test_where_there_is_no_browser_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(using: str | None = None) -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    browser.open_page("http://127.0.0.1:9")
    assert not [each for each in threading.enumerate() if each.name == "browser"]
