"""What XMRig's local API says, made a ``Reading``. Pure; as XMRig 6.22 to 6.26 answer (``tests/recorded/``).

``hashrate.total`` holds the 10 s, 60 s and 15 min windows: ``null`` until a window is full, all ``0.0`` while no worker
runs. Before the first connection ``pool`` is empty and ``algo`` null; after one is lost ``ip`` is null and ``failures``
counts. Pool names and versions are text from strangers: cut to one printable line. GPUs, huge pages and MSR stand in
``/2/backends`` alone.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from miner_ctrl.errors import OperationFailed
from miner_ctrl.miners.contract import Reading
from miner_ctrl.miners.loopback_http import Answer, not_a_miner
from miner_ctrl.model.miners import MAX_DEVICES, DeviceStats, Hashrates, HugePages, MinerState
from miner_ctrl.model.text import one_line
from miner_ctrl.model.values import Count

MAX_TEXT_CHARS = 255
NORMAL_CONNECT_S = 5
"""A pool that was not reached within this many seconds of the start is worth a word."""

_Rate = Annotated[float, Meta(ge=0)]
_Windows = Annotated[tuple[_Rate | None, ...], Meta(max_length=16)]


class _Hashrate(msgspec.Struct):
    total: Annotated[_Windows, Meta(min_length=3)]
    highest: _Rate | None = None
    threads: Annotated[tuple[_Windows, ...], Meta(max_length=1024)] = ()


class _Connection(msgspec.Struct):
    pool: str | None = None
    ip: str | None = None
    uptime: Count = 0
    ping: Count = 0
    failures: Count = 0
    diff: _Rate = 0
    accepted: Count = 0
    rejected: Count = 0


class _Summary(msgspec.Struct):
    kind: Literal["miner"]
    version: str
    hashrate: _Hashrate
    connection: _Connection
    uptime: Count = 0
    paused: bool = False
    algo: str | None = None


class _Health(msgspec.Struct):
    temperature: _Rate | None = None
    power: _Rate | None = None
    fan_speed: Annotated[tuple[_Rate, ...], Meta(max_length=16)] = ()


class _Thread(msgspec.Struct):
    index: Count = 0
    hashrate: _Windows = ()
    name: str = ""
    board: str = ""
    health: _Health | None = None


class _Backend(msgspec.Struct):
    type: str
    enabled: bool = False
    msr: bool | None = None
    hugepages: Annotated[tuple[Count, ...], Meta(max_length=16)] = ()
    threads: Annotated[tuple[_Thread, ...], Meta(max_length=1024)] = ()


class Backends(msgspec.Struct, frozen=True):
    """What ``/2/backends`` adds to the summary; ``gpus``: a GPU backend is on, so its figures change all the time."""

    gpus: bool = False
    devices: tuple[DeviceStats, ...] = ()
    huge_pages: HugePages | None = None
    msr: bool | None = None
    threads_ready: bool = False


class _Connected(msgspec.Struct):
    pool: str | None = None
    ip: str | None = None


class _Connecting(msgspec.Struct):
    connection: _Connected


class _RpcAnswer(msgspec.Struct):
    result: dict[str, str] | None = None
    error: dict[str, str | int] | None = None


_SUMMARY = msgspec.json.Decoder(_Summary)
_BACKENDS = msgspec.json.Decoder(Annotated[tuple[_Backend, ...], Meta(max_length=16)])
_CONFIG = msgspec.json.Decoder(dict[str, object])
_CONNECTING = msgspec.json.Decoder(_Connecting)
_RPC = msgspec.json.Decoder(_RpcAnswer)


def parse_summary(answer: Answer) -> Reading:
    """Return what a ``/1/summary`` or ``/2/summary`` says; only the former has the threads' hashrates.

    Raises:
        OperationFailed: the answer is a refusal, or not a summary of XMRig's.
    """
    _check_status(answer)
    try:
        said = _SUMMARY.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise not_a_miner("gave an answer that is not XMRig's summary") from None
    connection = said.connection
    return Reading(
        state=_state(said),
        version=one_line(said.version, MAX_TEXT_CHARS),
        hashrates_hps=Hashrates(*map(_finite, said.hashrate.total[:3])),
        threads_hps=tuple(_finite(windows[0]) if windows else None for windows in said.hashrate.threads),
        accepted=connection.accepted,
        rejected=connection.rejected,
        uptime_s=said.uptime,
        pool=one_line(connection.pool or "", MAX_TEXT_CHARS),
        pool_connected=connection.ip is not None or connection.uptime > 0,
        pool_ping_ms=connection.ping or None,
        pool_failures=connection.failures,
        algorithm=one_line(said.algo or "", MAX_TEXT_CHARS),
        difficulty=_finite(connection.diff) or None,
        reason=_reason(said),
    )


def parse_backends(answer: Answer) -> Backends:
    """Return what ``/2/backends`` says.

    Raises:
        OperationFailed: the answer is a refusal, or not XMRig's.
    """
    _check_status(answer)
    try:
        said = _BACKENDS.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise not_a_miner("gave an answer that is not XMRig's list of backends") from None
    cpu = next((backend for backend in said if backend.type == "cpu"), None)
    gpus = [backend for backend in said if backend.type in ("opencl", "cuda") and backend.enabled]
    pages = cpu.hugepages if cpu is not None and len(cpu.hugepages) == 2 else None
    return Backends(
        gpus=bool(gpus),
        devices=tuple(_device(backend.type, thread) for backend in gpus for thread in backend.threads)[:MAX_DEVICES],
        huge_pages=HugePages(*pages) if pages else None,
        msr=cpu.msr if cpu is not None and cpu.enabled else None,
        threads_ready=any(backend.threads for backend in said),
    )


def parse_config(answer: Answer) -> dict[str, object]:
    """Return the configuration XMRig runs with.

    Raises:
        OperationFailed: the answer is a refusal, or not XMRig's.
    """
    _check_status(answer)
    try:
        return _CONFIG.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise not_a_miner("gave an answer that is not XMRig's configuration") from None


def parse_put(answer: Answer) -> None:
    """See that a miner took over a configuration.

    Raises:
        OperationFailed: it did not.
    """
    if answer.status in (400, 422):
        raise OperationFailed(
            "The miner does not accept this configuration.",
            suggestion="Compare pool, coin and algorithm of the profile with what the pool asks for.",
            code="MINER_CONFIG_REFUSED",
        )
    if answer.status not in (200, 202, 204):
        _check_status(answer)


def parse_pool(answer: Answer) -> str:
    """Return the pool that a summary says is connected; empty while none is.

    Raises:
        OperationFailed: as ``parse_summary``.
    """
    _check_status(answer)
    try:
        said = _CONNECTING.decode(answer.body).connection
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise not_a_miner("gave an answer that is not XMRig's summary") from None
    return (said.pool or "") if said.ip else ""


def _device(kind: str, thread: _Thread) -> DeviceStats:
    health = thread.health or _Health()
    return DeviceStats(
        index=thread.index,
        name=one_line(thread.board or thread.name, MAX_TEXT_CHARS),
        kind=kind,
        hashrate_hps=_finite(thread.hashrate[0]) if thread.hashrate else None,
        temperature_c=_finite(health.temperature) or None,
        fan_percent=_finite(max(health.fan_speed)) if health.fan_speed else None,
        power_w=_finite(health.power) or None,
    )


def parse_rpc(answer: Answer) -> None:
    """See that a ``/json_rpc`` call was carried out.

    Raises:
        OperationFailed: it was refused, or the answer is not XMRig's.
    """
    _check_status(answer)
    try:
        said = _RPC.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise not_a_miner("gave an answer that is not JSON-RPC") from None
    if said.error is not None or said.result is None:
        words = one_line(str((said.error or {}).get("message", "no reason given")), 200)
        raise OperationFailed(
            f"The miner did not do it: {words}.", suggestion="Look at its log.", code="MINER_DECLINED"
        )


def _check_status(answer: Answer) -> None:
    if answer.status in (401, 403):
        raise OperationFailed(
            "The miner's local API does not accept this agent's token.",
            suggestion="Another program may have taken its port: restart the miner.",
            code="MINER_TOKEN_REFUSED",
        )
    if answer.status != 200:
        raise not_a_miner(f"answered with HTTP status {answer.status}")


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _hashing(said: _Summary) -> bool:
    return any(said.hashrate.total[:3])


def _has_mined(said: _Summary) -> bool:
    return bool(_hashing(said) or said.hashrate.highest or said.connection.accepted or said.connection.rejected)


def _state(said: _Summary) -> MinerState:
    if said.paused:
        return MinerState.PAUSED
    return MinerState.MINING if _has_mined(said) else MinerState.STARTING


def _reason(said: _Summary) -> str:
    """Return what is wrong, in one sentence, the gravest thing first; empty when nothing shows."""
    connection = said.connection
    if connection.ip is None and not connection.uptime:
        if connection.pool:
            return f"The connection to the pool is lost (failures so far: {connection.failures})."
        return "It has not reached its pool since it was started." if said.uptime >= NORMAL_CONNECT_S else ""
    if connection.rejected and not connection.accepted:
        return f"The pool has rejected every share so far ({connection.rejected})."
    stopped = all(rate == 0 for rate in said.hashrate.total[:3])
    if stopped and _has_mined(said) and not said.paused:
        return "It is connected but not hashing: its workers are stopped or being prepared."
    return ""
