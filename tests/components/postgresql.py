"""A real PostgreSQL server: the machine's own programs, or Debian's package unpacked into a folder of its own.

``python -m tests.components.postgresql`` prints where the programs are.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.components.monerod import free_ports
from tests.components.packages import CannotHave, alone, unpack

READY_WITHIN_S = 60.0
OWNER = "postgres"
_NOT_ROOT = "nobody"
_NOT_NEEDED = ("locales", "libllvm", "libz3", "perl", "libperl", "libelogind", "cdebconf")
"""What the package's scripts and the just-in-time compiler take: 500 MB."""
_DEBIANS = Path("/usr/lib/postgresql")
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "2GB",
    "max_connections": "60",
    "timezone": "GMT",
    "log_timezone": "GMT",
    "jit": "off",
    "password_encryption": "scram-sha-256",
}


class Programs(NamedTuple):
    """Where ``initdb`` and ``postgres`` are, what must stand before them in a command (nothing is started as root), and
    the environment they need."""

    folder: Path
    user: str | None
    prefix: Sequence[str]
    environment: Mapping[str, str]

    def run(self, program: str, *words: str, **options: object) -> subprocess.Popen[bytes]:
        """Start one of them, as a user that is not root."""
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            [*self.prefix, str(self.folder / program), *words],
            env={**os.environ, **self.environment},
            cwd="/",
            user=self.user,
            group="nogroup" if self.user else None,
            extra_groups=[] if self.user else None,
            stdin=subprocess.DEVNULL,
            **options,
        )


def obtain() -> Programs:
    """Return the machine's own programs, or those of Debian's package.

    Raises:
        CannotHave: there are none that run, and none can be fetched.
    """
    installed = sorted(_DEBIANS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed:
        return _not_as_root(installed[-1].parent, {})
    return fetched()


def fetched() -> Programs:
    """Return those of Debian's package. Raises as ``obtain``."""
    with alone("postgresql") as folder:
        if not (folder / "complete").exists():
            unpack(["postgresql"], folder, with_depends=True, without=_NOT_NEEDED)
            (folder / "complete").touch()
        found = next(folder.glob(f"{_DEBIANS.relative_to('/')}/*/bin/initdb"), None)
        if found is None:
            raise CannotHave("Debian's package has no initdb")
        libraries = sorted({str(path.parent) for path in folder.rglob("lib*.so*")})
        return _not_as_root(found.parent, {"LD_LIBRARY_PATH": ":".join(libraries)})


def _not_as_root(folder: Path, environment: Mapping[str, str]) -> Programs:
    """PostgreSQL refuses root: then it is another user's, or root's under another number where that user cannot reach
    the programs."""
    usable = {**environment, "LC_ALL": "C", "TZ": "GMT"}
    ways = [Programs(folder, None, (), usable)]
    if os.geteuid() == 0:
        namespace = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
        ways = [Programs(folder, _NOT_ROOT, (), usable), Programs(folder, None, namespace, usable)]
    said = ""
    for way in ways:
        try:
            process = way.run("initdb", "--version", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            out, err = process.communicate(timeout=30)
        except (OSError, subprocess.SubprocessError) as error:
            said = str(error)
            continue
        if process.returncode == 0 and out.startswith(b"initdb (PostgreSQL)"):
            return way
        said = (out + err).decode(errors="replace")[:200]
    raise CannotHave(f"the programs in {folder} do not run: {said}")


class Server:
    """A running PostgreSQL with data of its own: on a Unix socket (trusted) and at a port (with a password)."""

    HOST = "127.0.0.1"

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        self._base = Path(tempfile.mkdtemp(prefix="mc-pg-"))
        self._data = self._base / "data"
        self.port = 0
        self.password = secrets.token_hex(12)

    @property
    def folder(self) -> Path:
        """Where the Unix socket is."""
        return self._base

    def make(self) -> None:
        """Make the data directory."""
        password_file = self._base / "password"
        password_file.write_text(self.password)
        if self._programs.user:
            for path in (self._base, password_file):
                shutil.chown(path, self._programs.user)
        words = ("--pgdata", str(self._data), "--username", OWNER, "--pwfile", str(password_file), "--no-sync")
        auth = ("--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C")
        made = self._programs.run("initdb", *words, *auth, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = made.communicate(timeout=120)[0]
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {said.decode(errors='replace')[-2000:]}")
        password_file.unlink()
        [self.port] = free_ports(1)

    def start(self) -> None:
        """Start the server, if it does not run, and wait until it answers; at the same port as before."""
        if self._process is not None and self._process.poll() is None:
            return
        settings = {
            **_SETTINGS,
            "listen_addresses": self.HOST,
            "port": str(self.port),
            "unix_socket_directories": str(self._base),
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        log = self._base / "log"
        with log.open("ab") as file:
            self._process = self._programs.run("postgres", "-D", str(self._data), *words, stdout=file, stderr=file)
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"PostgreSQL did not come up: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in order; who is connected is thrown out."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End it at once, as a power cut would: it recovers from its log when it is started again."""
        self._end(signal.SIGQUIT)

    def remove(self) -> None:
        """End it and delete its data."""
        self.stop()
        shutil.rmtree(self._base, ignore_errors=True)

    def run_sql(self, sql: str, *, database: str = "postgres") -> None:
        """Run statements as the server's owner."""
        place = ("-h", str(self._base), "-p", str(self.port), "-U", OWNER, "-d", database)
        subprocess.run(
            [str(self._programs.folder / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *place],
            input=sql.encode(),
            env={**os.environ, **self._programs.environment},
            check=True,
            capture_output=True,
            timeout=60,
        )

    def new_database(self) -> Database:
        """Make an empty database with an owner of its own, whose password is the server's."""
        name = f"mc_{secrets.token_hex(4)}"
        self.run_sql(f"CREATE ROLE {name} LOGIN PASSWORD '{self.password}';")
        self.run_sql(f"CREATE DATABASE {name} OWNER {name};")
        return Database(self, name)

    def _ready(self) -> bool:
        """Whether the file that the server writes says so (its last line)."""
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        except (OSError, IndexError):
            return False

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)


class Database(NamedTuple):
    """A database, and the user of that name who owns it."""

    server: Server
    name: str

    @property
    def socket_url(self) -> str:
        """Its address through the Unix socket, where no password is asked for."""
        return f"postgresql://{self.name}@/{self.name}?host={self.server.folder}&port={self.server.port}"

    def url(self, *, user: str = "", password: str = "") -> str:
        """Return its address through loopback, where a password is asked for."""
        secret = f":{password}" if password else ""
        return f"postgresql://{user or self.name}{secret}@{Server.HOST}:{self.server.port}/{self.name}"

    def run_sql(self, sql: str) -> None:
        """Run statements in it as the server's owner."""
        self.server.run_sql(sql, database=self.name)

    def drop(self) -> None:
        """Delete it, whoever is connected."""
        self.server.run_sql(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE);")


if __name__ == "__main__":
    print(obtain().folder)
