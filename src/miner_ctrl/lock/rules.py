"""What a lock allows: pure, and strict: what cannot be read plainly is not allowed.

A user name at a pool is an entry of ``wallets``, with at most ``.worker``, ``+difficulty`` and ``/worker`` after it. A
worker's name that could itself be paid (a payment ID, an address) is none, wherever it stands: behind the wallet, as
the rig's id, as an option in the password. A pool is ``host:port`` in plain ASCII.
"""

from __future__ import annotations

import ipaddress
import re

from miner_ctrl.errors import BadInput, Refused
from miner_ctrl.identity.keys import is_sound_ed25519
from miner_ctrl.model.profiles import MinerConfig
from miner_ctrl.model.rig import Lock
from miner_ctrl.model.text import one_line

LOCKED = "WALLET_LOCKED"
PROXY = "proxy:"
_SHOWN_WALLET_CHARS = 12
_WHERE = (
    "The rig's owner can allow it: miner-ctrl lock set on the rig, or miner-ctrl remote lock with the key that is kept"
    " for it."
)

_WALLET = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_:/@=,-]{0,254}")
_WORKER = r"((?:\{rig\}|[A-Za-z0-9_-]){1,32})"
_AFTER_WALLET = re.compile(rf"(?:\.{_WORKER})?(?:\+[0-9]{{1,15}})?(?:/{_WORKER})?")
_COULD_BE_PAID = re.compile(r"[0-9a-fA-F]{16,}|[A-Za-z0-9]{26,}")
_OPTION_VALUE = re.compile(r"(?<==)[^,;&]+")
"""What stands behind an equals sign in a password, where many pools read options."""
MOST_DONATED_PERCENT = 1
"""What upstream XMRig takes anyway. More is mined to wallets that the owner has not named."""
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_.-]{1,253}):([1-9][0-9]{0,4})")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SUSPECT_ARGUMENT = re.compile(r"://|@|[A-Za-z0-9_.\]-]:[0-9]|[A-Za-z0-9]{26,}")
"""What an extra argument has in it that names a pool or a wallet. The adapters' allow-lists come first; this is a
second wall."""


def check_lock(lock: Lock) -> Lock:
    """Return ``lock`` with its pools in their plain form, each entry once.

    Raises:
        BadInput: an entry can allow nothing, or a key is none.
    """
    for wallet in lock.wallets:
        if not _WALLET.fullmatch(wallet):
            raise _bad(
                f"{one_line(wallet, 40)!r} is not a wallet's address.", "Give the address as the pool is to pay it."
            )
    if not all(is_sound_ed25519(key) for key in lock.keys):
        raise _bad("One of the keys is not an Ed25519 public key.", "Make one with miner-ctrl lock keygen FILE.")
    return Lock(
        wallets=tuple(dict.fromkeys(lock.wallets)),
        pools=tuple(dict.fromkeys(_plain_entry(pool) for pool in lock.pools)),
        keys=tuple(dict.fromkeys(lock.keys)),
        serial=lock.serial,
    )


def check_allowed(lock: Lock, config: MinerConfig) -> None:
    """Return if ``lock`` (as ``check_lock`` returned it) allows everything that ``config`` may mine to.

    Raises:
        Refused: it does not (``WALLET_LOCKED``); the sentence names what, and never what would be allowed.
    """
    for number, pool in enumerate(config.pools):
        within = _within(config, number)
        if not _is_wallet_allowed(lock, pool.wallet):
            raise refused(f"This rig's owner has not allowed the wallet {_shown(pool.wallet)}.", f"{within}wallet")
        if not _is_pool_allowed(lock, pool.pool):
            raise refused(f"This rig's owner has not allowed the pool {one_line(pool.pool, 100)!r}.", f"{within}pool")
        if _COULD_BE_PAID.search(pool.rig_id):
            raise refused("This rig is locked, and its id at the pool could be another wallet.", f"{within}rigId")
        if any(_COULD_BE_PAID.search(value) for value in _OPTION_VALUE.findall(pool.password)):
            raise refused(
                "This rig is locked, and an option in the password could be another wallet.", f"{within}password"
            )
    if config.proxy and not _is_pool_allowed(lock, config.proxy, prefix=PROXY):
        raise refused(
            f"This rig's owner has not allowed the proxy {one_line(config.proxy, 100)!r}: it could lead to any pool.",
            "proxy",
        )
    if config.donate_level > MOST_DONATED_PERCENT:
        raise refused(
            f"This rig is locked: no more than {MOST_DONATED_PERCENT} % is mined for a miner's developers.",
            "donateLevel",
        )
    for argument in config.extra_args:
        if _SUSPECT_ARGUMENT.search(argument):
            raise refused("This rig is locked, and an extra argument could name another pool or wallet.", "extraArgs")


def refused(sentence: str, field: str = "") -> Refused:
    """Return the refusal of what the lock does not allow; ``field`` is the profile's field."""
    return Refused(sentence, suggestion=_WHERE, code=LOCKED, details={"field": field} if field else None)


def _within(config: MinerConfig, number: int) -> str:
    """Return where a profile has its pool of that number."""
    if config.gpu_pool is not None and number == len(config.pools) - 1:
        return "gpuPool."
    return f"failover[{number - 1}]." if number else ""


def _is_wallet_allowed(lock: Lock, text: str) -> bool:
    return any(text.startswith(wallet) and _is_worker(text[len(wallet) :]) for wallet in lock.wallets)


def _is_worker(text: str) -> bool:
    """Whether ``text`` is what may stand after a wallet: nothing, a worker's name, a difficulty."""
    match = _AFTER_WALLET.fullmatch(text)
    return match is not None and not any(_COULD_BE_PAID.search(part) for part in match.groups() if part)


def _is_pool_allowed(lock: Lock, text: str, *, prefix: str = "") -> bool:
    place = _plain_place(text)
    if place is None:
        return False
    host, port = place
    for entry in lock.pools:
        if entry.startswith(PROXY) != bool(prefix):
            continue
        allowed, its_port = _split_entry(entry.removeprefix(prefix))
        if its_port in (None, port) and _is_host(host, allowed):
            return True
    return False


def _is_host(host: str, allowed: str) -> bool:
    return host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed


def _plain_place(text: str) -> tuple[str, int] | None:
    """Return host and port of ``HOST:PORT``; ``None`` for anything else, however it would be resolved."""
    match = _HOST_PORT.fullmatch(text)
    if match is None or int(match[2]) > 65535:
        return None
    host = _plain_host(match[1])
    return None if host is None else (host, int(match[2]))


def _plain_host(text: str) -> str | None:
    """Return a name in lower case without its last dot, or an address in its shortest form."""
    bracketed = text.startswith("[")
    host = text.strip("[]").lower().removesuffix(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        sound = not bracketed and all(map(_LABEL.fullmatch, labels)) and not _NUMBER.fullmatch(labels[-1])
        return host if sound else None  # 0x7f.1 and 2130706433 are addresses to a resolver
    return f"[{address}]" if address.version == 6 else str(address)


def _plain_entry(text: str) -> str:
    """Return an entry of ``pools`` as it is compared: ``host``, ``host:port``, ``*.domain``, ``proxy:host:port``.

    Raises:
        BadInput: it is none of these.
    """
    rest = text.strip()
    proxy = rest.lower().startswith(PROXY)
    rest = rest[len(PROXY) :] if proxy else rest
    wild = rest.startswith("*.")
    name = rest.removeprefix("*.")
    has_port = _HOST_PORT.fullmatch(name) is not None
    place = _plain_place(name if has_port else f"{name}:1")
    host = None if place is None else place[0]
    if host is None or place is None or (proxy and not has_port) or (wild and not _is_domain(host)):
        raise _bad(
            f"{one_line(text, 80)!r} is not a pool.",
            "Give HOST, HOST:PORT, *.DOMAIN (two labels or more), or proxy:HOST:PORT for a SOCKS5 proxy.",
        )
    port = f":{place[1]}" if has_port else ""
    return f"{PROXY if proxy else ''}{'*.' if wild else ''}{host}{port}"


def _is_domain(host: str) -> bool:
    """Whether there may be a ``*.`` before it: a name of two labels or more, and no address."""
    return "." in host and not host.startswith("[") and not _NUMBER.fullmatch(host.rpartition(".")[2])


def _split_entry(entry: str) -> tuple[str, int | None]:
    host, colon, port = entry.rpartition(":")
    if not colon or entry.endswith("]"):
        return entry, None
    return host, int(port)


def _shown(wallet: str) -> str:
    text = one_line(wallet, 255)
    if len(text) > _SHOWN_WALLET_CHARS:
        text = f"{text[:_SHOWN_WALLET_CHARS]}…"
    return repr(text) if text else "'' (none is given)"


def _bad(sentence: str, suggestion: str) -> BadInput:
    return BadInput(sentence, suggestion=suggestion, code="BAD_LOCK")
