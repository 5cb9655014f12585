"""``miner-ctrl schedule``: when this machine mines; and ``remote schedule``, the same from afar."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miner_ctrl.cli.command import Command, Group, Settings, completes, pass_settings
from miner_ctrl.cli.format import shown, until
from miner_ctrl.cli.local_api import Answer, LocalApi, part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import note, printed_json
from miner_ctrl.errors import BadInput, MinerCtrlError

if TYPE_CHECKING:
    from miner_ctrl.model.rig import Schedule

MAX_FILE_BYTES = 256 * 1024
PEERS_AT_ONCE = 16
_RUN, _PAUSE, _MIXED = ".", "p", "*"
_PROFILE_LETTERS = "ABCDEFGHIJKLMNOQRSTUVWXYZ"
_OTHER_PROFILE = "?"


@click.group(
    cls=Group,
    epilog="""
    miner-ctrl schedule set "mon-fri 08:00-18:00 pause" "otherwise run"
    miner-ctrl schedule add sat,sun 00:00-24:00 profile:weekend
    miner-ctrl schedule show
    """,
)
def schedule() -> None:
    """When this machine mines, pauses or runs another profile: a week of rules, in its own local time.

    A rule is DAYS HH:MM-HH:MM DO, or: otherwise DO. Days are mon, mon-fri, sat,sun or daily; DO is run, pause or
    profile:NAME. Of rules that overlap the last counts. Between two edges commands hold: a miner that is resumed by
    hand goes on until the next edge.
    """


@schedule.command(epilog="miner-ctrl schedule show")
@pass_settings
def show(settings: Settings) -> None:
    """Draw the week, and say what holds now and until when."""
    with local_node(settings.home) as api:
        answer = api.get("/schedule")
    if not printed_json(settings, answer):
        _show(answer.data)


@schedule.command(
    "set",
    epilog="""
    miner-ctrl schedule set "mon-fri 08:00-18:00 pause"
    miner-ctrl schedule set daily 22:00-06:00 profile:night otherwise pause
    """,
)
@click.argument("rules", metavar="RULE...", nargs=-1, required=True)
@pass_settings
def set_(settings: Settings, rules: tuple[str, ...]) -> None:
    """Set the whole schedule."""
    made = _parsed(rules)
    with local_node(settings.home) as api:
        _put(api, settings, made)


@schedule.command(epilog="miner-ctrl schedule add sun 02:00-04:00 pause")
@click.argument("rules", metavar="RULE...", nargs=-1, required=True)
@pass_settings
def add(settings: Settings, rules: tuple[str, ...]) -> None:
    """Add rules after those there are: where they overlap, the new ones count."""
    _parsed(rules)  # what is wrong with them is wrong without a node, too
    with local_node(settings.home) as api:
        _put(api, settings, _parsed(rules, _schedule_of(api.get("/schedule").data)))


@schedule.command(epilog="miner-ctrl schedule clear")
@pass_settings
def clear(settings: Settings) -> None:
    """Remove the schedule; what it has paused or switched goes back."""
    with local_node(settings.home) as api:
        answer = api.delete("/schedule")
        if not printed_json(settings, answer):
            click.echo("There is no schedule any more.")
        _say_who_keeps_it(api)


@click.command(
    "schedule",
    cls=Command,
    epilog="""
    miner-ctrl remote schedule rig-alpha --show
    miner-ctrl remote schedule rig-alpha rig-beta --rule "mon-fri 08:00-18:00 pause"
    miner-ctrl remote schedule rig-alpha --file week.txt
    """,
)
@click.argument("peers", metavar="PEER...", nargs=-1, required=True, shell_complete=completes("peers"))
@click.option(
    "--rule", "rules", metavar="RULE", multiple=True, help="A rule as schedule set takes it; may be repeated."
)
@click.option("--file", "file", type=click.Path(), help="Rules, one a line, or JSON.")
@click.option("--clear", "cleared", is_flag=True, help="Remove the schedule.")
@click.option("--show", "shown_", is_flag=True, help="Draw the schedule of each PEER.")
@pass_settings
@click.pass_context
def remote_schedule(
    ctx: click.Context,
    settings: Settings,
    *,
    peers: tuple[str, ...],
    rules: tuple[str, ...],
    file: str | None,
    cleared: bool,
    shown_: bool,
) -> None:
    """When the PEERs mine, pause or run another profile.

    Hours are the PEERs' own local time, and profiles those that they have. Without an option: as with --show.
    """
    if sum((bool(rules), file is not None, cleared, shown_)) > 1:
        raise click.UsageError("Give one of --rule, --file, --clear and --show.")
    shown_ = not (rules or file is not None or cleared)

    def tell(peer: str, answer: Answer) -> None:
        if shown_:
            click.echo(f"{shown(peer, 63)}:")
            _show(answer.data)
        else:
            click.echo(f"{shown(peer, 63)} {'has no schedule any more' if cleared else 'has the schedule'}.")

    with local_node(settings.home) as api:
        if shown_:
            code = _at_each(peers, lambda peer: api.get(f"/remote/{part(peer)}/schedule"), tell, settings)
        else:
            body = _body({} if cleared else _parsed(rules) if rules else _read(Path(file or "")))
            code = _at_each(peers, lambda peer: api.post(f"/remote/{part(peer)}/schedule", body), tell, settings)
    ctx.exit(code)


def week_lines(made: Schedule) -> list[str]:
    """Return the week as 7 rows of 24 hours, one letter each, and what the letters mean; 80 columns at most."""
    from miner_ctrl.model.week import DAY_NAMES, PAUSE, RUN, asked_for  # noqa: PLC0415 - msgspec: not for --help

    hours = [
        [{asked_for(made, day, hour * 60 + minute) for minute in range(60)} for hour in range(24)] for day in range(7)
    ]
    letters = {RUN: _RUN, PAUSE: _PAUSE}
    free = iter(_PROFILE_LETTERS)
    for asked in (asked for row in hours for asked in row if len(asked) == 1):
        [do] = asked
        if do not in letters:
            letters[do] = next(free, _OTHER_PROFILE)

    def letter(asked: set[str]) -> str:
        return letters[next(iter(asked))] if len(asked) == 1 else _MIXED

    lines = ["     " + " ".join(f"{hour:02}" for hour in range(24))]
    lines += [
        f"{DAY_NAMES[day]}  " + " ".join(f"{letter(asked)} " for asked in row).rstrip() for day, row in enumerate(hours)
    ]
    used = {letter(asked) for row in hours for asked in row}
    legend = [f"{sign} {do}" for do, sign in letters.items() if sign in used]
    legend += [f"{_MIXED} changes within the hour"] if _MIXED in used else []
    return [*lines, *_wrapped(legend)]


def _wrapped(parts: Sequence[str], width: int = 80) -> list[str]:
    lines: list[str] = []
    for text in parts:
        if lines and len(lines[-1]) + 3 + len(text) <= width:
            lines[-1] += f"   {text}"
        else:
            lines.append(f"     {text}"[:width])
    return lines


def _show(view: Mapping[str, Any]) -> None:
    from miner_ctrl.model.week import is_empty, rule_text  # noqa: PLC0415

    made = _schedule_of(view)
    if is_empty(made):
        click.echo("There is no schedule: what runs is up to commands alone.")
        return
    for line in week_lines(made):
        click.echo(line)
    click.echo("")
    for rule in made.rules:
        click.echo(f"  {rule_text(rule)}")
    click.echo(f"  otherwise {made.otherwise}")
    ends = f", and changes {until(view['until'])}" if view.get("until") else ", and never changes"
    click.echo(f"Now ({shown(view.get('localTime'), 20)} there): {shown(view.get('now'), 80)}{ends}.")
    if view.get("problem"):
        note(shown(view["problem"], 1000))


def _put(api: LocalApi, settings: Settings, made: Schedule) -> None:
    answer = api.put("/schedule", _body(made))
    if not printed_json(settings, answer):
        _show(answer.data)
    _note_lost_profiles(api, made)
    _say_who_keeps_it(api)


def _note_lost_profiles(api: LocalApi, made: Schedule) -> None:
    """Say which profiles the rules name that this node has not: they may come later."""
    from miner_ctrl.errors import NotFound  # noqa: PLC0415
    from miner_ctrl.model.week import profile_named  # noqa: PLC0415

    asked = dict.fromkeys(filter(None, map(profile_named, [*(rule.do for rule in made.rules), made.otherwise])))
    for name in asked:
        try:
            api.get(f"/profiles/{part(name)}")
        except NotFound:
            note(f"This node has no profile {name} yet: miner-ctrl profile create {name} …")


def _say_who_keeps_it(api: LocalApi) -> None:
    if api.momentary:
        note("Nobody keeps the schedule until this node serves: miner-ctrl node serve")


def _parsed(rules: Sequence[str], present: Schedule | None = None) -> Schedule:
    from miner_ctrl.model.week import parse_rules  # noqa: PLC0415

    return parse_rules(rules, present)


def _schedule_of(view: Mapping[str, Any]) -> Schedule:
    import msgspec  # noqa: PLC0415

    from miner_ctrl.model.rig import Schedule  # noqa: PLC0415

    return msgspec.convert({"rules": view.get("rules", ()), "otherwise": view.get("otherwise", "run")}, Schedule)


def _body(made: Schedule | Mapping[str, object]) -> dict[str, object]:
    import msgspec  # noqa: PLC0415

    body: dict[str, object] = msgspec.to_builtins(made)
    return body


def _read(path: Path) -> Schedule:
    """Return the schedule in a file: rules, one a line (after ``#`` a remark), or JSON as of ``schedule show --json``.

    Raises:
        BadInput: it is neither, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise BadInput(
            f"{shown(path)} cannot be read: {error.strerror}.", suggestion="Give a file with rules, one a line."
        ) from None
    if not text.lstrip().startswith("{"):
        return _parsed([line.partition("#")[0] for line in text.splitlines()])
    import msgspec  # noqa: PLC0415

    try:
        found = json.loads(text)
        return _schedule_of(found)
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise BadInput(
            f"{path.name} is no schedule: {shown(error, 200)}.",
            suggestion="Write one rule a line, or take what `miner-ctrl schedule show --json` prints.",
            code="BAD_SCHEDULE",
        ) from None


def _at_each(
    peers: Sequence[str], ask: Callable[[str], Answer], tell: Callable[[str, Answer], None], settings: Settings
) -> int:
    """Ask all peers at once, tell of each in the order named, and return the exit code of the first failure."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only here

    from miner_ctrl.cli.run import exit_code_of, show_error  # noqa: PLC0415 - run imports the root, which imports this

    code = 0
    with ThreadPoolExecutor(min(PEERS_AT_ONCE, len(peers)), "schedule") as pool:
        for peer, asked in [(peer, pool.submit(ask, peer)) for peer in peers]:
            try:
                answer = asked.result()
            except MinerCtrlError as error:
                show_error(error, as_json=settings.json)
                code = code or exit_code_of(error)
            else:
                if not printed_json(settings, answer):
                    tell(peer, answer)
    return code
