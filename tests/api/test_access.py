"""Tokens, logins and sessions at the port: each route, and each thing that is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miner_ctrl.access import Access
from miner_ctrl.api import guard
from miner_ctrl.api.application import ROUTES
from miner_ctrl.api.port import PortRules
from miner_ctrl.api.rates import Rate
from miner_ctrl.api.routes import Route
from miner_ctrl.audit.said import said_body
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.secrets import HIDDEN
from tests.api.in_memory import BASE, rig_view
from tests.api.open_port import PASSWORD, OpenPort, opened

TRIED = {
    ("POST", "/login"), ("POST", "/logout"), ("GET", "/session"), ("POST", "/session/password"),
    ("GET", "/tokens"), ("POST", "/tokens"), ("DELETE", "/tokens/{id}"),
    ("GET", "/logins"), ("POST", "/logins"), ("DELETE", "/logins/{login}"),
}  # fmt: skip
pytestmark = pytest.mark.usefixtures("answered_at_once")
OTHERS = PortRules(needs_credentials=True)
"""As the port is where others reach it."""


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[OpenPort]:
    async with opened(tmp_path, OTHERS) as port:
        yield port


@pytest.fixture
async def admin(port: OpenPort) -> str:
    return await port.token(AccessRole.ADMIN)


class Clock:
    """Unix time in ms, and a clock that only moves forward."""

    def __init__(self) -> None:
        self.unix_ms = 1_800_000_000_000
        self.s = 1000.0

    def pass_s(self, seconds: float) -> None:
        self.unix_ms += round(seconds * 1000)
        self.s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def timed(tmp_path: Path, clock: Clock) -> AsyncIterator[OpenPort]:
    access = Access(tmp_path / "access.db", now_ms=lambda: clock.unix_ms, clock=lambda: clock.s)
    async with opened(tmp_path, OTHERS, access=access) as port:
        yield port


# --- tokens ----------------------------------------------------------------------------------------------


async def test_a_token_is_made_used_listed_and_revoked(port: OpenPort, admin: str) -> None:
    made = await port("POST", "/tokens", {"name": "ops", "role": "operator", "expires": "90d"}, token=admin)
    assert (made.status, made.data["role"], made.data["status"]) == (201, "operator", "valid")
    token = made.data["token"]
    assert token.startswith("mct_")
    assert made.data["prefix"] == token[:10]
    who = (await port("GET", "/session", token=token)).data
    assert (who["name"], who["role"], who["door"], who["expiresAt"]) == (
        "ops", "operator", "token", made.data["expiresAt"]
    )  # fmt: skip
    listed = await port("GET", "/tokens?sort=name", token=admin)
    assert [(one["name"], one["token"]) for one in listed.data] == [("admin", None), ("ops", None)]
    assert listed.header("x-total-count") == "2"
    assert listed.data[1]["lastUsed"] is not None
    assert listed.data[1]["createdBy"] == "admin"
    assert token.encode() not in listed.body
    assert (await port("DELETE", "/tokens/ops", token=admin)).data["status"] == "revoked"
    refused = await port("GET", "/session", token=token)
    assert (refused.status, refused.code) == (401, "TOKEN_REVOKED")
    assert (await port("DELETE", "/tokens/nobody", token=admin)).code == "TOKEN_NOT_FOUND"


async def test_without_credentials_nobody_is_answered(port: OpenPort) -> None:
    refused = await port("GET", "/peers")
    assert (refused.status, refused.code) == (401, "UNAUTHORIZED")
    assert refused.header("www-authenticate") == 'Bearer realm="miner-ctrl"'
    for path in ("/health", "/openapi.json", "/node/info"):
        assert (await port("GET", path)).status == 401


@pytest.mark.parametrize(
    "header",
    ["Bearer mct_" + "A" * 43, "Bearer x", "Bearer mct_é", "bearer   mct_short", "Bearer mct_" + "A" * 5000],
)
async def test_a_wrong_token_is_refused(port: OpenPort, header: str) -> None:
    refused = await port("GET", "/peers", headers={"Authorization": header})
    assert (refused.status, refused.code) == (401, "TOKEN_UNKNOWN")
    assert refused.header("www-authenticate") == 'Bearer realm="miner-ctrl", error="invalid_token"'


async def test_other_authorizations_are_refused(port: OpenPort, admin: str) -> None:
    for value in ("Basic YWxpY2U6eA==", "Bearer", "Bearer ", admin):
        assert (await port("GET", "/peers", headers={"Authorization": value})).code == "UNAUTHORIZED"
    twice = await port("GET", "/peers", headers={"Authorization": [f"Bearer {admin}", f"Bearer {admin}"]})
    assert twice.status == 401


@pytest.mark.parametrize("name", ["token", "access_token", "Token", "x"])
async def test_a_token_in_the_address_is_refused_whoever_asks(port: OpenPort, admin: str, name: str) -> None:
    refused = await port("GET", f"/peers?{name}={admin}", token=admin)
    assert (refused.status, refused.code) == (400, "TOKEN_IN_QUERY")
    assert admin.encode() not in refused.body


async def test_an_expired_token_is_refused_and_stays_so_when_the_clock_goes_back(timed: OpenPort, clock: Clock) -> None:
    token = await timed.token(AccessRole.VIEWER, lifetime_s=3600)
    assert (await timed("GET", "/peers", token=token)).status == 200
    clock.unix_ms += 3_600_000
    assert (await timed("GET", "/peers", token=token)).code == "TOKEN_EXPIRED"
    clock.unix_ms -= 3_600_000
    clock.s += 3600.0
    expired = await timed("GET", "/peers", token=token)
    assert (expired.status, expired.code) == (401, "TOKEN_EXPIRED")


async def test_a_token_makes_none_that_is_stronger_than_itself(port: OpenPort) -> None:
    until = await port.token(AccessRole.ADMIN, lifetime_s=3600)
    for body in ({"name": "a", "role": "admin"}, {"name": "a", "role": "viewer", "expires": "2h"}):
        refused = await port("POST", "/tokens", body, token=until)
        assert (refused.status, refused.code) == (403, "STRONGER_TOKEN")
    assert (await port("POST", "/tokens", {"name": "a", "role": "admin", "expires": 60}, token=until)).status == 201
    login = await port("POST", "/logins", {"name": "eve", "password": PASSWORD, "role": "admin"}, token=until)
    assert (login.status, login.code) == (403, "STRONGER_TOKEN")
    operator = await port.token(AccessRole.OPERATOR)
    assert (await port("POST", "/tokens", {"name": "b"}, token=operator)).code == "NOT_ALLOWED"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "admin"}, 409, "TOKEN_EXISTS"),
        ({"name": "a b"}, 400, "BAD_NAME"),
        ({"name": "x", "role": "owner"}, 400, "BAD_INPUT"),
        ({"name": "x", "expires": "soon"}, 400, "BAD_LIFETIME"),
        ({"name": "x", "expires": 0}, 400, "BAD_LIFETIME"),
    ],
)
async def test_what_cannot_be_a_token(port: OpenPort, admin: str, body: object, status: int, code: str) -> None:
    refused = await port("POST", "/tokens", body, token=admin)
    assert (refused.status, refused.code) == (status, code)


async def test_tokens_outlive_the_node_and_their_texts_are_not_in_the_file(tmp_path: Path) -> None:
    async with opened(tmp_path, OTHERS) as port:
        token = await port.token(AccessRole.VIEWER, "kept")
        revoked = await port.token(AccessRole.VIEWER, "gone")
        await port.access.revoke_token("gone")
        assert (await port("GET", "/peers", token=token)).status == 200
    async with opened(tmp_path, OTHERS) as port:
        assert (await port.access.tokens())[0].last_used or (await port.access.tokens())[1].last_used
        assert (await port("GET", "/peers", token=token)).status == 200
        assert (await port("GET", "/peers", token=revoked)).code == "TOKEN_REVOKED"
    stored = _bytes_in(tmp_path)
    assert b"kept" in stored
    for text in (token, token[10:30], revoked[10:30]):
        assert text.encode() not in stored


def _bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


@pytest.mark.parametrize("kind", ["token", "session"])
async def test_what_is_being_followed_ends_with_the_credentials(
    port: OpenPort, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "ASKED_AGAIN_AFTER_S", 0.0)
    if kind == "token":
        credentials = f"Authorization: Bearer {await port.token(AccessRole.VIEWER)}"
    else:
        credentials = f"Cookie: miner-ctrl={await port.session()}"
    reader, writer = await port.connect()
    writer.write(f"GET {BASE}/events HTTP/1.1\r\nHost: localhost\r\n{credentials}\r\n\r\n".encode())
    async with asyncio.timeout(20):
        await reader.readuntil(b"event: snapshot")
        port.world.fleet.change(rig_view(hashrate=1.0))
        await reader.readuntil(b"event: rig")
        await (port.access.revoke_token("viewer") if kind == "token" else port.access.remove_login("alice"))
        port.world.fleet.change(rig_view(hashrate=123456.0))
        assert b"123456" not in await reader.readuntil(b"\r\n0\r\n\r\n")
    writer.close()


# --- roles -----------------------------------------------------------------------------------------------


def _path(route: Route) -> str:
    return route.path.replace("{", "no-").replace("}", "")


def _is_stream(route: Route) -> bool:
    return bool(route.events) and route.method == "GET"


@pytest.mark.parametrize("role", AccessRole)
async def test_every_route_asks_for_its_role(port: OpenPort, role: AccessRole) -> None:
    """Each route is asked by each role: it is refused as not allowed exactly where its role says so."""
    token = await port.token(role)
    for route in ROUTES:
        if route.public or ((_is_stream(route) or route.media_types) and role.includes(route.role)):
            continue
        answer = await port(route.method, _path(route), {} if route.decoder else None, token=token)
        if role.includes(route.role):
            code = answer.code if isinstance(answer.data, dict) else ""
            assert code not in ("NOT_ALLOWED", "UNAUTHORIZED"), (route.method, route.path, answer)
        else:
            assert (answer.status, answer.code) == (403, "NOT_ALLOWED"), (route.method, route.path)


async def test_no_route_answers_a_stranger(tmp_path: Path) -> None:
    routes = [route for route in ROUTES if not route.public]
    for begin in range(0, len(routes), 50):  # 60 are answered before a stranger has to wait
        async with opened(tmp_path / str(begin), OTHERS) as port:
            for route in routes[begin : begin + 50]:
                answer = await port(route.method, _path(route), {} if route.decoder else None)
                assert (answer.status, answer.code) == (401, "UNAUTHORIZED"), (route.method, route.path)


async def test_what_changes_something_is_not_for_viewers() -> None:
    editor = {"/profiles/check", "/profiles/preview", "/profiles/{profile}/plan"}
    asks = {"/invites/inspect", "/doctor", "/update", "/login", "/logout", "/session/password", *editor}
    for route in ROUTES:
        if route.method != "GET" and route.role is AccessRole.VIEWER:
            assert route.public or route.path in asks, (route.method, route.path)


# --- logins ----------------------------------------------------------------------------------------------


def _own_page(port: OpenPort, session: str = "", **more: str) -> dict[str, str]:
    cookie = {"Cookie": f"miner-ctrl={session}"} if session else {}
    return {"Origin": f"http://{port.place}", "Sec-Fetch-Site": "same-origin", **cookie, **more}


def _session_of(cookie: str) -> str:
    return cookie.partition(";")[0].partition("=")[2]


async def test_a_login_is_made_used_and_removed(port: OpenPort) -> None:
    await port.login("root-1")
    session = await port.session("root-1")
    page = _own_page(port, session)
    made = await port("POST", "/logins", {"name": "alice", "password": PASSWORD, "role": "operator"}, headers=page)
    assert (made.status, made.data["name"], made.data["role"], made.data["sessions"]) == (201, "alice", "operator", 0)
    answer = await port("POST", "/login", {"name": "alice", "password": PASSWORD}, headers=_own_page(port))
    assert (answer.status, answer.data["name"], answer.data["role"]) == (200, "alice", "operator")
    assert answer.data["expiresAt"]
    alice = _own_page(port, _session_of(answer.header("set-cookie")))
    who = (await port("GET", "/session", headers=alice)).data
    assert (who["name"], who["role"], who["door"]) == ("alice", "operator", "login")
    assert [one["name"] for one in (await port("GET", "/logins", headers=page)).data] == ["alice", "root-1"]
    assert (await port("GET", "/logins", headers=alice)).code == "NOT_ALLOWED"
    assert (await port("DELETE", "/logins/alice", headers=page)).data["name"] == "alice"
    assert (await port("GET", "/session", headers=alice)).status == 401
    assert (await port("DELETE", "/logins/alice", headers=page)).code == "LOGIN_NOT_FOUND"


async def test_the_cookie_has_all_its_flags(port: OpenPort) -> None:
    await port.login()
    answer = await port("POST", "/login", {"name": "alice", "password": PASSWORD}, headers=_own_page(port))
    name, *flags = [part.strip() for part in answer.header("set-cookie").split(";")]
    assert name.startswith("miner-ctrl=")
    assert set(flags) == {"Max-Age=604800", "Path=/", "HttpOnly", "SameSite=Strict"}
    proxied = _own_page(port, Origin=f"https://{port.place}")
    assert (await port("POST", "/login", {"name": "alice", "password": PASSWORD}, headers=proxied)).code == "OTHER_SITE"


async def test_behind_a_proxy_with_tls_the_cookie_is_secure(tmp_path: Path) -> None:
    rules = PortRules(proxies=("rigs.example",), needs_credentials=True)
    async with opened(tmp_path, rules) as port:
        await port.login()
        page = {"Host": "rigs.example", "Origin": "https://rigs.example", "X-Forwarded-For": "203.0.113.9"}
        answer = await port("POST", "/login", {"name": "alice", "password": PASSWORD}, headers=page)
        cookie = answer.header("set-cookie")
        assert cookie.startswith("__Host-miner-ctrl=")
        assert "; Secure" in cookie
        page["Cookie"] = cookie.partition(";")[0]
        assert (await port("GET", "/session", headers=page)).data["name"] == "alice"


async def test_logging_out_ends_the_session_and_not_only_the_cookie(port: OpenPort) -> None:
    session = await port.session()
    page = _own_page(port, session)
    assert (await port("GET", "/peers", headers=page)).status == 200
    answer = await port("POST", "/logout", headers=page)
    assert (answer.status, answer.data) == (200, {"status": "logged out"})
    assert "Max-Age=0" in answer.header("set-cookie")
    assert (await port("GET", "/peers", headers=page)).status == 401
    assert (await port("POST", "/logout", headers=page)).status == 200


async def test_another_password_logs_every_browser_out(port: OpenPort) -> None:
    session = await port.session()
    await port.login("alice", AccessRole.VIEWER)
    assert (await port("GET", "/peers", headers=_own_page(port, session))).status == 401


# --- one's own password ----------------------------------------------------------------------------------

OTHER = "another horse battery"


def _change(current: str = PASSWORD, new: str = OTHER) -> dict[str, str]:
    return {"currentPassword": current, "newPassword": new}


@pytest.mark.parametrize("role", AccessRole)
async def test_whoever_has_logged_in_changes_the_own_password(port: OpenPort, role: AccessRole) -> None:
    await port.login("alice", role)
    await port.login("bob", role)

    async def log_in(name: str, password: str) -> tuple[int, dict[str, str]]:
        answer = await port("POST", "/login", {"name": name, "password": password}, headers=_own_page(port))
        cookie = _session_of(answer.header("set-cookie")) if answer.status == 200 else ""
        return answer.status, _own_page(port, cookie)

    (_, here), (_, elsewhere), (_, bob) = [await log_in(name, PASSWORD) for name in ("alice", "alice", "bob")]
    changed = await port("POST", "/session/password", _change(), headers=here)
    assert (changed.status, changed.data["name"], changed.data["role"]) == (200, "alice", role.value)
    copied, here = here, _own_page(port, _session_of(changed.header("set-cookie")))
    statuses = [(await port("GET", "/peers", headers=page)).status for page in (here, copied, elsewhere, bob)]
    assert statuses == [200, 401, 401, 200], (
        "this browser and others stay; another browser of hers and a copied cookie do not"
    )
    assert [(await log_in("alice", password))[0] for password in (PASSWORD, OTHER)] == [401, 200]
    assert (await port("GET", "/session", headers=here)).data["role"] == role.value
    [entry] = port.world.audit.log
    assert (entry[0].name, entry[1], entry[2], entry[4]) == ("alice", "change_own_password", {}, "")
    assert json.loads(said_body(entry[3])) == {"currentPassword": HIDDEN, "newPassword": HIDDEN}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (_change("a guess of somebody's"), 403, "WRONG_PASSWORD"),
        (_change(""), 403, "WRONG_PASSWORD"),
        (_change(new="x" * 9), 400, "BAD_PASSWORD"),
        (_change(new="x" * 257), 400, "BAD_INPUT"),
        ({"newPassword": OTHER}, 400, "BAD_INPUT"),
        ({**_change(), "name": "bob"}, 400, "BAD_INPUT"),
    ],
)
async def test_what_changes_no_password(port: OpenPort, body: dict[str, str], status: int, code: str) -> None:
    page = _own_page(port, await port.session("alice", AccessRole.VIEWER))
    refused = await port("POST", "/session/password", body, headers=page)
    assert (refused.status, refused.code) == (status, code)
    for text in body.values():
        assert len(text) < 4 or text.encode() not in refused.body
    assert (await port("GET", "/peers", headers=page)).status == 200, "whoever mistypes stays logged in"
    right = await port("POST", "/login", {"name": "alice", "password": PASSWORD}, headers=_own_page(port))
    assert right.status == 200


async def test_who_has_no_password_is_told_so(tmp_path: Path, admin: str, port: OpenPort) -> None:
    await port.login("admin")
    refused = await port("POST", "/session/password", _change(), token=admin)
    assert (refused.status, refused.code) == (403, "NO_PASSWORD")
    assert refused.data["error"].startswith("A token has no password")
    async with opened(tmp_path / "own") as own:
        refused = await own("POST", "/session/password", _change())
        assert (refused.status, refused.code) == (403, "NO_PASSWORD")
        assert "login set" in refused.data["suggestion"]
    assert (await port("POST", "/session/password", _change())).status == 401


async def test_another_sites_page_changes_no_password(port: OpenPort) -> None:
    session = await port.session()
    for headers in ({"Cookie": f"miner-ctrl={session}"}, _own_page(port, session, Origin="http://evil.example")):
        assert (await port("POST", "/session/password", _change(), headers=headers)).status in (401, 403)
    answer = await port("POST", "/login", {"name": "alice", "password": PASSWORD}, headers=_own_page(port))
    assert answer.status == 200


async def test_guessing_the_current_password_is_slowed_as_logging_in_is(timed: OpenPort) -> None:
    page = _own_page(timed, await timed.session())
    guesses = [
        timed("POST", "/session/password", _change(f"wrong wrong {number}"), headers=page) for number in range(20)
    ]
    statuses = [answer.status for answer in await asyncio.gather(*guesses)]
    assert statuses.count(403) <= 5
    assert set(statuses) <= {403, 429}
    slowed = await timed("POST", "/session/password", _change(), headers=page)
    assert (slowed.status, slowed.code) == (429, "TOO_MANY_FAILURES")
    assert int(slowed.header("retry-after")) >= 1
    again = await timed("POST", "/login", {"name": "alice", "password": PASSWORD}, headers=_own_page(timed))
    assert again.status == 429, "they count together"


# --- sessions --------------------------------------------------------------------------------------------


async def test_a_session_is_never_the_one_that_the_browser_brought(port: OpenPort) -> None:
    await port.login()
    planted = "A" * 43
    answer = await port(
        "POST", "/login", {"name": "alice", "password": PASSWORD}, headers=_own_page(port, planted)
    )  # fmt: skip
    first = _session_of(answer.header("set-cookie"))
    assert first != planted
    assert (await port("GET", "/peers", headers=_own_page(port, planted))).status == 401
    again = await port("POST", "/login", {"name": "alice", "password": PASSWORD}, headers=_own_page(port, first))
    assert _session_of(again.header("set-cookie")) != first
    assert (await port("GET", "/peers", headers=_own_page(port, first))).status == 401, "the old one is logged out"


async def test_a_cookie_set_twice_is_none(port: OpenPort) -> None:
    session = await port.session()
    tossed = {"Cookie": f"miner-ctrl={session}; miner-ctrl={'B' * 43}"}
    assert (await port("GET", "/peers", headers=tossed)).status == 401


@pytest.mark.parametrize(
    ("step_s", "steps", "alive"), [(11 * 3600, 5, True), (13 * 3600, 1, False), (11 * 3600, 16, False)]
)
async def test_a_session_ends_idle_and_in_the_end(
    timed: OpenPort, clock: Clock, step_s: int, steps: int, alive: bool
) -> None:
    page = _own_page(timed, await timed.session())
    for _ in range(steps):
        clock.pass_s(step_s)
        answer = await timed("GET", "/peers", headers=page)
    assert (answer.status == 200) is alive


async def test_a_clock_set_back_keeps_no_session_alive(timed: OpenPort, clock: Clock) -> None:
    page = _own_page(timed, await timed.session())
    clock.unix_ms -= 365 * 86_400_000
    clock.s += 13 * 3600.0
    assert (await timed("GET", "/peers", headers=page)).status == 401


# --- guessing --------------------------------------------------------------------------------------------


async def test_guessing_a_password_is_slowed_for_the_name_and_soon(timed: OpenPort) -> None:
    await timed.login()
    answers = [
        await timed("POST", "/login", {"name": "alice", "password": f"wrong wrong {number}"}, headers=_own_page(timed))
        for number in range(7)
    ]
    assert [answer.status for answer in answers[:5]] == [401] * 5
    assert {answer.code for answer in answers[:5]} == {"LOGIN_FAILED"}
    slowed = answers[-1]
    assert (slowed.status, slowed.code) == (429, "TOO_MANY_FAILURES")
    assert int(slowed.header("retry-after")) >= 1
    right = await timed("POST", "/login", {"name": "alice", "password": PASSWORD}, headers=_own_page(timed))
    assert right.status == 429, "the right one is not told from a wrong one while it is slowed"


async def test_many_guesses_at_once_are_many(timed: OpenPort) -> None:
    await timed.login()
    guesses = [
        timed("POST", "/login", {"name": "alice", "password": f"wrong wrong {number}"}, headers=_own_page(timed))
        for number in range(20)
    ]
    statuses = [answer.status for answer in await asyncio.gather(*guesses)]
    assert statuses.count(401) <= 5
    assert set(statuses) <= {401, 429}


async def test_an_unknown_name_is_answered_as_a_wrong_password_is(port: OpenPort) -> None:
    await port.login()
    wrong = await port("POST", "/login", {"name": "alice", "password": "wrong wrong"}, headers=_own_page(port))
    unknown = await port("POST", "/login", {"name": "bob", "password": "wrong wrong"}, headers=_own_page(port))
    assert (wrong.status, wrong.body) == (unknown.status, unknown.body)


async def test_wrong_tokens_are_slowed_and_a_right_one_is_not(port: OpenPort, admin: str) -> None:
    answers = [await port("GET", "/peers", token="mct_" + f"{number:043}") for number in range(12)]
    assert {answer.status for answer in answers[:10]} == {401}
    assert (answers[-1].status, answers[-1].code) == (429, "TOO_MANY_FAILURES")
    assert int(answers[-1].header("retry-after")) >= 1
    assert (await port("GET", "/peers", token=admin)).status == 200


@pytest.fixture
def one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a stranger be told who it is not once, and then wait, however slow this machine is."""
    monkeypatch.setattr(guard, "OF_STRANGER", Rate(burst=1, per_s=0.001))


@pytest.mark.usefixtures("one_question")
async def test_who_asks_too_often_waits_for_the_answer_and_nobody_else_does(
    port: OpenPort, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await port("GET", "/peers")).status == 401
    monkeypatch.setattr(guard, "HELD_BACK_S", 3600.0)
    held = [asyncio.create_task(port("GET", "/peers", headers={"Origin": "null"})) for _ in range(5)]
    assert port.port._serving is not None
    for _ in range(2000):
        if len(port.port._serving.state.tasks) >= len(held):
            break
        await asyncio.sleep(0.01)
    assert (await port("GET", "/peers", token=admin)).status == 200
    assert not any(task.done() for task in held)
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)


@pytest.mark.usefixtures("one_question")
async def test_a_stranger_without_end_is_told_to_wait(port: OpenPort, admin: str) -> None:
    assert (await port("GET", "/peers")).status == 401
    refused = await port("POST", "/login", {"name": "alice", "password": PASSWORD})
    assert (refused.status, refused.code) == (429, "TOO_MANY_REQUESTS")
    assert int(refused.header("retry-after")) >= 1
    assert (await port("GET", "/peers", token=admin)).status == 200


async def test_one_token_asks_so_often_and_no_more(port: OpenPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "OF_CALLER", Rate(burst=3, per_s=0.001))
    busy, other = await port.token(AccessRole.VIEWER, "busy"), await port.token(AccessRole.VIEWER, "other")
    statuses = [(await port("GET", "/peers", token=busy)).status for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert (await port("GET", "/peers", token=other)).status == 200
