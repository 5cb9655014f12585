"""What the audit log costs: entries on the disk, a check of them, and what a request that changes something takes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from benches.figures import Figure, Spread
from benches.nodes import keys_of
from benches.scale import Scale
from miner_ctrl.api.application import BASE_PATH, build_app
from miner_ctrl.api.faces import AuditFace, Faces, NodeFace, PairingFace
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.audit.log import AuditLog
from miner_ctrl.audit.reading import checked
from miner_ctrl.model.callers import OWNER
from miner_ctrl.model.times import now_ms

BATCH = 500
REQUEST = (
    f"POST {BASE_PATH}/peers/rig-alpha/disconnect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Content-Length: 2\r\n\r\n{}"
).encode()


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return entries a second written and checked, bytes for each, and a request's time with and without the log."""
    path, keys = home / "audit.db", keys_of(1)
    log = AuditLog(path, fingerprint=keys.public.fingerprint, sign=keys.sign, now_ms=now_ms)
    written, taken = [], []
    for _ in range(max(3, scale.repeats // 50)):
        began_s = time.perf_counter()
        for number in range(BATCH // 2):
            log.ended(log.asked(OWNER, "start_miner", {"peer": f"rig-{number}"}, None), "")
        taken.append((time.perf_counter() - began_s) / BATCH * 1e6)
        await log.settled()
        written.append(BATCH / (time.perf_counter() - began_s))
    count = BATCH * len(written)
    with_log, without = await _requests(scale, home, log)
    await log.close()
    began_s = time.perf_counter()
    found = checked(path, [], fingerprint=keys.public.fingerprint, verifies=keys.public.verifies)
    took_s = time.perf_counter() - began_s
    assert found.last is not None
    assert found.found == "ok"
    return [
        Figure("entries written, in bursts", "/s", Spread.of(written)),
        Figure("  taken in, in the loop", "µs", Spread.of(taken)),
        Figure("entries checked", "/s", Spread.of([found.last.seq / took_s])),
        Figure("an entry on the disk", "bytes", Spread.of([path.stat().st_size / max(count, found.last.seq)])),
        Figure("a request (raw: no log)", "µs", Spread.of(with_log), Spread.of(without)),
    ]


class _Pairing:
    """Has no peers: nothing is measured but the way to it."""

    async def disconnect(self, query: str) -> None:
        del query


def _serving(faces: Faces) -> HttpServing:
    return HttpServing(build_app(lambda: faces), caller=OWNER)


async def _requests(scale: Scale, home: Path, log: AuditLog) -> tuple[list[float], list[float]]:
    """Return µs a request over the node's socket, one at a time, with the log and without, in turns."""
    without = Faces(cast("NodeFace", None), pairing=cast("PairingFace", _Pairing()))
    faces = [replace(without, audit=cast("AuditFace", log)), without]
    doors = [LocalDoor(partial(_serving, which), home / f"{number}" / "s") for number, which in enumerate(faces)]
    streams = []
    for door in doors:
        await door.open()
        streams.append(await asyncio.open_unix_connection(str(door.path)))
    took: tuple[list[float], list[float]] = ([], [])
    try:
        for _ in range(scale.repeats):
            for (reader, writer), times in zip(streams, took, strict=True):
                began_s = time.perf_counter()
                writer.write(REQUEST)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                await reader.readexactly(length)
                times.append((time.perf_counter() - began_s) * 1e6)
                assert head.startswith(b"HTTP/1.1 200")
    finally:
        for _, writer in streams:
            writer.close()
        for door in doors:
            await door.close()
    return took
