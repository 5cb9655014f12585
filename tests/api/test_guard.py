"""Which page a request is from, and under which name this node is asked: other sites get nothing done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from miner_ctrl.api import guard
from miner_ctrl.api.guard import OWN, Guard, Rules
from miner_ctrl.api.origins import Names
from miner_ctrl.api.port import PortRules
from miner_ctrl.api.routes import CALLER, caller_of
from miner_ctrl.errors import Refused
from miner_ctrl.model.callers import AccessRole, Caller, Door
from tests.api.in_memory import GOOD_TOKEN
from tests.api.open_port import OpenPort, opened

OTHERS = PortRules(needs_credentials=True)
Said = Mapping[str, str | Sequence[str]]


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[OpenPort]:
    """As it is by default: on loopback, without credentials."""
    async with opened(tmp_path) as port:
        yield port


async def test_on_loopback_its_own_user_needs_no_credentials(port: OpenPort) -> None:
    who = (await port("GET", "/session")).data
    assert (who["role"], who["door"]) == ("admin", "loopback")
    assert (await port("POST", "/invites/inspect", {"token": GOOD_TOKEN})).status == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:9090", "localhost:8000"])
async def test_its_own_names_are_taken_whatever_the_port(port: OpenPort, host: str) -> None:
    assert (await port("GET", "/health", headers={"Host": host})).status == 200


NOT_OURS = ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:9090", "0.0.0.0", "192.168.1.5", "[::2]"]


@pytest.mark.parametrize("host", [*NOT_OURS, "vm", "a b", "localhost."])
async def test_another_name_is_refused_so_that_rebinding_dns_gets_nothing(port: OpenPort, host: str) -> None:
    for headers in ({"Host": host}, {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}):
        refused = await port("GET", "/health", headers=headers)
        assert (refused.status, refused.code) == (421, "HOST_REFUSED")
    assert (await port("POST", "/login", {"name": "a", "password": "b"}, headers={"Host": host})).status == 421


TWO = ["localhost", "evil.example"]


@pytest.mark.parametrize(
    "hosts", [[], TWO, TWO[:1] * 2, ["user@localhost"], ["localhost/x"], ["[::1"], ["localhost:99999"], [""]]
)
async def test_a_request_says_once_whom_it_asks(port: OpenPort, hosts: list[str]) -> None:
    refused = await port("GET", "/health", headers={"Host": hosts})
    assert refused.status == 400


ELSEWHERE: list[Said] = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://{place}"},
    {"Origin": "http://{place}.evil.example"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://localhost:{number}"},
    {"Origin": ["http://{place}", "http://{place}"]},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": ["same-origin", "cross-site"]},
    {"Origin": "http://{place}", "Sec-Fetch-Site": "cross-site"},
    *(
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": into}
        for into in ("iframe", "frame", "object", "embed")
    ),
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
]


def _filled(said: Said, port: OpenPort) -> dict[str, str | Sequence[str]]:
    def fill(value: str) -> str:
        return value.format(place=port.place, number=port.number)

    return {
        name: fill(value) if isinstance(value, str) else [fill(one) for one in value] for name, value in said.items()
    }


@pytest.mark.parametrize("said", ELSEWHERE, ids=str)
async def test_another_sites_page_changes_nothing(port: OpenPort, said: Said) -> None:
    headers = _filled(said, port)
    for method, path in (("POST", "/invites"), ("DELETE", "/peers/rig-alpha"), ("PATCH", "/peers/rig-alpha")):
        body: object = None if method == "DELETE" else {}
        refused = await port(method, path, body, headers=headers)
        assert (refused.status, refused.code) == (403, "OTHER_SITE"), (method, refused)
    assert port.world.pairing.calls == []
    assert len(port.world.pairing.known) == 1


@pytest.mark.parametrize("said", ELSEWHERE[:-1], ids=str)
async def test_another_sites_page_reads_nothing(port: OpenPort, said: Said) -> None:
    refused = await port("GET", "/peers", headers=_filled(said, port))
    assert (refused.status, refused.code) == (403, "OTHER_SITE")
    assert not [name for name, _ in refused.headers if name.startswith("access-control")]


async def test_a_form_of_another_site_is_refused_before_its_body_is_looked_at(port: OpenPort) -> None:
    headers = {
        "Content-Type": "text/plain", "Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate", "Content-Length": "0",
    }  # fmt: skip
    assert (await port("POST", "/invites", headers=headers)).code == "OTHER_SITE"


async def test_no_other_site_is_ever_let_in_by_cors(port: OpenPort) -> None:
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await port("OPTIONS", "/peers", headers=headers)
    assert answer.status == 403
    assert not [name for name, _ in answer.headers if name.startswith("access-control")]


async def test_a_link_to_here_is_followed_but_not_with_what_changes(port: OpenPort) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert (await port("GET", "/health", headers=link)).status == 200
    assert (await port("GET", "/health", headers=link | {"Sec-Fetch-Dest": "document"})).status == 200


async def test_a_cookie_counts_for_its_own_page_alone(tmp_path: Path) -> None:
    async with opened(tmp_path, OTHERS) as port:
        session = await port.session()
        cookie = {"Cookie": f"miner-ctrl={session}"}
        own = cookie | {"Origin": f"http://{port.place}"}
        assert (await port("POST", "/invites", {}, headers=own)).status == 201
        port.world.pairing.calls.clear()
        for said in ELSEWHERE:
            assert (await port("POST", "/invites", {}, headers=cookie | _filled(said, port))).status == 403
        bare = await port("POST", "/invites", {}, headers=cookie)
        assert (bare.status, bare.code) == (401, "UNAUTHORIZED"), "nothing says which page it is from"
        assert port.world.pairing.calls == []


async def test_with_auth_nobody_is_let_in_for_being_here(tmp_path: Path) -> None:
    async with opened(tmp_path, OTHERS) as port:
        assert (await port("GET", "/peers")).status == 401


@pytest.mark.parametrize(
    "name",
    [
        "X-Forwarded-For",
        "Forwarded",
        "Via",
        "X-Real-IP",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Client-IP",
        "CF-Connecting-IP",
        "X-Envoy-External-Address",
    ],
)
async def test_who_came_through_a_proxy_is_not_this_machines_user(port: OpenPort, name: str) -> None:
    assert (await port("GET", "/peers", headers={name: "203.0.113.9"})).status == 401


async def test_a_wrong_token_is_not_overlooked_where_none_is_needed(port: OpenPort) -> None:
    assert (await port("GET", "/peers", token="mct_" + "A" * 43)).status == 401
    viewer = await port.token(AccessRole.VIEWER)
    assert (await port("POST", "/invites", {}, token=viewer)).code == "NOT_ALLOWED"


async def test_every_answer_has_the_security_headers(port: OpenPort) -> None:
    answers = [
        await port("GET", "/health"),
        await port("GET", "/nowhere"),
        await port("GET", "/health", headers={"Host": "evil.example"}),
        await port("POST", "/invites", {}, headers={"Origin": "null"}),
        await port.raw(b"NOT HTTP\r\n\r\n"),
        await port.raw(b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n"),
    ]
    assert [answer.status for answer in answers] == [200, 404, 421, 403, 400, 431]
    for answer in answers:
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("referrer-policy") == "no-referrer"
        assert answer.header("x-frame-options") == "DENY"
        assert answer.header("cross-origin-opener-policy") == "same-origin"
        assert answer.header("cross-origin-resource-policy") == "same-origin"
        assert "camera=()" in answer.header("permissions-policy")
        policy = answer.header("content-security-policy")
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.header("strict-transport-security") == ""


# --- WebSockets, as a server would hand them over ---------------------------------------------------------


class _Nobody:
    def still(self, caller: Caller) -> bool:
        return self.good

    good = True

    async def holder(self, token: str, address: str) -> Caller:
        return Caller(door=Door.TOKEN, role=AccessRole.VIEWER, name="t", id="1", address=address)

    async def logged_in(self, session: str, address: str) -> Caller:
        return Caller(door=Door.LOGIN, role=AccessRole.VIEWER, name="alice", id="2", address=address)


async def _handshake(
    headers: dict[str, str], *, needs_credentials: bool = False, extensions: bool = True
) -> tuple[list[Message], list[Caller]]:
    """Return what was sent, and who reached the application."""
    sent: list[Message] = []
    reached: list[Caller] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(caller_of(scope))

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "websocket", "scheme": "ws", "path": "/ws/events", "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 9090), "state": {OWN: True, CALLER: None},
        "extensions": {"websocket.http.response": {}} if extensions else {},
    }  # fmt: skip
    with suppress(Refused):  # the application of this test asks who it is
        await Guard(app, Rules(Names(()), needs_credentials), _Nobody())(scope, receive, send)
    return sent, reached


HOST = {"Host": "localhost:9090"}


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000", "https://localhost:9090"])
async def test_a_websocket_of_another_site_is_refused_before_it_is_one(origin: str) -> None:
    sent, reached = await _handshake(HOST | {"Origin": origin})
    assert [message["type"] for message in sent] == ["websocket.http.response.start", "websocket.http.response.body"]
    assert sent[0]["status"] == 403
    assert reached == []
    sent, reached = await _handshake(HOST | {"Origin": origin}, extensions=False)
    assert (sent, reached) == ([{"type": "websocket.close", "code": 1008}], [])


async def test_a_websocket_of_its_own_page_and_of_a_program_get_through() -> None:
    _, [page] = await _handshake(HOST | {"Origin": "http://localhost:9090"})
    _, [program] = await _handshake(HOST | {"Authorization": "Bearer mct_x"})
    _, [login] = await _handshake(
        HOST | {"Origin": "http://localhost:9090", "Cookie": f"miner-ctrl={'A' * 43}"}, needs_credentials=True
    )
    assert [who.door for who in (page, program, login)] == [Door.LOOPBACK, Door.TOKEN, Door.LOGIN]


async def test_a_websocket_ends_with_the_token_it_came_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "ASKED_AGAIN_AFTER_S", 0.0)
    sent: list[Message] = []
    credentials = _Nobody()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "1"})
        credentials.good = False
        await send({"type": "websocket.send", "text": "2"})
        await send({"type": "websocket.send", "text": "3"})

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer mct_x")]
    scope = {"type": "websocket", "scheme": "ws", "path": "/", "query_string": b"", "headers": headers, "state": {}}
    await Guard(app, Rules(Names(()), needs_credentials=True), credentials)(scope, receive, send)
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send", "websocket.close"]


async def test_a_cookie_alone_opens_no_websocket() -> None:
    _, reached = await _handshake(HOST | {"Cookie": f"miner-ctrl={'A' * 43}"}, needs_credentials=True)
    assert reached == []
