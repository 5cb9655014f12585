"""What a profile's config may say: an allow-list, typed and bounded, because peers send profiles.

Keys are ``MinerConfig``'s in camelCase; unknown ones are refused by name. Text has no control character and cannot be
taken for an option of a miner program: none begins with ``-``. ``{rig}`` in ``rigId``, ``password`` and the worker part
of ``wallet`` stands for the rig's name; whoever starts the miner fills it in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from miner_ctrl.errors import BadInput
from miner_ctrl.model.addresses import parse_address
from miner_ctrl.model.profiles import MinerConfig
from miner_ctrl.model.text import one_line

RIG_TEMPLATE = "{rig}"
SIMULATED = "simulated"
MAX_POOL_CHARS = 255
MAX_THREADS = 1024
MAX_DONATION_PERCENT = 99
MAX_SEED = 2**53

_MINER_TYPE = re.compile(r"[a-z][a-z0-9-]{0,31}")
_SCHEME = re.compile(r"(?:(stratum\+tcp|stratum\+ssl|stratum\+tls|daemon\+http)://)?([^/@#?]*)/?")
_WALLET = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_:/@=,-]{0,254}|")
_WORKER = re.compile(r"[./+]")
_PASSWORD = re.compile(r"[!-,.-~][!-~]{0,254}|")
_RIG_ID = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]{0,62}|")
_ALGO = re.compile(r"[A-Za-z0-9][A-Za-z0-9/_-]{0,31}|")
_COIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,15}|")

_Check = Callable[[str, object], object]


def validate(miner_type: str, config: Mapping[str, object]) -> MinerConfig:
    """Return the typed config that ``config`` describes for a miner of type ``miner_type``.

    A pool given as a URL becomes ``host:port``; ``stratum+ssl`` and ``stratum+tls`` set ``tls``, ``daemon+http`` sets
    ``daemon``.

    Raises:
        BadInput: the first field that is unknown, missing, of another type or out of bounds, by its name.
    """
    if not _MINER_TYPE.fullmatch(miner_type):
        raise _bad("minerType", "is not a miner's type", "Use one that miner-ctrl knows, for example xmrig.")
    for key in config:
        if key not in _CHECKS:
            raise _unknown(key)
    if "pool" not in config:
        raise _bad("pool", "is missing", "Give the pool as HOST:PORT, for example pool.example:3333.")
    fields = {_FIELDS[key]: _CHECKS[key](key, value) for key, value in config.items()}
    scheme, fields["pool"] = _split_pool(str(fields["pool"]))
    if scheme in ("stratum+ssl", "stratum+tls"):
        fields["tls"] = True
    if scheme == "daemon+http":
        fields["daemon"] = True
    if miner_type != SIMULATED and not fields.get("wallet"):
        raise _bad("wallet", "is missing", "Give the address that is to be paid.")
    return MinerConfig(**fields)  # type: ignore[arg-type]  # each was checked by the check of its name


def _text(pattern: re.Pattern[str], what: str, *, template: bool = False) -> _Check:
    def check(key: str, value: object) -> str:
        if not isinstance(value, str):
            raise _bad(key, "must be text", f"Give {what}.")
        plain = value.replace(RIG_TEMPLATE, "rig") if template else value
        if not pattern.fullmatch(plain):
            raise _bad(key, f"cannot be {one_line(value, 80)!r}", f"Give {what}.")
        return value

    return check


def _wallet(key: str, value: object) -> str:
    text = str(
        _text(_WALLET, "an address of letters and digits, perhaps with .worker after it", template=True)(key, value)
    )
    if RIG_TEMPLATE in _WORKER.split(text)[0]:
        raise _bad(
            key, f"has {RIG_TEMPLATE} in the address itself", f"Put it after the address: ADDRESS.{RIG_TEMPLATE}"
        )
    return text


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _bad(key, "must be true or false", f"Give {key}=true or {key}=false.")
    return value


def _whole(lowest: int, highest: int, *, optional: bool = False) -> _Check:
    def check(key: str, value: object) -> int | None:
        if value is None and optional:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise _bad(key, f"must be a whole number from {lowest} to {highest}", f"Give {key}={lowest} or more.")
        return value

    return check


def _choice(*choices: str) -> _Check:
    def check(key: str, value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise _bad(key, f"must be one of {', '.join(choices)}", f"Leave it out for {choices[0]}.")
        return value

    return check


_CHECKS: dict[str, _Check] = {
    "pool": _text(re.compile(rf".{{1,{MAX_POOL_CHARS}}}"), "the pool as HOST:PORT"),
    "wallet": _wallet,
    "password": _text(_PASSWORD, "a password of printable characters that does not begin with -", template=True),
    "rigId": _text(_RIG_ID, "up to 63 letters, digits, dots, underscores and hyphens", template=True),
    "algo": _text(_ALGO, "an algorithm's name, for example rx/0"),
    "coin": _text(_COIN, "a coin's name, for example monero"),
    "threads": _whole(1, MAX_THREADS, optional=True),
    "tls": _flag,
    "daemon": _flag,
    "nicehash": _flag,
    "keepalive": _flag,
    "hugePages": _flag,
    "randomxMode": _choice("auto", "light", "fast"),
    "donateLevel": _whole(0, MAX_DONATION_PERCENT),
    "seed": _whole(0, MAX_SEED, optional=True),
}
_FIELDS = dict(zip(MinerConfig.__struct_encode_fields__, MinerConfig.__struct_fields__, strict=True))
"""The name in JSON → the attribute."""


def _split_pool(text: str) -> tuple[str | None, str]:
    match = _SCHEME.fullmatch(text)
    if match is not None:
        try:
            address = parse_address(match[2], default_port=0)
        except BadInput:
            pass
        else:
            return match[1], str(address)
    raise _bad(
        "pool",
        f"cannot be {one_line(text, 80)!r}",
        "Give HOST:PORT or stratum+tcp://HOST:PORT, stratum+ssl://HOST:PORT, daemon+http://HOST:PORT.",
    )


def _unknown(key: str) -> BadInput:
    import difflib  # noqa: PLC0415 - only to explain a mistake

    near = difflib.get_close_matches(re.sub(r"[-_]", "", key[:64]).lower(), [name.lower() for name in _CHECKS], n=1)
    meant = next((name for name in _CHECKS if near and name.lower() == near[0]), None)
    suggestion = f"Did you mean {meant}?" if meant else f"The fields are {', '.join(_CHECKS)}."
    return BadInput(
        f"A profile has no field {one_line(key, 40)!r}.",
        suggestion=suggestion,
        code="UNKNOWN_FIELD",
        details={"field": one_line(key, 40)},
    )


def _bad(field: str, what: str, suggestion: str) -> BadInput:
    return BadInput(f"{field} {what}.", suggestion=suggestion, code="BAD_PROFILE", details={"field": field})
