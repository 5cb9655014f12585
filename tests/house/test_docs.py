"""What the documentation says is there: tables, links, tests, commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from miner_ctrl.cli.root import root
from scripts import tables
from tests.house.tree import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)[^)]*\)")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROOF = re.compile(r"`(tests/[\w./-]+\.py|web/[\w./-]+\.(?:test|scene)\.ts)(?:::([^`]+))?`")


def test_generated_tables_are_as_the_code_has_them() -> None:
    assert [str(page) for page in tables.stale(PAGES)] == [], "make docs"


def test_every_generated_table_is_shown() -> None:
    assert tables.marked(PAGES) == set(tables.TABLES)


def test_a_stale_table_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: limits -->\n| old |\n<!-- end -->\nafter\n")
    assert tables.stale([page]) == [page]
    page.write_text(tables.render(page.read_text()))
    assert tables.stale([page]) == []
    assert page.read_text().startswith("before\n<!-- table: limits -->\n| limit | value |")
    assert page.read_text().endswith("<!-- end -->\nafter\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    links = [match[1] for match in _LINK.finditer(page.read_text("utf-8"))]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_threat_names_a_test_that_exists() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| T")]
    assert len(rows) > 10
    assert [row for row in rows if not _PROOF.search(row)] == []
    missing = [match[0] for match in _PROOF.finditer(text) if not proof_exists(match[1], match[2])]
    assert missing == []


def proof_exists(path: str, test: str | None) -> bool:
    """Whether a test file, and the test in it if one is named (in TypeScript: by its title), exists."""
    file = ROOT / path
    if not file.is_file() or test is None:
        return file.is_file()
    text = file.read_text("utf-8")
    if file.suffix == ".ts":
        return f'"{test}"' in text
    return re.search(rf"^\s*(async )?def {re.escape(test)}\(", text, re.MULTILINE) is not None


def test_a_missing_proof_is_noticed() -> None:
    here = Path(__file__).relative_to(ROOT).as_posix()
    assert proof_exists(here, "test_a_missing_proof_is_noticed")
    assert not proof_exists(here, "test_nobody_wrote_this")
    assert not proof_exists("tests/house/test_nothing.py", None)
    assert proof_exists("web/src/format/format.test.ts", "writes never as never")
    assert not proof_exists("web/src/format/format.test.ts", "nobody wrote this")


def shown_commands() -> Iterator[tuple[str, str]]:
    """Yield page and command line of every ``miner-ctrl …`` line in a shell block of the documentation."""
    for page in PAGES:
        for language, block in _BLOCK.findall(page.read_text("utf-8")):
            for line in block.splitlines() if language in ("sh", "bash", "console") else ():
                command = line.removeprefix("$ ").partition("  #")[0].strip()
                if re.match(r"(\./)?miner-ctrl ", command):
                    yield page.name, command


@pytest.mark.parametrize(("page", "line"), sorted(set(shown_commands())))
def test_every_command_shown_can_be_given(page: str, line: str) -> None:
    words = shlex.split(re.split(r"\s[|>]\s?", line)[0])[1:]
    command: click.Command = root
    context = click.Context(root, info_name="miner-ctrl")
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"{page}: no command {name!r} in: {line}"
        command = found
    command.make_context(line, words, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_shown_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = set(re.findall(r"(?:^|`)make ([a-z-]+)\b", page.read_text("utf-8"), re.MULTILINE))
    assert shown <= targets
