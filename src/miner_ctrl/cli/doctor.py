"""``miner-ctrl doctor``: what this machine lacks for mining, and how to get it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import click

from miner_ctrl.cli.command import Command, Settings, pass_settings
from miner_ctrl.cli.format import plural, shown
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import printed_json

WIDTH = 80
_INDENT = "  "
_MARKS = {"problem": ("✗", "red"), "warning": ("!", "yellow"), "hint": ("·", "cyan"), "ok": ("✓", "green")}


@click.command(
    cls=Command,
    epilog="""
    miner-ctrl doctor
    miner-ctrl doctor --json
    """,
)
@pass_settings
def doctor(settings: Settings) -> None:
    """Look at this machine: what mining lacks here, what that would bring, and the commands that bring it."""
    with local_node(settings.home) as api:
        answer = api.post("/doctor")
        if printed_json(settings, answer):
            return
    click.echo("\n".join(report(answer.data)))


def report(diagnosis: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a diagnosis, at most ``WIDTH`` wide but for commands, which stay whole."""
    yield from _wrapped(_headline(diagnosis), "")
    findings = [finding for finding in diagnosis.get("findings") or () if isinstance(finding, dict)]
    for finding in findings:
        if finding.get("severity") != "ok":
            yield ""
            yield from _finding(finding)
    well = [shown(finding.get("title"), 60) for finding in findings if finding.get("severity") == "ok"]
    if well:
        yield ""
        mark, colour = _MARKS["ok"]
        first, *rest = _wrapped(f"well: {', '.join(well)}", _INDENT)
        yield f"{click.style(mark, fg=colour)} {first.strip()}"
        yield from rest
    yield ""
    yield _sum(findings)


def _headline(facts: Mapping[str, Any]) -> str:
    cpu = shown(facts.get("cpu") or "a CPU without a name", 100)
    cores, memory = facts.get("available_cpu_cores"), facts.get("total_system_ram_gb")
    return (
        f"{cpu}, {cores} threads, {memory} GB; {shown(facts.get('os'), 60)}; miner-ctrl {shown(facts.get('version'))}"
    )


def _finding(finding: Mapping[str, Any]) -> Iterator[str]:
    mark, colour = _MARKS.get(str(finding.get("severity")), ("?", "white"))
    title, *more = _wrapped(shown(finding.get("title"), 200), _INDENT)
    yield f"{click.style(mark, fg=colour, bold=True)} {click.style(title.strip(), bold=True)}"
    yield from more
    for field, before in (("what", ""), ("gain", "Brings: ")):
        if finding.get(field):
            yield from _wrapped(before + shown(finding[field], 1000), _INDENT)
    for line in finding.get("fix") or ():
        text = shown(line, 1000)
        if is_command(text):
            yield f"{_INDENT}{_INDENT}{click.style(text, fg='cyan')}"
        else:
            yield from _wrapped(text, _INDENT + _INDENT)


def is_command(text: str) -> bool:
    """Whether a remedy is a command line, which must not be broken, and not a sentence."""
    return not text.endswith(".") and not text[:1].isupper()


def _sum(findings: list[dict[str, Any]]) -> str:
    counted = [
        plural(number, word)
        for word in ("problem", "warning", "hint")
        if (number := sum(finding.get("severity") == word for finding in findings))
    ]
    return f"{', '.join(counted)}." if counted else "Nothing is missing."


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [indent]
