"""Where a node keeps its things, and the few settings it starts with.

The command line imports this for every command: nothing heavy here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miner_ctrl.errors import BadInput
from miner_ctrl.storage.directories import make_private

if TYPE_CHECKING:
    from miner_ctrl.storage.database_url import DatabaseUrl

HOME_VARIABLE = "MINER_CTRL_HOME"
PAGE_FOLDER = Path(__file__).parent / "page"
"""Where the build puts the page (``scripts/page.py``)."""
_DESKTOP = "lethean-desktop"
_RUNTIME = "miner-ctrl"
_SOCKET_PATH_BYTES = 107
"""What fits into ``sockaddr_un`` beside the closing zero (Linux)."""


@dataclass(frozen=True, slots=True)
class Home:
    """Everything a node owns on disk (docs/protocol.md, "Identity"). Paths only: ``prepare`` makes directories.

    ``config``, ``data`` and ``run`` are absolute. ``user_run`` is the user's own runtime directory, for a socket whose
    path would be too long in ``run``.
    """

    config: Path
    data: Path
    run: Path
    user_run: Path

    @classmethod
    def resolve(cls, chosen: str | None = None, environ: Mapping[str, str] = os.environ) -> Home:
        """Return the home that ``--home`` (``chosen``) or ``MINER_CTRL_HOME`` names, or else the user's own."""
        user_run = _user_runtime_directory(environ)
        named = chosen or environ.get(HOME_VARIABLE)
        if named:
            base = Path(named).expanduser().resolve()
            return cls(base / "config", base / "data", base / "run", user_run)
        from platformdirs import PlatformDirs  # noqa: PLC0415 - not needed when a home is named

        places = PlatformDirs(_DESKTOP, appauthor=False)
        return cls(places.user_config_path, places.user_data_path, user_run, user_run)

    @property
    def node_file(self) -> Path:
        return self.config / "node.json"

    @property
    def trust_file(self) -> Path:
        return self.config / "trust.json"

    @property
    def rig_file(self) -> Path:
        return self.config / "rig.toml"

    @property
    def lock_json(self) -> Path:
        """The owner's wallet lock."""
        return self.config / "lock.json"

    @property
    def operators_file(self) -> Path:
        """The operators' keys that the owner has pinned."""
        return self.config / "operators.txt"

    @property
    def lock_mark(self) -> Path:
        """What the data say of ``lock_json``: that there is one."""
        return self.node_data / "lock.mark"

    @property
    def rig_journal(self) -> Path:
        return self.node_data / "journal.db"

    @property
    def audit_database(self) -> Path:
        return self.node_data / "audit.db"

    @property
    def audit_heads_database(self) -> Path:
        """What this node keeps of its peers' audit logs."""
        return self.node_data / "audit-heads.db"

    @property
    def history_database(self) -> Path:
        return self.data / "mining.db"

    @property
    def database_file(self) -> Path:
        """Names another database for the history (``storage.database_choice``); may be missing."""
        return self.config / "database.url"

    @property
    def history_file(self) -> Path:
        """How long history is kept; may be missing."""
        return self.config / "history.toml"

    @property
    def tls_certificate(self) -> Path:
        return self.config / "tls.crt"

    @property
    def tls_key(self) -> Path:
        return self.config / "tls.key"

    @property
    def miner_descriptions(self) -> Path:
        """The owner's descriptions of miners (``docs/miners.md``); may be missing."""
        return self.config / "miners"

    @property
    def first_start_file(self) -> Path:
        return self.config / "first-start.json"

    @property
    def node_data(self) -> Path:
        return self.data / "node"

    @property
    def key_file(self) -> Path:
        return self.node_data / "private.key"

    @property
    def access_database(self) -> Path:
        """API tokens and logins."""
        return self.node_data / "access.db"

    @property
    def peers_database(self) -> Path:
        return self.node_data / "peers.db"

    @property
    def worker_database(self) -> Path:
        return self.node_data / "worker.db"

    @property
    def schedule_file(self) -> Path:
        return self.node_data / "schedule.json"

    @property
    def profiles_database(self) -> Path:
        return self.node_data / "profiles.db"

    @property
    def jobs_database(self) -> Path:
        """What was asked of many rigs at once, and what came of it."""
        return self.node_data / "jobs.db"

    @property
    def miners_data(self) -> Path:
        return self.data / "miners"

    @property
    def replacing_file(self) -> Path:
        """A replacement of miners that is under way."""
        return self.node_data / "replacing.json"

    @property
    def programs(self) -> Path:
        """Miner programs that deploys have put here."""
        return self.data / "programs"

    @property
    def bundles(self) -> Path:
        """Miner programs that this node can deploy."""
        return self.data / "bundles"

    @property
    def lock_file(self) -> Path:
        """Beside the data and not in ``run``, which for the user's own home depends on the environment: two
        processes with one set of data must meet at one lock."""
        return self.node_data / "node.lock"

    @property
    def socket(self) -> Path:
        """The local API's Unix socket. Its directory is ``socket.parent``, made by ``prepare``."""
        return self.socket_for("node")

    def socket_for(self, name: str) -> Path:
        """Return the path of the socket ``name``, short enough to bind: in ``run``, else hashed in ``user_run``."""
        path = self.run / f"{name}.sock"
        if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES:
            return path
        from hashlib import sha256  # noqa: PLC0415 - seldom needed, and loads OpenSSL

        return self.user_run / f"{sha256(os.fsencode(path)).hexdigest()[:24]}.sock"

    def prepare(self) -> None:
        """Make the directories, those with secrets and the sockets' 0700, and check those that are there.

        Raises:
            StateDamaged: one is open to other users, another user's, or cannot be made.
        """
        make_private(self.config, strict=False)
        make_private(self.data, strict=False)
        for directory in dict.fromkeys((self.node_data, self.miners_data, self.run, self.socket.parent)):
            make_private(directory)


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen. ``host`` is ``None`` for all addresses, IPv4 and IPv6; port 0 lets the system choose."""

    host: str | None
    port: int


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of the listener's certificate chain and its private key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where and how the API is served over TCP. ``asked``: somebody chose the place, so that it must be there.
    ``auth``: credentials are needed on loopback too. ``names``: what a reverse proxy is called. ``tls`` is ``None`` for
    none; ``own_tls`` is with this node's own certificate. ``hsts``: browsers are told to come with TLS alone."""

    listen: Listen
    asked: bool = False
    auth: bool = False
    names: tuple[str, ...] = ()
    tls: TlsFiles | None = None
    own_tls: bool = False
    hsts: bool = False


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What a serving node starts with; ``listen`` is ``None`` for a node that only dials. ``trace``: log every message
    to and from peers. ``api`` is ``None`` where it is served on the local socket alone. ``database`` keeps the history,
    if not a file of the home."""

    home: Home
    listen: Listen | None = None
    tls: TlsFiles | None = None
    trace: bool = False
    api: ApiSettings | None = None
    database: DatabaseUrl | None = None


DEFAULT_API = Listen("127.0.0.1", 9090)


def page_is_built() -> bool:
    """Return whether there is a page to serve; a checkout has none before ``make page``."""
    return (PAGE_FOLDER / "index.html").is_file()


def parse_listen(text: str) -> Listen:
    """Return the place that ``:9091``, ``9091``, ``127.0.0.1:9091``, ``[::1]:9091`` or ``host:9091`` names.

    Raises:
        BadInput: it is none of these.
    """
    host, _, port = text.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    sound = bool(host) or not bracketed
    sound &= port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535
    if not sound or (":" in host and not bracketed) or any(char.isspace() or char in "/@[]" for char in host):
        raise BadInput(
            f"{text[:100]!r} is not a place to listen at.",
            suggestion="Use :9091 for all addresses, or HOST:PORT, for example 127.0.0.1:9091.",
            code="BAD_LISTEN",
        )
    return Listen(host or None, int(port))


def _user_runtime_directory(environ: Mapping[str, str]) -> Path:
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or _temporary_directory()) / _RUNTIME / "run"
    named = environ.get("XDG_RUNTIME_DIR")
    if named and Path(named).is_absolute():
        return Path(named) / _RUNTIME
    usual = Path("/run/user") / str(os.geteuid())
    if usual.is_dir() and os.access(usual, os.W_OK):
        return usual / _RUNTIME
    return Path(_temporary_directory()) / f"{_RUNTIME}-{os.geteuid()}"


def _temporary_directory() -> str:
    import tempfile  # noqa: PLC0415 - slow to import, and seldom needed

    return tempfile.gettempdir()
