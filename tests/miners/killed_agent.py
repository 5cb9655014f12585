"""An agent that is killed in the midst of its work: ``python -m tests.miners.killed_agent DATA RUN N BEFORE``.

Starts a miner, pauses it, resumes it, gives it another profile, restarts it, stops it; it kills itself (SIGKILL) at the
``N``-th step that others can see (a file replaced, a keeper started), just ``BEFORE`` it (1) or just after (0).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from miner_ctrl.miners.simulated import SimulatedAdapter
from tests.miners.rig import config, make_miners, profile


def mortal(act: Callable[..., Any], steps: itertools.count[int], last: int, *, before: bool) -> Callable[..., Any]:
    """Return ``act``, in which the process ends at its time."""

    def acted(*arguments: Any, **options: Any) -> Any:
        its_time = next(steps) == last
        if its_time and before:
            os.kill(os.getpid(), signal.SIGKILL)
        result = act(*arguments, **options)
        if its_time:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return acted


async def main(data: str, run: str, last: str, before: str) -> None:
    steps = itertools.count(1)
    os.replace = mortal(os.replace, steps, int(last), before=before == "1")
    subprocess.run = mortal(subprocess.run, steps, int(last), before=before == "1")
    miners = make_miners(Path(data), Path(run), (SimulatedAdapter(),))
    await miners.start()
    [name] = await miners.launch(profile(), config())
    await miners.pause(name)
    await miners.resume(name)
    await miners.switch(name, profile({"pool": "127.0.0.1:10"}), config(pool="127.0.0.1:10"))
    await miners.restart(name)
    await miners.stop(name)
    print(next(steps) - 1, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
