"""``doctor`` as a person reads it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from miner_ctrl.cli.doctor import report
from tests.cli.fake_node import FakeNode, run, run_on_terminal

FACTS: dict[str, Any] = {
    "cpu": "AMD Ryzen 9 5950X 16-Core Processor",
    "available_cpu_cores": 32,
    "total_system_ram_gb": 31.3,
    "os": "Debian GNU/Linux 13 (trixie)",
    "version": "0.1.0",
}
PAGES = {
    "id": "huge-pages",
    "severity": "warning",
    "title": "No huge pages are reserved",
    "what": "RandomX wants 1200 of 2 MB here (1168 for dataset and cache, one a thread); none are reserved.",
    "gain": "Up to 50 % more hashrate on RandomX.",
    "fix": [
        "sudo sysctl -w vm.nr_hugepages=1200",
        "echo vm.nr_hugepages=1200 | sudo tee /etc/sysctl.d/60-miner-ctrl.conf-that-is-longer-than-any-terminal",
        "Or a sentence that tells a person what to do by hand, long enough that it has to be broken somewhere.",
    ],
}
WELL = [{"id": name, "severity": "ok", "title": name} for name in ("AES", "Disk space", "Clock")]


def test_a_terminal_of_80_columns_shows_it_whole(node: FakeNode, home: Path) -> None:
    node.on("POST", "/doctor", {**FACTS, "findings": [PAGES, *WELL]})
    ended = run_on_terminal(home, "doctor")
    assert ended.code == 0
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in ended.out.splitlines()]
    assert lines[2:5] == [
        "",
        "! No huge pages are reserved",
        "  RandomX wants 1200 of 2 MB here (1168 for dataset and cache, one a thread);",
    ]
    assert [line for line in lines if len(line) > 80] == [f"    {PAGES['fix'][1]}"], "only a command may not be broken"
    assert "  Brings: Up to 50 % more hashrate on RandomX." in lines
    assert "    sudo sysctl -w vm.nr_hugepages=1200" in lines
    assert "✓ well: AES, Disk space, Clock" in lines
    assert lines[-1] == "1 warning."


def test_findings_are_code_0_and_json_is_the_answer_itself(node: FakeNode, home: Path) -> None:
    answer = {**FACTS, "findings": [{**PAGES, "severity": "problem"}]}
    node.on("POST", "/doctor", answer)
    ended = run(home, "doctor", "--json")
    assert (ended.code, json.loads(ended.out)) == (0, answer)
    assert run(home, "doctor").out.splitlines()[-1] == "1 problem."


def test_a_node_that_fails_is_code_1(node: FakeNode, home: Path) -> None:
    node.fails("POST", "/doctor", 500, "INTERNAL_ERROR", "Something went wrong inside this node.")
    assert run(home, "doctor").code == 1


def test_nothing_missing_is_said_and_what_a_node_sends_cannot_paint_the_terminal() -> None:
    assert list(report({**FACTS, "findings": WELL}))[-1] == "Nothing is missing."
    evil = {"severity": "\x1b[2J", "title": "\x1b[2Jx", "what": "\x1b]0;t\x07y", "fix": ["\x1b[2Jz"]}
    text = "\n".join(report({"cpu": "\x1b[2J", "findings": [evil, "no finding"]}))
    assert "\x1b[2J" not in text
    assert "\x1b]" not in text
