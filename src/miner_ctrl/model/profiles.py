"""Profiles: what a miner should run. ``profiles.validation`` makes a typed config of the open one."""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.errors import BadInput
from miner_ctrl.model.nodes import Name, check_name
from miner_ctrl.model.values import JsonValue, ShortText

ConfigValue = JsonValue
MAX_DOCUMENT_BYTES = 1024 * 1024
"""The largest file of profiles that is read."""
RESERVED_NAMES = frozenset({"check", "export", "fields", "import", "inspect", "pools", "preview", "types"})
"""Would be read as routes."""
LOCAL_PREFIX = "local:"
"""Before the name of a profile that a rig has itself."""


class Profile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``{id, name, minerType, config}``: ``config`` holds the fields of ``MinerConfig`` and more, unchecked."""

    id: ShortText
    name: Name
    miner_type: ShortText
    config: Annotated[dict[str, ConfigValue], Meta(max_length=100)]

    @property
    def content_hash(self) -> str:
        """SHA-256 (hex) over miner type and config in canonical JSON: the same content has the same hash."""
        canonical = msgspec.json.encode([self.miner_type, self.config], order="sorted")
        return hashlib.sha256(canonical).hexdigest()


class ProfileDraft(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A profile as it stands in a file: without an ID, which each node gives its own."""

    name: ShortText
    miner_type: ShortText
    config: Annotated[dict[str, ConfigValue], Meta(max_length=100)]


class ProfileVersion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a profile was from ``at_ms`` on (Unix time; ``None``: before versions were kept)."""

    hash: str
    miner_type: str
    config: dict[str, ConfigValue]
    at_ms: int | None


class ImportOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The names of what an import made, replaced, and left alone since it was there already."""

    created: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


def check_profile_name(name: str) -> str:
    """Return ``name`` if a profile may be called that.

    Raises:
        BadInput: it is no name, looks like an ID or is a reserved word.
    """
    if name in RESERVED_NAMES:
        raise BadInput(
            f"The name {name!r} is reserved: it would be read as a route.",
            suggestion="Choose another name, for example my-profile.",
            code="BAD_NAME",
        )
    return check_name(name)


class PoolConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One pool, whole: what a failover pool leaves out has been filled in from the first one.

    ``pool`` is ``host:port``; ``tls_fingerprint`` the SHA-256 of the certificate (64 hex digits; empty: any);
    ``daemon`` mines solo against a node's RPC port.
    """

    pool: str
    wallet: str = ""
    password: str = "x"  # noqa: S105 - the pool's customary placeholder, not a secret
    rig_id: str = ""
    algo: str = ""
    coin: str = ""
    tls: bool = False
    tls_fingerprint: str = ""
    daemon: bool = False
    nicehash: bool = False
    keepalive: bool = True


class MinerConfig(PoolConfig, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The fields a profile's config may have, checked by ``profiles.validation``; in JSON in camelCase (``rigId``).

    The first pool is its own fields; ``failover`` holds the others, in the order they are tried. ``gpu_pool``: the
    GPUs mine there, in a miner process of their own. ``{rig}`` in wallet, password and rig id stands for the rig's
    name. ``None`` leaves a choice to the miner.
    """

    failover: tuple[PoolConfig, ...] = ()
    gpu_pool: PoolConfig | None = None
    proxy: str = ""
    """SOCKS5 proxy for all pools, ``host:port``."""
    cpu: bool = True
    """Whether the CPU mines; for miners that can use both."""
    threads: int | None = None
    cpu_affinity: tuple[int, ...] = ()
    """The logical CPUs to use, by number."""
    cpu_priority: int | None = None
    """0 (idle) to 5 (highest)."""
    max_threads_hint: int | None = None
    """Per cent of the CPU's threads that the miner may choose to use, 1 to 100."""
    huge_pages: bool = True
    gb_pages: bool = False
    """1 GB pages for RandomX, 1 to 3 % faster than 2 MB ones; needs root, Linux."""
    randomx_mode: str = "auto"
    """``auto``, ``light`` (256 MB, slow) or ``fast`` (2 GB)."""
    donate_level: int = 1
    """Per cent of the time that the miner mines for its developers. Upstream XMRig takes no less than 1: with 0 it
    still does so at times."""
    opencl: bool = False
    cuda: bool = False
    devices: tuple[int, ...] = ()
    """The GPUs to use, by number; empty: all."""
    intensity: float | None = None
    pause_on_battery: bool = False
    pause_on_activity: int | None = None
    """Pause while somebody uses the machine, and for this many seconds after."""
    extra_args: tuple[str, ...] = ()
    """Further arguments for the miner's program; each adapter says which it allows."""
    seed: int | None = None
    """Only for the simulated miner: makes its numbers repeatable."""

    @property
    def pools(self) -> tuple[PoolConfig, ...]:
        """Every pool this config may mine to, the first one first, that of the GPUs last."""
        first = PoolConfig(**{name: getattr(self, name) for name in PoolConfig.__struct_fields__})
        return (first, *self.failover, *((self.gpu_pool,) if self.gpu_pool else ()))

    @property
    def parts(self) -> tuple[tuple[str, MinerConfig], ...]:
        """The miners that this makes, each with its part's name: one without a name, or ``cpu`` and ``gpu`` where the
        GPUs mine to a pool of their own."""
        if self.gpu_pool is None:
            return (("", self),)
        pool = {name: getattr(self.gpu_pool, name) for name in PoolConfig.__struct_fields__}
        own = {"failover": (), "gpu_pool": None, "cpu": False, "threads": None, "cpu_affinity": (), "gb_pages": False}
        gpu = msgspec.structs.replace(self, **pool, **own, max_threads_hint=None)
        cpu = msgspec.structs.replace(self, gpu_pool=None, opencl=False, cuda=False, devices=(), intensity=None)
        return (("cpu", cpu), ("gpu", gpu)) if self.cpu else (("gpu", gpu),)
