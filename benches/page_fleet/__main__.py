"""``python -m benches.page_fleet --rigs 1000``: serve the API of a simulated fleet until SIGTERM, or until standard
input is closed where that is a pipe. The first line on standard output is JSON with its ``url``."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import uvloop

from benches.page_fleet.serving import Wanted, ask, deeds, served
from benches.page_fleet.traffic import Traffic
from miner_ctrl.config import Listen

USUAL_EVERY_S = 10.0
"""A rig tells its stats every 10 s."""
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


def main(arguments: list[str] | None = None) -> int:
    """Serve what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benches.page_fleet", description="An API with a simulated fleet.")
    parser.add_argument("--rigs", type=int, default=1000, metavar="N", help="how many rigs (default 1000)")
    parser.add_argument(
        "--changes-per-second", type=float, metavar="N", help="stats told a second (default: rigs / 10)"
    )
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 is any (default)")
    parser.add_argument("--history", default="24h", metavar="TIME", help="how much of a past there is; 0: none")
    parser.add_argument("--history-rigs", type=int, default=1000, metavar="N", help="of the first N rigs (1000)")
    parser.add_argument("--hostile", action="store_true", help="rigs say what is meant to do harm")
    parser.add_argument("--nobody-waits", action="store_true", help="no node waits for approval")
    parser.add_argument("--quiet", action="store_true", help="do not say every 10 s what is achieved")
    options = parser.parse_args(arguments)
    found = re.fullmatch(r"(\d{1,5})([mhd]?)", options.history)
    if found is None or not 0 < options.rigs <= 62_500:
        parser.error("--history is like 24h or 0; --rigs is 1 to 62500")
    wanted = Wanted(
        rigs=options.rigs, listen=Listen("127.0.0.1", options.port),
        history_ms=int(found[1]) * _UNIT_MS.get(found[2], 3_600_000), history_rigs=options.history_rigs,
        hostile=options.hostile, waiting=not options.nobody_waits,
    )  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="page-fleet-"))
    per_s = options.rigs / USUAL_EVERY_S if options.changes_per_second is None else options.changes_per_second
    try:
        uvloop.run(_serve(folder, wanted, per_s, quiet=options.quiet))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


async def _serve(folder: Path, wanted: Wanted, per_s: float, *, quiet: bool) -> None:
    began_s, ended = time.monotonic(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    _end_with_stdin(loop, ended)
    gc.disable()  # nothing of what is made now is garbage
    async with served(folder, wanted) as (url, endpoint, rigs):
        for path, body in deeds(url, rigs):
            status = await asyncio.to_thread(ask, url, path, body)
            if status >= 300:
                print(json.dumps({"path": path, "status": status}), file=sys.stderr, flush=True)
        gc.freeze()
        gc.enable()
        going_on = loop.create_task(Traffic(endpoint, rigs, per_s, quiet=quiet).run(), name="traffic")
        line = {
            "url": url, "rigs": len(rigs), "pid": os.getpid(), "home": str(folder),
            "startedInS": round(time.monotonic() - began_s, 2),
        }  # fmt: skip
        print(json.dumps(line), flush=True)
        ending = loop.create_task(ended.wait(), name="wait for the end")
        done, _ = await asyncio.wait([going_on, ending], return_when=asyncio.FIRST_COMPLETED)
        going_on.cancel()
        with suppress(asyncio.CancelledError):
            await going_on
        for task in done:
            task.result()


def _end_with_stdin(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Have ``ended`` set when standard input is closed, if it is a pipe: who began this has ended then."""
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return

    def read() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=read, name="stdin", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
