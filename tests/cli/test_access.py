"""The API's port of a real node: opened, refused, used from elsewhere, with what the commands made."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from miner_ctrl.transport.tls import pin_of, pinned_context
from tests.cli.fake_node import command, ended_after, environment, run

PASSWORD = "correct horse battery staple"
PLACES = re.compile(r"The API answers at (https?)://([^ ,]+):(\d+)(?:, certificate sha256:([0-9a-f]{64}))?\.")


class Served:
    """A node that serves, and what it has said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        with self._said:
            found = self._said.wait_for(lambda: self._search(pattern) or self.process.poll() is not None, 60)
            match = self._search(pattern)
        assert found, self.lines
        assert match is not None, self.lines
        return match

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def _search(self, pattern: str) -> re.Match[str] | None:
        return next((match for line in self.lines if (match := re.search(pattern, line))), None)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._said:
                self.lines.append(line.rstrip())
                self._said.notify_all()
        with self._said:
            self._said.notify_all()


@contextmanager
def serving(home: Path, *arguments: str) -> Iterator[Served]:
    words = command(home, *(arguments or ("node", "serve", "--api", "127.0.0.1:0")), "--listen", "127.0.0.1:0")
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment(), text=True, stdin=subprocess.DEVNULL
    )
    with ended_after(process):
        served = Served(process)
        yield served
        process.terminate()
        assert process.wait(30) == 0, served.lines


def ask(port: int, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        content = None if body is None else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, f"/api/v1/mining{path}", content, kind | headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def test_a_token_made_here_is_shown_once_and_works_there_until_it_is_revoked(home: Path) -> None:
    made = run(home, "token", "create", "ops", "--role", "operator", "--expires", "90d")
    assert made.code == 0, made.err
    token = made.out.strip()
    assert re.fullmatch(r"mct_[A-Za-z0-9_-]{43}", token)
    assert "is not shown again" in made.err
    with serving(home, "node", "serve", "--api", "127.0.0.1:0", "--api-auth") as node:
        port = int(node.wait_for(PLACES.pattern)[3])
        assert ask(port, "GET", "/session")[0] == 401
        status, who, _ = ask(port, "GET", "/session", Authorization=f"Bearer {token}")
        assert (status, who["name"], who["role"]) == (200, "ops", "operator")
        assert ask(port, "POST", "/invites", {}, Authorization=f"Bearer {token}")[0] == 403
        listed = run(home, "token", "list")
        assert "ops" in listed.out
        assert token[:10] in listed.out
        assert token not in listed.out
        [view] = json.loads(run(home, "token", "list", "--json").out)
        assert view["lastUsed"] is not None
        assert run(home, "token", "revoke", "ops").out == "The token ops is revoked.\n"
        status, refused, _ = ask(port, "GET", "/session", Authorization=f"Bearer {token}")
        assert (status, refused["code"]) == (401, "TOKEN_REVOKED")
        assert "expires" not in run(home, "node", "info").err
    assert token not in node.log


def test_serve_is_the_same_node_named_from_the_side_of_its_api(home: Path) -> None:
    with serving(home, "serve", "--port", "0") as node:
        scheme, host, port, _ = node.wait_for(PLACES.pattern).groups()
        assert (scheme, host) == ("http", "127.0.0.1")
        status, who, _ = ask(int(port), "GET", "/session")
        assert (status, who["door"]) == (200, "loopback")
        assert ask(int(port), "GET", "/node/info")[1]["apiAddresses"] == [f"http://127.0.0.1:{port}"]
        assert f"http://127.0.0.1:{port}" in run(home, "node", "info").out
        assert ask(int(port), "GET", "/session", Host="evil.example")[0] == 421


def test_without_credentials_the_api_is_not_opened_to_others(home: Path) -> None:
    for words in (
        ("serve", "--host", "0.0.0.0", "--port", "0"),
        ("node", "serve", "--api", ":0"),
        ("node", "serve", "--api", "127.0.0.1:0", "--api-auth"),
        ("node", "serve", "--api", "127.0.0.1:0", "--api-host", "rigs.example"),
    ):
        ended = run(home, *words, "--listen", "127.0.0.1:0")
        assert ended.code == 2, ended
        assert "while there are no credentials for it" in ended.err
        assert "miner-ctrl token create" in ended.err
        assert "miner-ctrl login set" in ended.err
    assert json.loads(run(home, "node", "info", "--json").out)["hasIdentity"] is False, "nothing was half done"
    assert run(home, "token", "create", "one").code == 0
    with serving(home, "node", "serve", "--api", ":0") as node:
        port = int(node.wait_for(r"The API answers at .*:(\d+)\.$")[1])
        assert ask(port, "GET", "/session")[0] == 401, "this machine's own user, too"


def test_the_usual_port_taken_is_said_and_one_that_was_asked_for_is_an_error(home: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # somebody has it already: as good
            other.bind(("127.0.0.1", 9090))
        other.listen()
        for words in (("serve",), ("node", "serve")):
            with serving(home, *words) as node:
                line = node.wait_for("The API is served on the local socket alone")[0]
                assert line
                assert "127.0.0.1, port 9090 already" in node.log
                info = run(home, "node", "info")
                assert "The API is served on the local socket alone; --api HOST:PORT chooses another." in info.out
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(home, "node", "serve", "--api", f"127.0.0.1:{port}", "--listen", "127.0.0.1:0")
        assert ended.code == 1
        assert f"Another program listens on 127.0.0.1, port {port} already." in ended.err
        assert "--no-api" in ended.err


def test_without_the_api_no_port_is_open(home: Path) -> None:
    with serving(home, "node", "serve", "--no-api") as node:
        address = node.wait_for(r"Serving at 127\.0\.0\.1:(\d+)")[1]
        process = psutil.Process(node.process.pid)
        ports = {one.laddr.port for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
        assert ports == {int(address)}
        assert "on the local socket alone" in run(home, "node", "info").out


def test_tls_of_its_own_is_shown_with_its_fingerprint(home: Path) -> None:
    run(home, "token", "create", "one")
    with serving(home, "serve", "--port", "0", "--api-tls") as node:
        scheme, _, port, pin = node.wait_for(PLACES.pattern).groups()
        assert scheme == "https"
        assert pin is not None
        with (
            socket.create_connection(("127.0.0.1", int(port)), 20) as plain,
            pinned_context().wrap_socket(plain) as wrapped,
        ):
            assert pin_of(wrapped.getpeercert(binary_form=True) or b"") == pin
        trusting = ssl.create_default_context(cafile=home / "config" / "tls.crt")
        connection = http.client.HTTPSConnection("localhost", int(port), timeout=20, context=trusting)
        connection.request("GET", "/api/v1/mining/session")
        assert connection.getresponse().status == 200
        connection.close()
        assert f"certificate sha256:{pin}" in run(home, "node", "info").out


def test_a_certificate_that_was_given_is_the_one_that_is_served(home: Path, tmp_path: Path) -> None:
    made = json.loads(run(tmp_path / "authority", "node", "tls", "--json").out)
    files = ("--api-tls-cert", made["certificate"], "--api-tls-key", made["key"])
    run(home, "token", "create", "one")
    with serving(home, "node", "serve", "--api", "127.0.0.1:0", "--api-auth", *files) as node:
        scheme, _, port, pin = node.wait_for(PLACES.pattern).groups()
        assert (scheme, pin) == ("https", made["fingerprint"])
        trusting = ssl.create_default_context(cafile=made["certificate"])
        connection = http.client.HTTPSConnection("localhost", int(port), timeout=20, context=trusting)
        connection.request("GET", "/api/v1/mining/session")
        assert connection.getresponse().status == 401
        connection.close()
    assert not (home / "config" / "tls.crt").exists(), "none of its own was made beside it"


def test_a_password_is_nowhere_but_in_the_owners_head(home: Path) -> None:
    made = run(home, "login", "set", "alice", "--role", "admin", stdin=f"{PASSWORD}\n")
    assert (made.code, made.out) == (0, "alice can log in, as admin.\n")
    with serving(home, "node", "serve", "--api", "127.0.0.1:0", "--trace") as node:
        port = int(node.wait_for(PLACES.pattern)[3])
        page = {"Origin": f"http://127.0.0.1:{port}"}
        status, who, headers = ask(port, "POST", "/login", {"name": "alice", "password": PASSWORD}, **page)
        assert (status, who["name"]) == (200, "alice")
        session = headers["set-cookie"].partition(";")[0].partition("=")[2]
        assert ask(port, "POST", "/login", {"name": "alice", "password": f"{PASSWORD}!"}, **page)[0] == 401
        again = run(home, "login", "set", "alice", "--role", "viewer", stdin=f"{PASSWORD}\n")
        assert again.code == 0, again.err
        assert ask(port, "GET", "/session", Cookie=f"miner-ctrl={session}", **page)[1]["door"] == "loopback"
        short = run(home, "login", "set", "bob", stdin="short\n")
        assert (short.code, "10 to 256 characters" in short.err) == (2, True)
        running = " ".join(" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"]))
        assert PASSWORD not in running
    stored = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"$argon2id$" in stored
    for secret in (PASSWORD, session, "short\n"):
        assert secret.encode() not in stored
        assert secret not in node.log + made.out + made.err + again.out + short.err
    assert run(home, "login", "list").out.splitlines()[1].split()[:2] == ["alice", "viewer"]
    assert run(home, "login", "remove", "alice").out == "alice cannot log in any more.\n"
    assert "Nobody can log in." in run(home, "login", "list").out


def test_the_password_is_no_argument(home: Path) -> None:
    assert run(home, "login", "set", "alice", PASSWORD).code == 2
    nothing = run(home, "login", "set", "alice", "--role", "admin")
    assert (nothing.code, "no password on standard input" in nothing.err) == (2, True)


def test_the_file_of_tokens_is_this_users_alone(home: Path) -> None:
    run(home, "token", "create", "one")
    file = home / "data" / "node" / "access.db"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_uid == os.geteuid()
    file.write_bytes(b"not a database" * 100)
    ended = run(home, "token", "list")
    assert ended.code == 1
    assert "access.db is damaged" in ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("node", "serve", "--api", "127.0.0.1:1", "--no-api"), "contradict"),
        (("node", "serve", "--no-api", "--api-auth"), "contradict"),
        (("node", "serve", "--api-hsts"), "--api-hsts needs TLS"),
        (("node", "serve", "--api-tls-cert", __file__), "belong together"),
        (("node", "serve", "--api-tls", "--api-tls-cert", __file__, "--api-tls-key", __file__), "leave it out"),
        (("node", "serve", "--api-host", "http://x"), "takes a name alone"),
        (("node", "serve", "--api", "nowhere"), "is not a place to listen at"),
        (("node", "join", "t", "--api", ":1"), "needs --serve"),
        (("serve", "--port", "70000"), "70000"),
        (("serve", "--port", "0", "--api-tls-cert", __file__, "--api-tls-key", __file__), "holds no certificate"),
        (("token", "create", "a b"), "is not one"),
        (("token", "create", "x", "--expires", "soon"), "is not how long a token can be valid"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(home: Path, words: tuple[str, ...], said: str) -> None:
    ended = run(home, *words)
    assert ended.code == 2, ended
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_a_unit_says_where_the_api_is(home: Path) -> None:
    usual = run(home, "service", "print", "--for", "systemd").out
    assert "# The API is at 127.0.0.1:9090; --api and --no-api say otherwise." in usual
    words = ("--api", ":9443", "--api-tls", "--api-host", "rigs.example", "--for", "systemd")
    unit = run(home, "service", "print", *words).out
    assert "serve --listen :9091 --api :9443 --api-host rigs.example --api-tls" in unit
    none = run(home, "service", "print", "--no-api", "--for", "systemd").out
    assert "--listen :9091 --no-api\n" in none
    assert "on the local socket alone" in none
