"""Talking to the local node: the REST API over its Unix socket, synchronously.

Errors that the node answers come back as the errors they were (``errors.py``), so that a command ends the same way
whether the node or the command line found the fault.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from miner_ctrl.errors import (
    BadInput,
    Conflict,
    MinerCtrlError,
    NotFound,
    OperationFailed,
    RateLimited,
    Refused,
    StateDamaged,
    Unreachable,
)

if TYPE_CHECKING:
    from http.client import HTTPResponse

BASE_PATH = "/api/v1/mining"
ANSWER_TIMEOUT_S = 120.0
CONNECT_TIMEOUT_S = 5.0
MAX_LISTED = 10_000
"""The most that a list route gives at once."""
DOWNLOAD_PART_BYTES = 256 * 1024
MAX_EVENT_LINE_BYTES = 16 * 1024 * 1024

_ERROR_OF_STATUS: dict[int, type[MinerCtrlError]] = {
    400: BadInput,
    403: Refused,
    404: NotFound,
    409: Conflict,
    413: BadInput,
    415: BadInput,
    422: BadInput,
    429: RateLimited,
    502: OperationFailed,
    503: StateDamaged,
    504: Unreachable,
}

Query = Mapping[str, str | int | float | None]


class Answer(NamedTuple):
    """What the node answered: the JSON text as it came, and the HTTP status (2xx)."""

    status: int
    text: str

    @property
    def data(self) -> Any:
        """The decoded JSON."""
        return json.loads(self.text)


class Event(NamedTuple):
    """One server-sent event: its name and the JSON text it carries."""

    name: str
    text: str

    @property
    def data(self) -> Any:
        """The decoded JSON."""
        return json.loads(self.text)


class NodeGone(OperationFailed):
    """The local node ended, or closed the connection, before it had answered."""

    default_code = "LOCAL_NODE_GONE"

    def __init__(self) -> None:
        super().__init__(
            "The local node ended before it had answered.",
            suggestion="Run the command again; `miner-ctrl node serve` shows why a node ends.",
        )


class LocalApi:
    """The API of the node behind ``socket_path``. One connection a request; may be used by several threads.

    ``start_node``, if given, is called when nobody listens there (any more), and the request is sent after it: the
    node that answered a moment ago may have been another command's, and have ended with it.
    """

    def __init__(
        self,
        socket_path: Path,
        *,
        start_node: Callable[[], None] | None = None,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self.socket_path = socket_path
        self._start_node = start_node
        self._timeout_s = timeout_s
        self.momentary = False
        """The node was started for this command alone, and ends with it."""

    def answers(self) -> bool:
        """Return whether a node listens there.

        Raises:
            Refused: it belongs to another user.
        """
        try:
            _connect(self.socket_path, CONNECT_TIMEOUT_S).close()
        except OSError:
            return False
        return True

    def get(self, path: str, **query: str | float | None) -> Answer:
        """``GET path``; see ``call``."""
        return self.call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """``POST path`` with a JSON body (fields that are ``None`` left out); see ``call``."""
        return self.call("POST", path, body={} if body is None else body)

    def put(self, path: str, body: Mapping[str, object]) -> Answer:
        """``PUT path``; see ``call``."""
        return self.call("PUT", path, body=body)

    def patch(self, path: str, body: Mapping[str, object]) -> Answer:
        """``PATCH path``; see ``call``."""
        return self.call("PATCH", path, body=body)

    def delete(self, path: str) -> Answer:
        """``DELETE path``; see ``call``."""
        return self.call("DELETE", path)

    def call(
        self, method: str, path: str, *, body: Mapping[str, object] | None = None, query: Query | None = None
    ) -> Answer:
        """Send one request and return the answer. A question (``GET``) is asked again if the node went meanwhile.

        Raises:
            MinerCtrlError: the node answered with an error (the class follows the status), did not answer, or went.
        """
        try:
            return self._answer(method, path, body, query)
        except NodeGone:
            if method != "GET" or self._start_node is None:
                raise
        self._start_node()
        return self._answer(method, path, body, query)

    def _answer(self, method: str, path: str, body: Mapping[str, object] | None, query: Query | None) -> Answer:
        with self._sent(method, path, body, query, self._timeout_s) as response:
            return Answer(response.status, response.read().decode())

    def events(self, path: str, **query: str | float | None) -> Iterator[Event]:
        """Yield the server-sent events of ``path`` until the node ends the stream.

        Raises:
            MinerCtrlError: as for ``call``; ``NodeGone`` if the connection breaks.
        """
        with self._sent("GET", path, None, query, None) as response:
            yield from _parse_events(response)

    def download(self, path: str, **query: str | float | None) -> Iterator[bytes]:
        """Yield what ``path`` is answered with, in parts. Raises as ``events``; also where the answer is cut short."""
        with self._sent("GET", path, None, query, self._timeout_s) as response:
            while data := response.read(DOWNLOAD_PART_BYTES):
                yield data

    def post_events(self, path: str, body: Mapping[str, object]) -> Iterator[Event]:
        """``POST path`` and yield the server-sent events it is answered with. Raises as ``events``."""
        with self._sent("POST", path, body, None, None) as response:
            yield from _parse_events(response)

    @contextmanager
    def _sent(
        self, method: str, path: str, body: Mapping[str, object] | None, query: Query | None, timeout_s: float | None
    ) -> Iterator[HTTPResponse]:
        from miner_ctrl.cli.local_http import Connection, NotHttp  # noqa: PLC0415 - 2 MB: not for who only serves

        connection = Connection(self._connected, timeout_s)
        headers = {"Accept": "application/json" if timeout_s is not None else "text/event-stream"}
        content = None
        if body is not None:
            content = json.dumps({name: value for name, value in body.items() if value is not None}).encode()
            headers["Content-Type"] = "application/json"
        known = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            connection.request(method, BASE_PATH + path + (f"?{urlencode(known)}" if known else ""), content, headers)
            response = connection.getresponse()
            if response.status >= 300:
                raise _error_of(response.status, response.read())
            yield response
        except TimeoutError:
            raise OperationFailed(
                f"The local node has not answered within {self._timeout_s:.0f} seconds.",
                suggestion="See what the node says where it was started, or restart it.",
                code="LOCAL_NODE_SILENT",
            ) from None
        except (ConnectionError, FileNotFoundError, NotHttp) as error:
            raise NodeGone from error
        finally:
            connection.close()

    def _connected(self) -> socket.socket:
        try:
            return _connect(self.socket_path, CONNECT_TIMEOUT_S)
        except (FileNotFoundError, ConnectionRefusedError):
            if self._start_node is None:
                raise
        self._start_node()
        return _connect(self.socket_path, CONNECT_TIMEOUT_S)


def part(text: str) -> str:
    """Return ``text`` as one part of a path, whatever characters it has."""
    return quote(text, safe="")


def _error_of(status: int, body: bytes) -> MinerCtrlError:
    try:
        envelope = json.loads(body)
    except ValueError:
        envelope = None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("error"), str):
        return OperationFailed(
            f"What answers at the local node's socket is not miner-ctrl (HTTP {status}).",
            suggestion="Restart the node with this version of miner-ctrl.",
        )
    return _error(status, envelope)


def _error(status: int, envelope: Mapping[str, object]) -> MinerCtrlError:
    details = envelope.get("details")
    return _ERROR_OF_STATUS.get(status, OperationFailed)(
        str(envelope["error"]),
        suggestion=str(envelope.get("suggestion") or ""),
        code=str(envelope.get("code") or ""),
        details=details if isinstance(details, dict) else None,
    )


def error_of_stream_end(end: Mapping[str, object]) -> MinerCtrlError | None:
    """Return the error that a stream's last event (``end``) tells of, or ``None`` if it ended well."""
    if not end.get("error"):
        return None
    status = end.get("status")
    return _error(status if isinstance(status, int) else 502, end)


def _parse_events(response: HTTPResponse) -> Iterator[Event]:
    name, data = "message", list[str]()
    while True:
        line = response.readline(MAX_EVENT_LINE_BYTES)
        if not line:
            return
        field, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif line in (b"\n", b"\r\n"):
            if data:
                yield Event(name, "\n".join(data))
            name, data = "message", []


def _connect(path: Path, timeout_s: float) -> socket.socket:
    if sys.platform == "win32":
        from miner_ctrl.cli import loopback  # noqa: PLC0415 - only there

        return loopback.connect(path.with_suffix(".token"), timeout_s)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.connect(str(path))
        _check_owner(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_owner(connection: socket.socket, path: Path) -> None:
    """Refuse a node of another user's: it would see tokens that are given to it (protocol.md, "Local control")."""
    if sys.platform == "win32":  # there the loopback proof says whose node it is
        return
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        owner = struct.unpack("3i", credentials)[1]
    else:
        owner = path.stat().st_uid
    if owner != os.geteuid():
        raise Refused(
            f"The node behind {path} runs as another user (uid {owner}).",
            suggestion="Run the command as that user, or choose your own home with --home.",
            code="OTHER_USERS_NODE",
        )
