"""An agent as a process of its own, to be killed: ``python -m tests.miners.agent DATA RUN [SCRIPT]``.

Starts one miner, prints its name, and lives until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from miner_ctrl.miners.simulated import SimulatedAdapter
from tests.miners.rig import ScriptedAdapter, config, make_miners, profile


async def main(data: str, run: str, *script: str) -> None:
    adapters = (SimulatedAdapter(), ScriptedAdapter(*script or ("",)))
    miners = make_miners(Path(data), Path(run), adapters)
    await miners.start()
    [name] = await miners.launch(profile(miner_type="scripted" if script else "simulated"), config())
    print(name, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
