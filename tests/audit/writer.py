"""A process that writes its log as fast as it can, and says what is on the disk: to be killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.audit.keeping import TOKEN, log_at


async def main(path: Path) -> None:
    log = log_at(path)
    log.on_head = lambda head: print(head.seq, head.hash.hex(), flush=True)
    number = 0
    while True:
        for _ in range(20):
            number += 1
            log.ended(log.asked(TOKEN, "start_miner", {"peer": f"rig-{number}"}, None), "")
        await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
