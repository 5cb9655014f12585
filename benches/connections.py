"""What one more connection costs in memory, on either side."""

from __future__ import annotations

from pathlib import Path

from benches.figures import Figure, Spread, Target
from benches.machine import own_memory_bytes
from benches.nodes import controller, other_process
from benches.raw import RawServer
from benches.scale import Scale

WARM_UP = 64


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return KiB for each connection: session and transport of both sides, without what the kernel holds."""
    count = scale.fleet
    raw_server = RawServer()
    async with other_process(count, home) as other, controller(count, home) as here:
        raw_port = await raw_server.start()
        await other.order("raw_dial", raw_port, min(count, WARM_UP))
        await other.order("raw_hang_up")

        before, there_before = own_memory_bytes(), await other.order("memory_bytes")
        await other.order("raw_dial", raw_port, count)
        raw_here = (own_memory_bytes() - before) / count / 1024
        raw_there = (await other.order("memory_bytes") - there_before) / count / 1024

        before, there_before = own_memory_bytes(), await other.order("memory_bytes")
        await other.order("dial", here.port)
        await here.connected(count)
        listener = (own_memory_bytes() - before) / count / 1024
        dialler = (await other.order("memory_bytes") - there_before) / count / 1024
        await other.order("raw_hang_up")
        raw_server.stop()
    return [
        Figure("a connection, listener", "KiB", Spread(listener), Spread(raw_here), Target(20)),
        Figure("a connection, dialler", "KiB", Spread(dialler), Spread(raw_there), Target(20)),
    ]
