"""XMRig's extra arguments: each becomes a value of the configuration file, none reaches the command line.

Names as ``xmrig --help`` has them (6.22 to 6.26). What touches pools, wallets, the local API, files, logs or the
background is not here, and so cannot be had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from miner_ctrl.miners.extra_args import ExtraArg, choice, parse_extra_args, whole_number

Place = tuple[str, ...]
"""Where a value stands in the configuration: ``("cpu", "yield")``."""


class _Option(NamedTuple):
    place: Place
    value: Callable[[ExtraArg], object]
    takes_value: bool = True


def _number(lowest: int, highest: int) -> Callable[[ExtraArg], object]:
    return lambda argument: whole_number(argument, lowest, highest)


def _flag(place: Place, value: object) -> _Option:
    return _Option(place, lambda _: value, takes_value=False)


def _asm(argument: ExtraArg) -> object:
    named = choice(argument, ("auto", "none", "intel", "ryzen", "bulldozer"))
    return {"auto": True, "none": False}.get(named, named)


def _argon2(argument: ExtraArg) -> object:
    return choice(argument, ("x86_64", "SSE2", "SSSE3", "XOP", "AVX2", "AVX-512F"))


def _memory_pool(argument: ExtraArg) -> object:
    pages = whole_number(argument, -1, 1024)
    return {-1: True, 0: False}.get(pages, pages)


OPTIONS: Mapping[str, _Option] = {
    "--argon2-impl": _Option(("cpu", "argon2-impl"), _argon2),
    "--asm": _Option(("cpu", "asm"), _asm),
    "--cpu-memory-pool": _Option(("cpu", "memory-pool"), _memory_pool),
    "--cpu-no-yield": _flag(("cpu", "yield"), False),
    "--cuda-bfactor-hint": _Option(("cuda", "bfactor-hint"), _number(0, 12)),
    "--cuda-bsleep-hint": _Option(("cuda", "bsleep-hint"), _number(0, 1000)),
    "--dns-ttl": _Option(("dns", "ttl"), _number(1, 86400)),
    "--huge-pages-jit": _flag(("cpu", "huge-pages-jit"), True),
    "--no-dmi": _flag(("dmi",), False),
    "--no-nvml": _flag(("cuda", "nvml"), False),
    "--opencl-no-cache": _flag(("opencl", "cache"), False),
    "--print-time": _Option(("print-time",), _number(0, 3600)),
    "--randomx-cache-qos": _flag(("randomx", "cache_qos"), True),
    "--randomx-init": _Option(("randomx", "init"), _number(-1, 1024)),
    "--randomx-no-rdmsr": _flag(("randomx", "rdmsr"), False),
    "--retries": _Option(("retries",), _number(1, 1000)),
    "--retry-pause": _Option(("retry-pause",), _number(1, 3600)),
    "--verbose": _flag(("verbose",), 1),
}


def set_extra_args(settings: dict[str, Any], given: Sequence[str]) -> None:
    """Write the extra arguments into a configuration.

    Raises:
        BadInput: one is not allowed, or its value cannot be; names it.
    """
    takes_value = {name: option.takes_value for name, option in OPTIONS.items()}
    for argument in parse_extra_args(given, takes_value, miner_type="xmrig"):
        option = OPTIONS[argument.name]
        inside = settings
        for part in option.place[:-1]:
            inside = inside.setdefault(part, {})
        inside[option.place[-1]] = option.value(argument)
