"""What a rig may say that is meant to do harm: everything here passes our own validation, as a real peer's would."""

from __future__ import annotations

import random

from msgspec.structs import replace

from miner_ctrl.model.machine import MachineStats
from miner_ctrl.model.miners import MinerStats, NodeStats

MARKUP = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
TEXTS = (
    MARKUP,
    "\u202egnp.exe\u202c <b>bold</b>",
    "zero\u200bwidth\u200djoined\ufeff",
    "\U0001f469\u200d\U0001f4bb\U0001f3f4\u200d\u2620\ufe0f \U0001f1e9\U0001f1ea",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031e\u0349\u035a\u032f\u031e\u0320\u034dalgo",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J\x1b[1;1H",
    "'\"`${7*7}{{7*7}}{@html x}<!--",
    "javascript:alert(1)//",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 rig",
    "a" * 255,
    "W" * 120 + " " + "i" * 120,
    "\x00\x01\x7f\u2028\u2029line\r\nbreak\ttab",
    "=cmd|' /C calc'!A0",
    "constructor",
    "__proto__",
)
TAGS = (
    "<b>tag</b>",
    '"><img src=x onerror=alert(1)>',
    "\u05e9\u05dc\u05d5\u05dd",
    "\U0001f525\U0001f525",
    "&lt;script&gt;",
    "__proto__",
    "constructor",
    "x" * 63,
)
"""Printable, without commas: as far as the registry lets them in."""
LOG_LINES = (
    f"\x1b[1;31m{MARKUP}\x1b[0m",
    "\x1b]8;;javascript:alert(1)\x07click\x1b]8;;\x07",
    "\x1b[2J\x1b[H\x1b[?1049h cleared?",
    "\x1b[38;5;196m256 colours\x1b[48;2;10;200;30m true colours\x1b[0m \x1b[9999999mfar\x1b[m \x1b[;;;m",
    "\u202e reversed " + "\u0301" * 40 + " \u200b\u200b\u200b",
    "\x08\x08\x08backspaces\x0b\x0c\x1b",
    "x" * 4000,
    "\x1b[5mblink\x1b[8mhidden\x1b[0m tab\ttab",
)


FAR_MS = 2**63 - 1
"""A time that no calendar has."""
FLOODS_EVERY = 30
"""One hostile rig in so many says as much as its messages may hold, and says all of it twice."""


def floods(number: int) -> bool:
    """Whether the rig of this number is one of those."""
    return number % FLOODS_EVERY == 3


def flooded(stats: NodeStats) -> NodeStats:
    """Return it with everything twice under the same name, times that there are not, numbers at their ends."""
    miners = tuple(_flooded(miner) for miner in stats.miners)
    more = tuple(replace(miners[0], name=f"xmrig-{number}") for number in range(2, 48)) if miners else ()
    machine = stats.machine or MachineStats()
    return replace(
        stats, miners=(*miners, *more, *miners), problems=("Said twice.", "Said twice."), uptime_s=2**53,
        machine=replace(machine, gpus=(*machine.gpus, *machine.gpus), uptime_s=2**53, memory_total_bytes=2**53),
    )  # fmt: skip


def _flooded(miner: MinerStats) -> MinerStats:
    watch = miner.watch and replace(
        miner.watch, last_at_ms=FAR_MS, last_reason="far", next_try_at_ms=FAR_MS, last_share_at_ms=-FAR_MS,
        share_expected_every_s=1.7e308, baseline_hps=1.7e308,
    )  # fmt: skip
    return replace(
        miner, resume_at_ms=FAR_MS, uptime_s=2**53, threads_hps=(1.7e308, -1.0, None) * 341, watch=watch,
        devices=(*miner.devices, *miner.devices), accepted=2**53, algorithm="constructor", difficulty=1.7e308,
    )  # fmt: skip


def some_text(dice: random.Random) -> str:
    """Return one of them, at most 255 characters."""
    return dice.choice(TEXTS)[:255]
