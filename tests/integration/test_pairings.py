"""The three ways in through the command line, each also refused: one sentence, the exit code of cli.md, nothing stored
half (docs/protocol.md, "Pairing")."""

from __future__ import annotations

import secrets
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from miner_ctrl.peers import encode_token, parse_token
from tests.integration.conftest import MakeNode
from tests.integration.nodes import NodeProcess, Result, wait_for

FAILED, USAGE, UNREACHABLE, REFUSED = 1, 2, 3, 4


@pytest.fixture
def desk(make_node: MakeNode) -> NodeProcess:
    """A controller that serves."""
    node = make_node("desk")
    node.done("node", "init", "--name", "desk", "--role", "controller")
    node.serve()
    return node


@pytest.fixture
def rig(make_node: MakeNode) -> NodeProcess:
    """A worker with an identity, that does not serve yet."""
    node = make_node("rig")
    node.done("node", "init", "--name", "rig-alpha", "--role", "worker")
    return node


def known(node: NodeProcess) -> list[Any]:
    """Return what a node has stored of its peers and invites."""
    kept = ("id", "name", "fingerprint", "publicKey", "signingKey", "grants", "verified", "role")
    peers = [{key: peer.get(key) for key in kept} for peer in listed(node, "/peers", "list")]
    invites = [{key: one.get(key) for key in ("id", "used", "status")} for one in listed(node, "/invites", "invites")]
    files = sorted(str(path.relative_to(node.home)) for path in (node.home / "config").rglob("*"))
    return [peers, invites, files]


def listed(node: NodeProcess, path: str, command: str) -> Any:
    """Return a list of a node's, through the running node if there is one."""
    return node.answer("peer", command) if node.process is None else node.api.get(path).data


def identity(node: NodeProcess) -> Any:
    return node.answer("node", "info")["identity"]


def told(result: Result, code: int, *words: str) -> None:
    """Check how a command failed: its exit code, and one sentence on stderr that holds the words."""
    assert result.code == code, result
    assert result.err.startswith("Error: "), result
    assert result.err.count("\n") == 1, result
    assert "Traceback" not in result.err
    for word in words:
        assert word.lower() in result.err.lower(), result


# --- by join token ----------------------------------------------------------------------------------------


def test_a_token_that_is_wrong_revoked_or_expired_is_refused_and_stores_nothing(
    desk: NodeProcess, rig: NodeProcess
) -> None:
    rig.serve()
    text = desk.invite()
    token = parse_token(text)
    revoked = desk.answer("peer", "invite", "--address", desk.address)
    desk.done("peer", "revoke", revoked["id"])
    expired = desk.answer("peer", "invite", "--address", desk.address, "--expires", "1s")

    def has_expired() -> bool:
        return any(one["id"] == expired["id"] and one["status"] == "expired" for one in desk.ask("/invites"))

    wait_for("the invite to expire", has_expired)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"

    def altered(**fields: Any) -> str:
        return encode_token(msgspec.structs.replace(token, **fields))

    middle = len(text) // 2
    garbled = text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]
    refusals = {
        altered(secret=secrets.token_bytes(32)): (REFUSED, "secret"),
        altered(invite_id=secrets.token_bytes(16)): (REFUSED, "does not know"),
        altered(issuer=secrets.token_bytes(32)): (REFUSED, "not the one that made the token"),
        altered(addresses=(nobody,)): (UNREACHABLE, nobody),
        revoked["token"]: (REFUSED, "revoked"),
        expired["token"]: (REFUSED, "expired"),
        garbled: (USAGE, "token"),
        text[:-3]: (USAGE, "token"),
        "nonsense": (USAGE, "token"),
    }
    before = known(desk), known(rig)
    for wrong, (code, words) in refusals.items():
        result = rig.cli("node", "join", "-", stdin=wrong)
        told(result, code, words)
        assert wrong not in result.err + result.out
        assert (known(desk), known(rig)) == before, words
    rig.done("node", "join", "-", stdin=text)
    assert [peer["name"] for peer in desk.answer("peer", "list")] == ["rig-alpha"]


def test_a_used_token_lets_nobody_else_in_and_costs_its_first_user_nothing(
    desk: NodeProcess, rig: NodeProcess, make_node: MakeNode
) -> None:
    token = desk.invite()
    rig.done("node", "join", "-", stdin=token)
    late = make_node("late")
    late.done("node", "init", "--name", "late", "--role", "worker")
    before = known(desk), known(late)
    told(late.cli("node", "join", "-", stdin=token), REFUSED, "used already")
    assert (known(desk), known(late)) == before
    rig.done("node", "join", "-", stdin=token)
    assert known(desk) == before[0]


def test_a_token_for_another_use_is_refused_without_dialling(
    desk: NodeProcess, rig: NodeProcess, make_node: MakeNode
) -> None:
    rig.serve()
    other = make_node("other")
    other.done("node", "init", "--name", "other", "--role", "controller")
    second = make_node("second")
    second.done("node", "init", "--name", "second", "--role", "worker")
    nodes = desk, rig, other, second
    for_rig, for_controller = desk.invite(), rig.invite()
    before = [known(node) for node in nodes]
    told(other.cli("node", "join", "-", stdin=for_rig), USAGE, "for a rig", "controller only")
    told(second.cli("node", "join", "-", stdin=for_controller), USAGE, "worker only")
    told(desk.cli("node", "join", "-", stdin=for_rig), USAGE, "made that token itself")
    told(rig.cli("node", "join", "-", stdin=for_controller), USAGE, "made that token itself")
    told(rig.cli("peer", "invite", "--for", "rig"), USAGE, "cannot invite rigs")
    told(desk.cli("peer", "invite", "--for", "controller"), USAGE, "cannot be controlled")
    assert [known(node) for node in nodes] == before

    other.done("peer", "add", "--token", "-", "--name", "alpha", stdin=for_controller)
    assert [peer["grants"] for peer in rig.answer("peer", "list")] == [["observe", "control", "install"]]
    assert other.rig("alpha")["nodeName"] == "alpha"


# --- by address -------------------------------------------------------------------------------------------


def test_an_unknown_controller_waits_is_approved_by_its_whole_id_and_works(desk: NodeProcess, rig: NodeProcess) -> None:
    rig.serve()
    own = identity(desk)
    added = desk.done("peer", "add", "--address", rig.address, "--name", "alpha")
    assert f"miner-ctrl peer approve {own['id']}" in added
    for words in (own["words"], identity(rig)["words"]):
        assert words in added
    for command in (("remote", "status", "alpha"), ("peer", "ping", "alpha"), ("remote", "stop", "alpha")):
        told(desk.cli(*command), REFUSED, "approve")
    [waiting] = rig.answer("peer", "pending")
    assert (waiting["id"], waiting["words"]) == (own["id"], own["words"])
    before = known(rig)
    for part in (own["id"][:15], own["id"][:4], "desk", own["words"]):
        told(rig.cli("peer", "approve", part), USAGE, "whole")
    told(rig.cli("peer", "approve", "0" * 16), FAILED, "no such node waits")
    assert known(rig) == before

    assert "observe, control" in rig.done("peer", "approve", own["id"])
    assert rig.answer("peer", "pending") == []
    desk.wait_until_connected("alpha")
    assert desk.rig("alpha")["nodeName"] == "alpha"
    [peer] = rig.answer("peer", "list")
    assert (peer["grants"], peer["verified"]) == (["observe", "control"], True)


def test_a_controller_that_was_denied_is_told_so_and_is_listed_no_more(desk: NodeProcess, rig: NodeProcess) -> None:
    rig.serve()
    desk.done("peer", "add", "--address", rig.address, "--name", "alpha")
    own = identity(desk)["id"]
    rig.done("peer", "pending", "--deny", own)
    told(desk.cli("remote", "status", "alpha"), REFUSED, "turned this node away")
    assert rig.answer("peer", "pending") == []
    assert rig.answer("peer", "list") == []
    told(rig.cli("peer", "approve", own), FAILED, "no such node waits")


def test_the_words_given_with_an_address_must_be_the_nodes(desk: NodeProcess, rig: NodeProcess) -> None:
    rig.serve()
    before = known(desk)
    wrong = desk.cli("peer", "add", "--address", rig.address, "--fingerprint", identity(desk)["words"])
    told(wrong, REFUSED, "another fingerprint", identity(rig)["words"])
    told(desk.cli("peer", "add", "--address", rig.address, "--fingerprint", "eight words"), USAGE)
    assert known(desk) == before
    assert rig.answer("peer", "pending") == [], "a node that shows other keys is not told who asked"
    desk.done("peer", "add", "--address", rig.address, "--name", "alpha", "--fingerprint", identity(rig)["words"])
    [peer] = desk.answer("peer", "list")
    assert peer["verified"] is True


def test_without_words_a_peer_is_marked_as_not_verified(desk: NodeProcess, rig: NodeProcess) -> None:
    rig.serve()
    desk.done("peer", "add", "--address", rig.address)
    [peer] = desk.answer("peer", "list")
    assert (peer["name"], peer["verified"], peer["grants"]) == ("rig-alpha", False, [])


class _Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a web page")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@contextmanager
def web_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Web) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def answering(with_bytes: bytes | None) -> Iterator[str]:
    """Accept connections, send each the same bytes and close it; with ``None``, say nothing and keep it."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                if with_bytes is None:
                    accepted.append(connection)
                    continue
                with connection:
                    connection.sendall(with_bytes)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(65536)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield address
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in accepted:
                connection.close()


@contextmanager
def nobody() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as once:
        address = f"127.0.0.1:{once.getsockname()[1]}"
    yield address


ELSE: dict[str, tuple[Callable[[], Any], int, str]] = {
    "nobody": (nobody, UNREACHABLE, "nobody listens"),
    "a web server": (web_server, FAILED, "not with miner-ctrl's protocol"),
    "random bytes": (lambda: answering(bytes(range(256)) * 8), FAILED, "not with miner-ctrl's protocol"),
    "silence": (lambda: answering(None), UNREACHABLE, "does not answer as a miner-ctrl node"),
}


@pytest.mark.parametrize("what", ELSE)
def test_what_else_answers_at_an_address_is_named_and_nothing_is_stored(desk: NodeProcess, what: str) -> None:
    serve, code, words = ELSE[what]
    before = known(desk)
    with serve() as address:
        told(desk.cli("peer", "add", "--address", address, "--name", "alpha"), code, address, words)
    assert known(desk) == before


# --- keys and addresses that change -----------------------------------------------------------------------


def paired_by_address(desk: NodeProcess, rig: NodeProcess, name: str) -> None:
    """Have the controller dial the rig, and be approved there."""
    rig.serve()
    desk.done("peer", "add", "--address", rig.address, "--name", name)
    rig.done("peer", "approve", identity(desk)["id"])
    desk.wait_until_connected(name)


def test_another_key_at_a_known_peers_address_is_refused_loudly(desk: NodeProcess, rig: NodeProcess) -> None:
    paired_by_address(desk, rig, "alpha")
    pinned = identity(rig)["words"]
    rig.stop()
    for part in ("config", "data", "run"):
        shutil.rmtree(rig.home / part)
    rig.done("node", "init", "--name", "rig-alpha", "--role", "worker")
    rig.serve()
    renewed = identity(rig)["words"]
    assert renewed != pinned
    before = known(desk)
    for command in (
        ("remote", "status", "alpha"),
        ("peer", "ping", "alpha"),
        ("peer", "add", "--address", rig.address, "--name", "beta"),
        ("peer", "add", "--address", rig.address, "--name", "alpha", "--fingerprint", renewed),
    ):
        told(desk.cli(*command), REFUSED, "WARNING: THE IDENTITY OF ALPHA HAS CHANGED", pinned, renewed, "peer remove")
    assert known(desk) == before
    assert rig.answer("peer", "pending") == [], "it was told nothing"
    desk.done("peer", "remove", "alpha")
    paired_again = desk.done("peer", "add", "--address", rig.address, "--name", "alpha", "--fingerprint", renewed)
    assert "approve" in paired_again


def test_another_known_peer_at_an_address_is_refused(desk: NodeProcess, rig: NodeProcess, make_node: MakeNode) -> None:
    second = make_node("second")
    second.done("node", "init", "--name", "second", "--role", "worker")
    paired_by_address(desk, rig, "alpha")
    paired_by_address(desk, second, "beta")
    rig.stop()
    second.stop()
    second.serve(rig.address)
    before = known(desk)
    told(desk.cli("remote", "status", "alpha"), REFUSED, "address moved", "beta answers")
    assert known(desk) == before


# --- provisioned ------------------------------------------------------------------------------------------


def test_a_provisioned_rig_dials_its_controller_and_is_approved_there(desk: NodeProcess, make_node: MakeNode) -> None:
    image = make_node("image")
    fingerprint = identity(desk)["fingerprint"]
    told(image.cli("node", "init", "--trust", identity(desk)["words"]), USAGE, "whole fingerprint")
    image.done("node", "init", "--name", "rig-alpha", "--role", "worker", "--trust", f"{fingerprint}@{desk.address}")
    assert not (image.home / "data/node/private.key").exists(), "an image must not carry a key"
    image.serve()
    assert identity(image)["name"] == "rig-alpha"
    wait_for("the rig to wait for approval", lambda: desk.answer("peer", "pending"))
    [waiting] = desk.answer("peer", "pending")
    assert waiting["words"] == identity(image)["words"]
    assert "nothing" in desk.done("peer", "approve", waiting["id"])
    image.wait_until_connected(identity(desk)["id"])
    assert desk.rig("rig-alpha")["nodeName"] == "rig-alpha"
    assert [peer["grants"] for peer in desk.answer("peer", "list")] == [[]]
    assert [peer["grants"] for peer in image.answer("peer", "list")] == [["observe", "control", "install"]]


def test_a_provisioned_rig_accepts_its_controllers_dial_at_once_and_no_other(
    desk: NodeProcess, make_node: MakeNode
) -> None:
    image, stranger = make_node("image"), make_node("stranger")
    stranger.done("node", "init", "--name", "stranger", "--role", "controller")
    image.done("node", "init", "--name", "rig-alpha", "--role", "worker", "--trust", identity(desk)["fingerprint"])
    image.serve()
    assert "connected" in desk.done("peer", "add", "--address", image.address, "--name", "alpha")
    assert desk.rig("alpha")["nodeName"] == "alpha"
    assert "waits for approval" in stranger.done("peer", "add", "--address", image.address, "--name", "alpha")
    assert len(image.answer("peer", "list")) == 1

    image.done("peer", "remove", identity(desk)["id"])
    told(desk.cli("remote", "status", "alpha"), REFUSED, "approve")


# --- what may be done, and for how long -------------------------------------------------------------------


def joined(desk: NodeProcess, rig: NodeProcess) -> None:
    """Join by token, and wait for the session."""
    rig.join(desk, "rig-alpha")
    rig.serve()
    desk.wait_until_connected("rig-alpha")


def test_changed_grants_take_effect_at_once(desk: NodeProcess, rig: NodeProcess) -> None:
    joined(desk, rig)
    desk.done("remote", "stop", "rig-alpha")

    def grant(grants: str) -> None:
        rig.done("peer", "grant", "desk", grants)
        rig.wait_until_connected("desk", within_s=10)
        desk.wait_until_connected("rig-alpha", within_s=10)

    grant("observe")
    told(desk.cli("remote", "stop", "rig-alpha"), REFUSED, "not granted", "control", "on rig-alpha, run")
    assert desk.rig("rig-alpha")["nodeName"] == "rig-alpha"
    grant("none")
    told(desk.cli("remote", "logs", "rig-alpha", "simulated-1"), REFUSED, "not granted", "observe", "on rig-alpha, run")
    followed = desk.cli("remote", "logs", "rig-alpha", "simulated-1", "--follow")
    told(followed, REFUSED, "not granted", "observe", "on rig-alpha, run")
    told(desk.cli("remote", "status", "rig-alpha"), REFUSED, "not granted", "observe", "on rig-alpha, run")
    assert f"refused get_logs from {identity(desk)['id']}" in rig.log()
    grant("observe,control")
    desk.done("remote", "stop", "rig-alpha")


def test_a_profile_that_is_not_there_is_said_to_be_missing_where_it_was_sought(
    desk: NodeProcess, rig: NodeProcess
) -> None:
    joined(desk, rig)
    told(desk.cli("remote", "start", "rig-alpha", "--profile", "none"), FAILED, "neither this node nor rig-alpha")
    told(desk.cli("remote", "start", "rig-alpha", "--profile", "local:none"), FAILED, "rig-alpha has no", "deploy")


def test_a_controller_that_is_asked_to_mine_is_named_as_no_rig(desk: NodeProcess, rig: NodeProcess) -> None:
    joined(desk, rig)
    told(rig.cli("remote", "status", "desk"), FAILED, "desk is a controller")
    told(rig.cli("remote", "start", "desk", "--profile", "none"), FAILED, "desk is a controller")
    told(rig.cli("remote", "logs", "desk", "simulated-1"), FAILED, "desk is a controller")


def test_a_rig_that_moved_is_found_again_by_its_new_address(desk: NodeProcess, rig: NodeProcess) -> None:
    paired_by_address(desk, rig, "alpha")
    before = rig.address
    rig.stop()
    rig.serve("127.0.0.1:0")
    assert rig.address != before
    told(desk.cli("remote", "stop", "alpha"), UNREACHABLE, "alpha has another address now")
    desk.done("peer", "add", "--address", rig.address)
    desk.wait_until_connected("alpha")
    assert [(peer["name"], peer["address"]) for peer in desk.answer("peer", "list")] == [("alpha", rig.address)]


def test_a_rig_that_was_removed_is_out_at_once_and_stays_out(desk: NodeProcess, rig: NodeProcess) -> None:
    token = desk.invite("--uses", "5")
    rig.done("node", "join", "-", stdin=token)
    rig.serve()
    desk.wait_until_connected("rig-alpha")
    desk.done("peer", "remove", "rig-alpha")
    assert desk.ask("/node/info")["connectedPeers"] == 0
    wait_for("the rig to notice", lambda: rig.ask("/node/info")["connectedPeers"] == 0)
    told(rig.cli("peer", "ping", "desk"), REFUSED, "approve")
    told(rig.cli("node", "join", "-", stdin=token), REFUSED, "removed")
    assert desk.answer("peer", "list") == []
    told(desk.cli("remote", "status", "rig-alpha"), FAILED, "rig-alpha")


def test_a_controller_that_was_removed_is_out_at_once_and_stays_out(desk: NodeProcess, rig: NodeProcess) -> None:
    paired_by_address(desk, rig, "alpha")
    rig.done("peer", "remove", "desk")
    assert rig.ask("/node/info")["connectedPeers"] == 0
    told(desk.cli("remote", "status", "alpha"), REFUSED, "approve")
    told(desk.cli("remote", "stop", "alpha"), REFUSED, "approve")
    assert rig.answer("peer", "list") == []
