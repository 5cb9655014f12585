"""What to know of a config that can be kept: a wallet that nobody owns, a pool that is misspelled, a port for TLS.

None of it is a rule: pools take user names, hosts come and go, and a list of them grows old.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from miner_ctrl.model.addresses import parse_address
from miner_ctrl.model.profile_views import PoolSightView
from miner_ctrl.model.profiles import MinerConfig, PoolConfig
from miner_ctrl.model.text import one_line
from miner_ctrl.profiles.known_pools import PoolSight, hosts, is_near, known_pool
from miner_ctrl.profiles.pools import named, place_of_pool
from miner_ctrl.profiles.validation import SIMULATED
from miner_ctrl.profiles.wallets import COINS, WalletSight, recognise

_XMRIG = "xmrig"
_TAKES_A_WALLET = ("wallet", "wallet.worker")
_USUAL_DONATION = 1


class Advice(NamedTuple):
    """``field`` is its place; ``warning``: it may well not pay, otherwise it is only good to know."""

    field: str
    warning: bool
    code: str
    text: str
    suggestion: str


def advice(miner_type: str, config: MinerConfig) -> list[Advice]:
    """Return what to know of a config; of a pool that is empty (it is wrong) nothing."""
    found: list[Advice] = []
    if miner_type == SIMULATED:
        return found
    for number, pool in enumerate(config.pools):
        if pool.pool:
            found += _of_pool(place_of_pool(number, len(config.failover)), pool)
    found += _of_donation(miner_type, config)
    if miner_type == _XMRIG and config.daemon and not (config.coin or config.algo):
        what = "is missing, and a node (daemon) needs it"
        found.append(_warning("coin", "DAEMON_NEEDS_COIN", f"coin {what}.", "Give coin=monero, or what is mined."))
    return found


def sights_of(config: MinerConfig) -> tuple[PoolSightView, ...]:
    """Return the pools of a config, recognised; without those that are wrong."""
    sights = []
    for number, pool in enumerate(config.pools):
        if not pool.pool:
            continue
        known, wallet = known_pool(pool.pool), recognise(pool.wallet)
        sights.append(
            PoolSightView(
                pool=number,
                place=place_of_pool(number, len(config.failover)),
                host=pool.pool,
                known=known.pool.id if known else None,
                coin=_coin_of(pool, known),
                wallet=wallet.kind if wallet else "",
            )
        )
    return tuple(sights)


def _of_pool(place: str, pool: PoolConfig) -> Iterator[Advice]:
    known = known_pool(pool.pool)
    yield from _of_host(named(place, "pool"), pool, known)
    yield from _of_tls(place, pool, known)
    if pool.wallet:
        yield from _of_wallet(named(place, "wallet"), pool, known, recognise(pool.wallet))


def _of_host(field: str, pool: PoolConfig, known: PoolSight | None) -> Iterator[Advice]:
    host = parse_address(pool.pool, default_port=0).host
    if known is not None or pool.daemon or is_near(host):
        return
    import difflib  # noqa: PLC0415 - only to explain a mistake

    near = difflib.get_close_matches(host, hosts(), n=1, cutoff=0.85)
    if near:
        yield _warning(
            field,
            "POOL_MISSPELLED",
            f"{one_line(host, 80)} is no common pool, and nearly one.",
            f"Did you mean {near[0]}?",
        )
    else:
        yield Advice(
            field,
            False,
            "POOL_UNKNOWN",
            f"{one_line(host, 80)} is not among the common pools.",
            "See that it is spelled as on the pool's page.",
        )


def _of_tls(place: str, pool: PoolConfig, known: PoolSight | None) -> Iterator[Advice]:
    address = parse_address(pool.pool, default_port=0)
    with_tls = known.ports(tls=True) if known else frozenset()
    without = known.ports(tls=False) if known else frozenset()
    ours, others = (with_tls, without) if pool.tls else (without, with_tls)
    if known is not None and address.port in others and address.port not in ours:
        how = "is for TLS" if not pool.tls else "is not for TLS"
        yield _warning(
            named(place, "tls"),
            "PORT_WITH_TLS" if not pool.tls else "PORT_WITHOUT_TLS",
            f"Port {address.port} of {known.pool.name} {how}.",
            f"Set tls={str(not pool.tls).lower()}, or take another port{_listed(ours)}.",
        )
    elif not pool.tls and not pool.daemon and not is_near(address.host):
        at = f": {known.pool.name} takes it on port{_listed(with_tls).removeprefix(':')}" if known and with_tls else ""
        yield Advice(
            named(place, "tls"),
            False,
            "POOL_NOT_ENCRYPTED",
            f"What is said to {pool.pool} can be read, and changed, on the way: the wallet too.",
            f"Set tls=true if the pool has a port for it{at}.",
        )


def _of_wallet(field: str, pool: PoolConfig, known: PoolSight | None, sight: WalletSight | None) -> Iterator[Advice]:
    coin = _coin_of(pool, known)
    takes = known.pool.user if known else ""
    if takes == "any":
        return
    if sight is not None and sight.wrong:
        text = f"{field} looks like {sight.kind}, but {sight.wrong}."
        yield _warning(field, "WALLET_WRONG", text, "Copy the address from your wallet once more.")
    elif takes == "COIN:wallet.worker" and ":" not in pool.wallet:
        example = f"Give COIN:{one_line(pool.wallet, 12)}…, for example DOGE: before the address."
        yield _warning(field, "WALLET_WITHOUT_COIN", f"{field} lacks the sign of the coin that is to be paid.", example)
    elif not coin or takes == "COIN:wallet.worker":
        return
    elif sight is None and takes in _TAKES_A_WALLET:
        text = f"{field} does not look like an address of {coin}."
        yield _warning(field, "WALLET_NOT_RECOGNISED", text, "See that it is whole, and of the coin that is mined.")
    elif sight is not None and coin not in sight.coins and not (known and "Bitcoin" in known.pool.note):
        text = f"{field} is {sight.kind}, and {coin} is mined."
        yield _warning(field, "WALLET_OF_ANOTHER_COIN", text, f"Give an address of {coin}, or another pool or coin.")


def _of_donation(miner_type: str, config: MinerConfig) -> Iterator[Advice]:
    if config.donate_level > _USUAL_DONATION:
        text = f"For {config.donate_level} % of the time the miner works for its developers."
        yield Advice("donateLevel", False, "DONATES_MORE", text, "Leave it out for 1 %.")
    elif config.donate_level == 0 and miner_type == _XMRIG:
        text = "XMRig upstream takes no less than 1 %, whatever stands here."
        yield Advice("donateLevel", False, "DONATES_ANYWAY", text, "")


def _coin_of(pool: PoolConfig, known: PoolSight | None) -> str:
    """Return the coin whose address the wallet should be, of those that are known; else empty."""
    said = COINS.get(pool.coin.lower(), "") if pool.coin else ""
    if pool.coin and not said:
        return ""
    return said or (COINS.get(known.coin, "") if known else "")


def _listed(ports: frozenset[int]) -> str:
    return f": {', '.join(map(str, sorted(ports)))}" if ports else ""


def _warning(field: str, code: str, text: str, suggestion: str) -> Advice:
    return Advice(field, True, code, text, suggestion)
