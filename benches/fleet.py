"""A fleet: every rig asked at once, and what they pushed answered from memory."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from benches.figures import Figure, Spread, Target
from benches.nodes import Controller, controller, other_process, until
from benches.raw import RawClient, raw_connect
from benches.round_trips import SMALL_BYTES, STATS_BYTES
from benches.scale import Scale
from miner_ctrl.api.application import BASE_PATH, build_app
from miner_ctrl.api.faces import Faces
from miner_ctrl.api.routes import CALLER
from miner_ctrl.model.callers import OWNER

WITHIN_S = 10.0


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return the figures of ``scale.fleet`` rigs in another process, each with three miners, pushing every 10 s."""
    count = scale.fleet
    async with other_process(count, home) as other, controller(count, home, follow=True) as here:
        await other.order("dial", here.port)
        await here.connected(count)
        await until(lambda: all(rig.miners for rig in here.fleet.rigs().values()), "the rigs' first stats")
        raw_port = await other.order("raw_listen")
        raw = [await raw_connect(raw_port) for _ in range(count)]
        await other.order("settle")
        gc.collect()
        gc.freeze()
        sweep_ms: list[float] = []
        cpu_ms: list[float] = []
        raw_ms: list[float] = []
        raw_cpu_ms: list[float] = []
        for _ in range(scale.sweeps * scale.rounds):
            await _timed(_sweep(here), sweep_ms, cpu_ms)
            await asyncio.sleep(0.02)
            await _timed(_raw_sweep(raw), raw_ms, raw_cpu_ms)
            await asyncio.sleep(0.02)
        memory_ms, size_bytes = await _from_memory(here, scale.sweeps * scale.rounds)
        for client in raw:
            client.hang_up()
        gc.unfreeze()
    return [
        Figure(f"sweep of {count:,} rigs", "ms", Spread.of(sweep_ms), Spread.of(raw_ms), Target(60, reach=44)),
        Figure("  controller CPU", "ms", Spread.of(cpu_ms), Spread.of(raw_cpu_ms)),
        Figure(f"state of {count:,} from memory", "ms", Spread.of(memory_ms), None, Target(2)),
        Figure("  its JSON", "KiB", Spread(size_bytes / 1024)),
    ]


async def _sweep(here: Controller) -> None:
    for rig in (await here.commands.sweep(WITHIN_S)).values():
        assert not rig.error, rig.error


async def _raw_sweep(raw: list[RawClient]) -> None:
    await asyncio.gather(*(client.ask(SMALL_BYTES, STATS_BYTES) for client in raw))


async def _timed(work: Any, wall_ms: list[float], cpu_ms: list[float]) -> None:
    began, cpu_began = time.perf_counter(), time.process_time()
    await work
    wall_ms.append((time.perf_counter() - began) * 1e3)
    cpu_ms.append((time.process_time() - cpu_began) * 1e3)


async def _from_memory(here: Controller, count: int) -> tuple[list[float], int]:
    """Ask the API's application for all rigs, as a door does once it has the request; return ms and bytes."""
    app = build_app(lambda: Faces(node=None, commands=here.commands, fleet=here.fleet))  # type: ignore[arg-type]
    took = []
    size = 0
    for _ in range(count):
        began = time.perf_counter()
        size = await _get(app, "/remote/stats")
        took.append((time.perf_counter() - began) * 1e3)
        await asyncio.sleep(0.005)
    return took, size


async def _get(app: ASGIApp, path: str) -> int:
    scope = {
        "type": "http",
        "method": "GET",
        "path": BASE_PATH + path,
        "raw_path": (BASE_PATH + path).encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "state": {CALLER: OWNER},
    }
    size = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal size
        if message["type"] == "http.response.start":
            assert message["status"] == 200
        else:
            size += len(message["body"])

    await app(scope, receive, send)
    return size
