"""The port as it is served, on a free one of loopback, and a client that says byte for byte what a browser would."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from miner_ctrl.access import Access
from miner_ctrl.api.doors import Application
from miner_ctrl.api.port import Port, PortRules
from miner_ctrl.model.callers import OWNER, AccessRole, Visit
from miner_ctrl.transport.sockets import bind, bound_address
from tests.api.in_memory import BASE, World

PASSWORD = "correct horse battery"
WITHIN_S = 20.0


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.data.get("code", "")) if self.body else ""

    def header(self, name: str) -> str:
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, found
        return found[0] if found else ""


class OpenPort:
    """``port`` and whoever can use it: ``access`` is what the routes and the guard have."""

    def __init__(self, port: Port, access: Access, world: World, address: tuple[str, int]) -> None:
        self.port = port
        self.access = access
        self.world = world
        self.host, self.number = address
        self.tls: ssl.SSLContext | None = None

    @property
    def place(self) -> str:
        return f"{self.host}:{self.number}"

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str | Sequence[str]] | None = None,
        token: str = "",
        base: str = BASE,
    ) -> Answer:
        """Send one request on a connection of its own."""
        said: dict[str, str | Sequence[str]] = {"Host": self.place, "Connection": "close"}
        content = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            said |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        if token:
            said["Authorization"] = f"Bearer {token}"
        said |= headers or {}
        lines = [f"{method} {base}{path} HTTP/1.1"]
        for name, values in said.items():
            lines += [f"{name}: {value}" for value in ([values] if isinstance(values, str) else values)]
        return await self.raw("\r\n".join([*lines, "", ""]).encode("latin-1") + content)

    async def raw(self, data: bytes) -> Answer:
        """Send these bytes and read one answer."""
        reader, writer = await asyncio.open_connection(self.host, self.number, ssl=self.tls)
        try:
            writer.write(data)
            return await read_answer(reader)
        finally:
            writer.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.host, self.number, ssl=self.tls)

    async def token(self, role: AccessRole, name: str = "", lifetime_s: float | None = None) -> str:
        """Return a new token."""
        made = await self.access.create_token(OWNER, name or role.value, role, lifetime_s)
        assert made.token is not None
        return made.token

    async def login(self, name: str = "alice", role: AccessRole = AccessRole.ADMIN) -> None:
        await self.access.set_login(OWNER, name, role, PASSWORD)

    async def session(self, name: str = "alice", role: AccessRole = AccessRole.ADMIN) -> str:
        """Return the secret of a new session."""
        await self.login(name, role)
        session, _ = await self.access.log_in(name, PASSWORD, Visit(address="127.0.0.1"))
        return session


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    async with asyncio.timeout(WITHIN_S):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        length = int(dict(headers).get("content-length", "0"))
        return Answer(int(first.split()[1]), headers, await reader.readexactly(length))


def _new_access(folder: Path) -> Access:
    folder.mkdir(exist_ok=True)
    return Access(folder / "access.db")


@asynccontextmanager
async def opened(
    folder: Path,
    rules: PortRules | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    access: Access | None = None,
    page: Path | None = None,
) -> AsyncIterator[OpenPort]:
    """Open a port until the block ends."""
    access = access or _new_access(folder)
    world = World(access=access)
    listeners = bind("127.0.0.1", 0)
    port = Port(Application(world.faces), lambda: access, listeners, rules or PortRules(), tls=tls, page=page)
    await port.open()
    try:
        yield OpenPort(port, access, world, bound_address(listeners[0]))
    finally:
        await port.close()
        await access.close()
