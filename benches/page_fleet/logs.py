"""What simulated miners write into their logs, with the colours that XMRig uses."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from benches.page_fleet.hostile import LOG_LINES
from miner_ctrl.model.miners import MinerStats

_CYAN, _GREEN, _RED, _YELLOW, _WHITE, _OFF = (
    "\x1b[1;36m",
    "\x1b[0;32m",
    "\x1b[1;31m",
    "\x1b[1;33m",
    "\x1b[1;37m",
    "\x1b[0m",
)
_NET, _CPU, _MINER = (
    "\x1b[44m\x1b[1;37m net     \x1b[0m",
    "\x1b[46m\x1b[1;37m cpu     \x1b[0m",
    "\x1b[45m\x1b[1;37m miner   \x1b[0m",
)


def lines_of(miner: MinerStats | None, number: int, *, hostile: bool) -> Iterator[str]:
    """Yield a log for ever, as of now."""
    dice = random.Random(number)
    name = miner.algorithm if miner else "rx/0"
    pool = miner.pool if miner else "pool.example.com:3333"
    shares = 0
    while True:
        at = time.strftime("[%Y-%m-%d %H:%M:%S.%%03d]") % dice.randrange(1000)
        what = dice.random()
        if hostile and what < 0.2:
            yield dice.choice(LOG_LINES)
        elif what < 0.5:
            shares += 1
            yield (
                f"{at} {_CPU} {_GREEN}accepted{_OFF} ({shares}/0) diff {_WHITE}480045{_OFF}"
                f" \x1b[1;30m({dice.randrange(20, 90)} ms){_OFF}"
            )
        elif what < 0.75:
            yield (
                f"{at} {_MINER} {_WHITE}speed{_OFF} 10s/60s/15m {_CYAN}{dice.uniform(15_000, 16_000):.1f}{_OFF}"
                f" \x1b[0;36m15820.3 15799.0{_OFF} {_CYAN}H/s{_OFF} max \x1b[0;36m16012.4 H/s{_OFF}"
            )
        elif what < 0.95:
            yield (
                f"{at} {_NET} \x1b[0;35mnew job{_OFF} from {_WHITE}{pool}{_OFF} diff {_WHITE}480045{_OFF} algo"
                f" {_WHITE}{name}{_OFF} height {_WHITE}{3_270_000 + dice.randrange(999)}{_OFF} (36 tx)"
            )
        elif what < 0.98:
            yield f"{at} {_NET} {_YELLOW}no active pools, stop mining{_OFF}"
        else:
            yield f'{at} {_CPU} {_RED}rejected{_OFF} ({shares}/1) {_RED}"Low difficulty share"{_OFF} (31 ms)'
