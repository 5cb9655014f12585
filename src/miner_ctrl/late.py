"""What libraries load and few nodes use: loaded when something of it is used, or not at all.

A rig's agent lives for years beside a miner, and a third of its memory was code that it never ran: TLS and a second
copy of OpenSSL, picows' client, its proxies and its transports. ``put_off`` has to be called before ``asyncio`` is
imported.
"""

from __future__ import annotations

import sys
import threading
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from types import ModuleType

_loading = threading.RLock()


class SSLSocket:
    """What asyncio asks sockets whether they are while ``ssl`` is not loaded: none is."""


def put_off(*, rig: bool) -> None:
    """Put off ``ssl`` and what uses it, and picows' client; do without picows' own transports, for connections have the
    loop's. A ``rig`` also hashes without OpenSSL: it hashes little, and large files with ``cryptography``'s own."""
    _later("ssl", SSLSocket=SSLSocket)
    _later("asyncio.sslproto")
    _later("picows.api", ws_connect=None, ws_create_server=None)
    _never("aiofastnet")
    if rig:
        _never("_hashlib")


class _Later(ModuleType):
    """A module that is loaded when something of it is asked for that it has not."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # the import system asks for such: that uses nothing
            raise AttributeError(name)
        with _loading:
            if type(self) is _Later:
                self.__class__ = ModuleType  # type: ignore[assignment]
                spec = self.__spec__
                assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - _later sees to it
                spec.loader.exec_module(self)
        return getattr(self, name)


def _later(name: str, **stand_ins: object) -> None:
    """Have a module loaded when it is first used; ``stand_ins`` are what can be asked for before without loading it."""
    spec = _find(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    module.__class__ = _Later
    vars(module).update(stand_ins)
    sys.modules[name] = module


def _never(name: str) -> None:
    """Have a library that is optional for those who import it count as missing."""
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # the import system's way to say so


def _find(name: str) -> ModuleSpec | None:
    """Return where a module is, without importing its package."""
    package, _, _ = name.rpartition(".")
    if not package:
        return PathFinder.find_spec(name)
    found = PathFinder.find_spec(package)
    return PathFinder.find_spec(name, found.submodule_search_locations) if found else None
