"""Profiles: what a miner should run. ``profiles.validation`` makes a typed config of the open one."""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.model.miners import ShortText
from miner_ctrl.model.nodes import Name
from miner_ctrl.model.values import JsonValue

ConfigValue = JsonValue


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


class MinerConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The fields a profile's config may have, checked by ``profiles.validation``; in JSON in camelCase (``rigId``).

    ``pool`` is ``host:port``; ``threads`` a count (``None``: the miner decides); ``daemon`` mines solo against
    a node's RPC port; ``randomx_mode`` is ``auto``, ``light`` or ``fast``; ``donate_level`` in per cent.
    """

    pool: str
    wallet: str = ""
    password: str = "x"  # noqa: S105 - the pool's customary placeholder, not a secret
    rig_id: str = ""
    algo: str = ""
    coin: str = ""
    threads: int | None = None
    tls: bool = False
    daemon: bool = False
    nicehash: bool = False
    keepalive: bool = True
    huge_pages: bool = True
    randomx_mode: str = "auto"
    donate_level: int = 1
    seed: int | None = None
    """Only for the simulated miner: makes its numbers repeatable."""
