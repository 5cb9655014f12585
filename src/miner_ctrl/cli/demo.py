"""``miner-ctrl demo``: a controller and three rigs on this machine, for a look; nothing stays behind."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from miner_ctrl.cli.command import Command, Settings, pass_settings

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600}


class _Length(click.ParamType[float]):
    """A length of time in seconds: ``20s``, ``5m``, ``1h``."""

    name = "length"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(r"([0-9]{1,6})([smh]?)", str(value))
        if not match or not int(match[1]):
            self.fail(f"{value!r} is not a length of time: use 20s, 5m or 1h.", param, ctx)
        return float(int(match[1]) * _UNITS_S[match[2]])


@click.command(
    cls=Command,
    epilog="""
    miner-ctrl demo
    miner-ctrl demo --for 20s
    miner-ctrl demo --no-open
    miner-ctrl demo --miner xmrig --pool pool.example:3333 --wallet 48ab…
    """,
)
@click.option("--miner", type=click.Choice(["simulated", "xmrig"]), default="simulated", show_default=True)
@click.option("--pool", metavar="HOST:PORT", help="With --miner xmrig: where it mines.")
@click.option("--wallet", metavar="ADDRESS", help="With --miner xmrig: who is paid.")
@click.option("--for", "length_s", metavar="20s", type=_Length(), help="End by itself after this long.")
@click.option("--no-open", is_flag=True, help="Do not open the page in a browser.")
@pass_settings
def demo(
    settings: Settings, *, miner: str, pool: str | None, wallet: str | None, length_s: float | None, no_open: bool
) -> None:
    """Show a controller and three rigs at work, each a process of its own with its own home, until Ctrl-C.

    On a terminal of a machine with a display the page opens in the browser, unless the demo ends by itself (--for).
    """
    if miner == "xmrig" and not (pool and wallet):
        raise click.UsageError(
            "XMRig mines for real and needs somewhere to: give --pool HOST:PORT and --wallet ADDRESS."
        )
    if miner == "simulated" and (pool or wallet):
        raise click.UsageError("--pool and --wallet are for --miner xmrig: simulated miners need neither.")
    from miner_ctrl.cli.demo_fleet import DemoFleet  # noqa: PLC0415 - subprocesses and more, only to run it
    from miner_ctrl.cli.watch import watch  # noqa: PLC0415

    def say(step: str) -> None:
        click.echo(step, err=settings.json)

    fleet = DemoFleet(say)
    with _ended_by_signals():
        try:
            fleet.start(miner, pool or "pool.invalid:3333", wallet or "nobody")
            _tell_of_page(fleet.page, say, opens=not (no_open or settings.json or length_s))
            until = None if length_s is None else time.monotonic() + length_s
            watch(fleet.controller, None, as_json=settings.json, until=until)
        except KeyboardInterrupt:
            click.echo(err=True)
        finally:
            _ignore_signals()
            fleet.stop()


def _tell_of_page(address: str, say: Callable[[str], None], *, opens: bool) -> None:
    """Say where the page is, on a line of its own, and open it for who looks at this terminal."""
    from miner_ctrl.cli import browser, tables  # noqa: PLC0415 - only for the demo
    from miner_ctrl.config import page_is_built  # noqa: PLC0415

    if not page_is_built():
        say("The page is not built: `make page` in the checkout builds it.")
        return
    say(f"The page: {address}")
    if opens and tables.is_terminal() and browser.has_display():
        browser.open_page(address)


def _signals() -> list[signal.Signals]:
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _ignore_signals() -> None:
    """Taking the demo down is quick and must not stop half way."""
    for number in _signals():
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block in an orderly way, as Ctrl-C does."""

    def end(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = {number: signal.getsignal(number) for number in _signals()}
    for number in before:
        if number is not signal.SIGINT:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
