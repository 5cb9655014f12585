"""Common pools: where they are and what they take. Nobody is asked; what is here is as old as its source.

Hosts and ports: ``minershive/hive-pooltemplates`` at 2026-08-17 (an export of what miners use), but for
gulf.moneroocean.stream:10128/20128, pool.supportxmr.com:443, rx.unmineable.com:443 (what public guides and XMRig
configurations agree on), and P2Pool's own default port, 3333 (its README). Fees change, and are left out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from miner_ctrl.model.addresses import parse_address
from miner_ctrl.model.profile_views import KnownPoolView, PoolHostView, PoolOfferView, PoolPortView

AS_OF = "2026-08-17"
P2POOL_PORT = 3333
_WORLD = {"": ""}
_ALGORITHMS = {
    "ergo": "autolykos2",
    "ethereum-classic": "etchash",
    "kaspa": "kheavyhash",
    "monero": "rx/0",
    "raptoreum": "ghostrider",
    "ravencoin": "kawpow",
    "zephyr": "rx/0",
}


def _offer(
    coin: str,
    host: str,
    plain: tuple[int, ...],
    tls: tuple[int, ...] = (),
    *,
    regions: Mapping[str, str] = _WORLD,
    algorithm: str = "",
) -> PoolOfferView:
    """Return an offer; ``{}`` in ``host`` stands for the keys of ``regions``, whose values are for people."""
    return PoolOfferView(
        coin=coin,
        algorithm=algorithm or _ALGORITHMS[coin],
        hosts=tuple(PoolHostView(host=host.format(key), region=name) for key, name in regions.items()),
        ports=(
            *(PoolPortView(port=port, tls=False) for port in plain),
            *(PoolPortView(port=port, tls=True) for port in tls),
        ),
    )


_NANOPOOL = {
    "eu1": "Europe", "eu2": "Europe 2", "us-east1": "US East", "us-west1": "US West", "asia1": "Asia", "jp1": "Japan",
    "au1": "Australia",
}  # fmt: skip
_TWO_MINERS = {"": "Europe", "us-": "US", "asia-": "Asia"}
_HERO = {
    "de": "Germany", "fi": "Finland", "ca": "Canada", "us": "US West", "us2": "US East", "hk": "Hong Kong",
    "sg": "Singapore", "tr": "Turkey", "kr": "Korea",
}  # fmt: skip
_KRYPTEX = {"": "", "-eu": "Europe", "-us": "US", "-sg": "Asia", "-ru": "Russia"}
_K1 = {"eu": "Europe", "us": "US", "cn": "China"}
_WOOLY = {"": "", "eu.": "Europe", "us.": "US", "ca.": "Canada", "zh.": "China"}
_UNMINEABLE = {"": "", "eu.": "Europe", "asia.": "Asia"}
_FLOCK = {"eu": "Europe", "us-east": "US East", "us-west": "US West", "asia": "Asia"}
_FASTPOOL = {"": "Europe", "us.": "US", "sg.": "Asia"}
_RPLANT = {"eu": "Europe", "asia": "Asia", "na": "North America"}

KNOWN_POOLS: tuple[KnownPoolView, ...] = (
    KnownPoolView(
        id="moneroocean",
        name="MoneroOcean",
        site="https://moneroocean.stream",
        user="wallet",
        note="It chooses the algorithm and pays Monero. The worker's name is the password.",
        offers=(_offer("monero", "gulf.moneroocean.stream", (10001, 10128), (20128,)),),
    ),
    KnownPoolView(
        id="supportxmr",
        name="SupportXMR",
        site="https://www.supportxmr.com",
        user="wallet",
        note="The worker's name is the password.",
        offers=(_offer("monero", "pool.supportxmr.com", (3333, 5555, 7777), (443,)),),
    ),
    KnownPoolView(
        id="hashvault",
        name="HashVault",
        site="https://hashvault.pro",
        user="wallet",
        note="It knows the coin by the wallet. The worker's name is the password. Each port takes TLS too.",
        offers=(
            _offer("monero", "pool.hashvault.pro", (3333, 5555, 7777, 8888), (443, 3333, 5555, 7777, 8888)),
            _offer("zephyr", "pool.hashvault.pro", (3333, 5555, 7777, 8888), (443, 3333, 5555, 7777, 8888)),
        ),
    ),
    KnownPoolView(
        id="p2pool",
        name="P2Pool",
        site="https://p2pool.io",
        user="any",
        note="It runs on a machine of yours, beside your Monero node, and pays the wallet that it was started with.",
        offers=(_offer("monero", "127.0.0.1", (P2POOL_PORT,)),),
    ),
    KnownPoolView(
        id="nanopool",
        name="Nanopool",
        site="https://nanopool.org",
        user="wallet.worker/email",
        offers=(
            _offer("monero", "xmr-{}.nanopool.org", (10300,), (10343,), regions=_NANOPOOL),
            _offer("zephyr", "zeph-{}.nanopool.org", (10900,), (10943,), regions=_NANOPOOL),
            _offer("ethereum-classic", "etc-{}.nanopool.org", (10100,), (10143,), regions=_NANOPOOL),
            _offer("ravencoin", "rvn-{}.nanopool.org", (10400,), (10443,), regions=_NANOPOOL),
            _offer("ergo", "ergo-{}.nanopool.org", (10600,), (10643,), regions=_NANOPOOL),
        ),
    ),
    KnownPoolView(
        id="2miners",
        name="2Miners",
        site="https://2miners.com",
        user="wallet.worker",
        note="It also pays in Bitcoin: then the wallet is a Bitcoin address.",
        offers=(
            _offer("ethereum-classic", "{}etc.2miners.com", (1010,), (11010,), regions=_TWO_MINERS),
            _offer("ravencoin", "{}rvn.2miners.com", (6060, 6161), (16060, 16161), regions=_TWO_MINERS),
            _offer("ergo", "{}erg.2miners.com", (8888,), (18888,), regions=_TWO_MINERS),
            _offer("kaspa", "{}kas.2miners.com", (2020,), (12020,), regions=_TWO_MINERS),
            _offer("zephyr", "{}zeph.2miners.com", (2222, 3333), (12222, 13333), regions=_TWO_MINERS),
        ),
    ),
    KnownPoolView(
        id="herominers",
        name="HeroMiners",
        site="https://herominers.com",
        user="wallet.worker",
        note="Each port takes TLS too.",
        offers=(
            _offer("monero", "{}.monero.herominers.com", (1111,), (1111,), regions=_HERO),
            _offer("zephyr", "{}.zephyr.herominers.com", (1123,), (1123,), regions=_HERO),
            _offer("ravencoin", "{}.ravencoin.herominers.com", (1140,), (1140,), regions=_HERO),
            _offer("ethereum-classic", "{}.etc.herominers.com", (1150,), (1150,), regions=_HERO),
            _offer("ergo", "{}.ergo.herominers.com", (1180,), (1180,), regions=_HERO),
            _offer("kaspa", "{}.kaspa.herominers.com", (1206,), (1206,), regions=_HERO),
        ),
    ),
    KnownPoolView(
        id="unmineable",
        name="unMineable",
        site="https://unmineable.com",
        user="COIN:wallet.worker",
        note="It pays another coin than is mined: that coin's sign stands before the wallet, for example DOGE:D….rig.",
        offers=(
            _offer("", "rx.unmineable.com", (3333,), (443,), algorithm="rx/0"),
            _offer("", "kawpow.{}unmineable.com", (3333,), regions=_UNMINEABLE, algorithm="kawpow"),
            _offer("", "etchash.{}unmineable.com", (3333,), regions=_UNMINEABLE, algorithm="etchash"),
        ),
    ),
    KnownPoolView(
        id="nicehash",
        name="NiceHash",
        site="https://www.nicehash.com",
        user="account.worker",
        note="It buys the hashrate and pays Bitcoin; the wallet is the account's mining address, and nicehash=true.",
        offers=(
            _offer("", "randomxmonero.auto.nicehash.com", (9200,), (443,), algorithm="rx/0"),
            _offer("", "kawpow.auto.nicehash.com", (9200,), (443,), algorithm="kawpow"),
            _offer("", "autolykos.auto.nicehash.com", (9200,), (443,), algorithm="autolykos2"),
        ),
    ),
    KnownPoolView(
        id="kryptex",
        name="Kryptex Pool",
        site="https://pool.kryptex.com",
        user="account.worker",
        note="It takes a wallet, a mail address or an account of its own.",
        offers=(
            _offer("monero", "xmr{}.kryptex.network", (7029,), (8029,), regions=_KRYPTEX),
            _offer("zephyr", "zeph{}.kryptex.network", (7030,), (8030,), regions=_KRYPTEX),
            _offer("ravencoin", "rvn{}.kryptex.network", (7031,), (8031,), regions=_KRYPTEX),
            _offer("ethereum-classic", "etc{}.kryptex.network", (7033,), (8033,), regions=_KRYPTEX),
            _offer("ergo", "erg{}.kryptex.network", (7021,), (8021,), regions=_KRYPTEX),
            _offer("kaspa", "kas{}.kryptex.network", (7011,), (8011,), regions=_KRYPTEX),
        ),
    ),
    KnownPoolView(
        id="k1pool",
        name="K1Pool",
        site="https://k1pool.com",
        user="account.worker",
        offers=(
            _offer("ethereum-classic", "{}.etc.k1pool.com", (3821, 3823), regions=_K1),
            _offer("ravencoin", "{}.rvn.k1pool.com", (7861,), regions=_K1),
            _offer("ergo", "{}.erg.k1pool.com", (3746, 3747), regions=_K1),
            _offer("zephyr", "{}.zeph.k1pool.com", (1123,), regions={"eu": "Europe", "us": "US"}),
        ),
    ),
    KnownPoolView(
        id="f2pool",
        name="F2Pool",
        site="https://www.f2pool.com",
        user="account.worker",
        offers=(
            _offer("ethereum-classic", "etc.f2pool.com", (8118,)),
            _offer("ravencoin", "raven.f2pool.com", (3636,)),
            _offer("ergo", "erg.f2pool.com", (7200,)),
        ),
    ),
    KnownPoolView(
        id="woolypooly",
        name="WoolyPooly",
        site="https://woolypooly.com",
        user="wallet.worker",
        note="Each port takes TLS too.",
        offers=(
            _offer("ethereum-classic", "pool.{}woolypooly.com", (35000,), (35000,), regions=_WOOLY),
            _offer("ravencoin", "pool.{}woolypooly.com", (55555,), (55555,), regions=_WOOLY),
            _offer("ergo", "pool.{}woolypooly.com", (3100,), (3100,), regions=_WOOLY),
            _offer("kaspa", "pool.{}woolypooly.com", (3112,), (3112,), regions=_WOOLY),
            _offer("raptoreum", "pool.{}woolypooly.com", (3110,), (3110,), regions=_WOOLY),
        ),
    ),
    KnownPoolView(
        id="ravenminer",
        name="Ravenminer",
        site="https://www.ravenminer.com",
        user="wallet.worker",
        offers=(_offer("ravencoin", "stratum.ravenminer.com", (3838,), (13838,)),),
    ),
    KnownPoolView(
        id="flockpool",
        name="Flockpool",
        site="https://flockpool.com",
        user="wallet.worker",
        offers=(_offer("raptoreum", "{}.flockpool.com", (4444,), (5555,), regions=_FLOCK),),
    ),
    KnownPoolView(
        id="rplant",
        name="Rplant",
        site="https://pool.rplant.xyz",
        user="wallet.worker",
        offers=(
            _offer("raptoreum", "stratum-{}.rplant.xyz", (7056,), (17056,), regions=_RPLANT),
            _offer("monero", "randomx.rplant.xyz", (7080,), (17080,)),
            _offer("zephyr", "randomx.rplant.xyz", (7101,), (17101,)),
        ),
    ),
    KnownPoolView(
        id="fastpool",
        name="fastpool.xyz",
        site="https://fastpool.xyz",
        user="wallet.worker",
        offers=(
            _offer("monero", "{}fastpool.xyz", (10055, 10056, 10080), (10054,), regions=_FASTPOOL),
            _offer("ravencoin", "{}fastpool.xyz", (4040, 4041, 4042, 4043), (4044,), regions=_FASTPOOL),
            _offer("zephyr", "{}fastpool.xyz", (10041,), (10043,), regions=_FASTPOOL),
            _offer("raptoreum", "{}fastpool.xyz", (4020,), (4023,), regions=_FASTPOOL),
        ),
    ),
)


class PoolSight(NamedTuple):
    """A pool, recognised. ``offers`` are those at that host, only those at that port if it is one of theirs."""

    pool: KnownPoolView
    offers: tuple[PoolOfferView, ...]

    @property
    def coin(self) -> str:
        """What is mined there, if that is one coin; else empty."""
        coins = {offer.coin for offer in self.offers}
        return coins.pop() if len(coins) == 1 else ""

    def ports(self, *, tls: bool) -> frozenset[int]:
        """Return the ports there that take TLS, or that do not."""
        return frozenset(port.port for offer in self.offers for port in offer.ports if port.tls is tls)


def known_pool(address: str) -> PoolSight | None:
    """Return the common pool that ``HOST:PORT`` (as a config has it, after validation) belongs to.

    Another host of a pool's domain is that pool too, with no offers. P2Pool is known by loopback and its port.
    """
    place = parse_address(address, default_port=0)
    host = place.host.removesuffix(".")
    if is_own_machine(host):
        pool = next(pool for pool in KNOWN_POOLS if pool.id == "p2pool")
        return PoolSight(pool, pool.offers) if place.port == P2POOL_PORT else None
    offers = tuple((pool, offer) for pool, offer, name in _offers() if name == host)
    if offers:
        here = tuple(offer for _, offer in offers)
        at_port = tuple(offer for offer in here if any(port.port == place.port for port in offer.ports))
        return PoolSight(offers[0][0], at_port or here)
    labels = host.split(".")
    pool_or_none = _domains().get(".".join(labels[-2:])) if len(labels) > 1 else None
    return None if pool_or_none is None else PoolSight(pool_or_none, ())


def is_own_machine(host: str) -> bool:
    """Whether it is the machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_near(host: str) -> bool:
    """Whether it is the machine itself or an address of a private network."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_private
    except ValueError:
        return host == "localhost" or host.endswith((".local", ".lan", ".internal", ".home.arpa")) or "." not in host


def hosts() -> Iterator[str]:
    """Yield the hosts of all common pools."""
    yield from (name for _, _, name in _offers())


@cache
def _offers() -> tuple[tuple[KnownPoolView, PoolOfferView, str], ...]:
    return tuple((pool, offer, host.host) for pool in KNOWN_POOLS for offer in pool.offers for host in offer.hosts)


@cache
def _domains() -> Mapping[str, KnownPoolView]:
    return {".".join(name.split(".")[-2:]): pool for pool, _, name in _offers() if pool.id != "p2pool"}
