"""Rigs that come all at once: 64 dialers in the other process, judged against the registry in this one."""

from __future__ import annotations

import gc
import time
from pathlib import Path

from benches.figures import Figure, Spread, Target
from benches.nodes import controller, other_process
from benches.raw import RawServer
from benches.scale import Scale


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return handshakes a second: TCP, WebSocket, Noise, both hellos, until the session stands on both sides."""
    count = scale.dialled
    rate: list[float] = []
    raw_rate: list[float] = []
    cpu_us: list[float] = []
    raw_cpu_us: list[float] = []
    raw_server = RawServer()
    async with other_process(count, home) as other, controller(count, home) as here:
        raw_port = await raw_server.start()
        await other.order("settle")
        gc.collect()
        gc.freeze()
        for _ in range(max(2, scale.rounds // 2)):
            cpu_began = time.process_time()
            each_s = await other.order("dial", here.port)
            await here.connected(count)
            cpu_us.append((time.process_time() - cpu_began) / count * 1e6)
            rate.append(1 / each_s)
            await other.order("hang_up")
            await here.connected(0)

            cpu_began = time.process_time()
            each_s = await other.order("raw_dial", raw_port, count)
            raw_cpu_us.append((time.process_time() - cpu_began) / count * 1e6)
            raw_rate.append(1 / each_s)
            await other.order("raw_hang_up")
        raw_server.stop()
    return [
        Figure(
            "handshakes, 64 dialers",
            "/s",
            Spread.of(rate),
            Spread.of(raw_rate),
            Target(1300, reach=2000, at_least=True),
        ),
        Figure("  listener CPU each", "µs", Spread.of(cpu_us), Spread.of(raw_cpu_us)),
    ]
