"""The simulated fleet that the page is tried with: a whole node answers for it, and it ends with whoever began it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.house.tree import ROOT

PATIENCE_S = 120


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "benches.page_fleet", "--rigs", "40", "--hostile", "--quiet"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.stdin.close()
            assert process.wait(PATIENCE_S) == 0, "it ends when who began it has ended"


def ask(url: str, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/api/v1/mining{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)


def test_rigs_are_of_every_kind_and_their_pages_answer(url: str) -> None:
    totals = ask(url, "/fleet/totals")
    assert totals["rigs"] == 40
    assert min(totals[state] for state in ("mining", "paused", "idle", "trouble", "offline")) > 0
    assert {"crashed", "gave_up", "hung", "hot", "no_shares", "refused"} <= {
        each["kind"] for each in ask(url, "/alerts")
    }
    rows = {row["name"]: row for row in ask(url, "/fleet")}
    assert ask(url, "/remote/rig-alpha/info")["cpu"]
    assert ask(url, "/remote/rig-alpha/stats")["miners"][0]["hashrate"] > 0
    log = ask(url, "/remote/rig-alpha/logs/xmrig-1?lines=50")
    assert len(log) == 50
    assert any("\x1b[" in line for line in log)
    assert any("<script>" in json.dumps(row) for row in rows.values()), "they say what is meant to do harm"


def test_commands_are_answered_and_are_seen(url: str) -> None:
    assert ask(url, "/remote/rig-beta/stop", {})["status"] == "stopped"
    assert ask(url, "/remote/rig-beta/stats")["miners"] == []
    assert ask(url, "/remote/rig-beta/start", {"profileId": "main"})["status"] == "started"
    assert ask(url, "/remote/rig-beta/stats")["miners"][0]["state"] == "mining"


def test_a_day_of_every_rig_is_there(url: str) -> None:
    bands = ask(url, "/history/bands?peers=rig-alpha,rig-beta,rig-eta")
    assert len(bands["bands"]) == 3
    assert all(band["states"].count("m") + band["states"].count("t") > 40 for band in bands["bands"])
    assert all(band["hashrate"] and band["events"] for band in bands["bands"])
    assert ask(url, "/history/fleet/hashrate")["lines"]
    assert ask(url, "/jobs")
    assert len(ask(url, "/peers/pending")) == 3
