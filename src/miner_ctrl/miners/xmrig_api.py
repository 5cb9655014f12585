"""Asking a running XMRig, or what speaks its local API."""

from __future__ import annotations

from typing import Literal

import msgspec

from miner_ctrl.miners.contract import MinerApi, Reading
from miner_ctrl.miners.loopback_http import exchange
from miner_ctrl.miners.xmrig_answers import Backends, parse_backends, parse_rpc, parse_summary

SUMMARY_PATH = "/1/summary"
"""All of ``/2/summary`` and the threads' hashrates too, in one answer."""
BACKENDS_PATH = "/2/backends"
RPC_PATH = "/json_rpc"
LOOKS_AGAIN_AFTER_S = 600
"""Huge pages and MSR are settled once the threads run; a reload may change them."""
REMEMBERED = 64


async def read_summary(api: MinerApi) -> Reading:
    """Return what the miner says of itself. Raises as ``Adapter.read``."""
    return parse_summary(await exchange(api, SUMMARY_PATH))


class BackendReader:
    """Reads ``/2/backends`` beside the summary as seldom as it can: each time while a GPU mines or the threads are not
    ready yet, else every ``LOOKS_AGAIN_AFTER_S`` of the miner's uptime. What it remembers it can do without."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, str, int, Backends]] = {}

    async def read(self, api: MinerApi) -> Reading:
        """Return what the miner says of itself. Raises as ``Adapter.read``."""
        reading = await read_summary(api)
        backends = self._still_true(api, reading)
        if backends is None:
            backends = parse_backends(await exchange(api, BACKENDS_PATH))
            self._remember(api, reading, backends)
        return msgspec.structs.replace(
            reading, devices=backends.devices, huge_pages=backends.huge_pages, msr=backends.msr
        )

    def forget(self, api: MinerApi) -> None:
        """Ask anew next time: its configuration is another one."""
        self._known.pop(_key(api), None)

    def _still_true(self, api: MinerApi, reading: Reading) -> Backends | None:
        uptime_s, algorithm, threads, backends = self._known.get(_key(api), (0, "", -1, Backends(gpus=True)))
        same = (algorithm, threads) == (reading.algorithm, len(reading.threads_hps))
        fresh = uptime_s <= reading.uptime_s < uptime_s + LOOKS_AGAIN_AFTER_S
        return backends if same and fresh and backends.threads_ready and not backends.gpus else None

    def _remember(self, api: MinerApi, reading: Reading, backends: Backends) -> None:
        self._known.pop(_key(api), None)
        self._known[_key(api)] = (reading.uptime_s, reading.algorithm, len(reading.threads_hps), backends)
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]


async def call(api: MinerApi, method: Literal["pause", "resume"]) -> None:
    """Have the miner pause or go on. Raises as ``Adapter.pause``.

    ``stop`` is not offered: XMRig takes it back by itself with the next job.
    """
    body = f'{{"jsonrpc":"2.0","id":1,"method":"{method}"}}'
    parse_rpc(await exchange(api, RPC_PATH, post=body.encode()))


def _key(api: MinerApi) -> str:
    return f"{api.port}:{api.token}"
