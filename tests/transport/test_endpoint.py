"""Dialling, listening, verdicts and TLS, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import datetime
import socket
import ssl
from pathlib import Path

import pytest

from miner_ctrl.errors import (
    BadInput,
    Conflict,
    IdentityMismatch,
    MinerCtrlError,
    OperationFailed,
    PendingApproval,
    Refused,
    Unreachable,
)
from miner_ctrl.identity.introductions import InviteStatus, JoinKey
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.addresses import Address
from miner_ctrl.model.nodes import Grant
from miner_ctrl.model.verdict import Verdict, VerdictStatus
from miner_ctrl.protocol.messages import GetStats, Hello
from miner_ctrl.transport import tls
from miner_ctrl.transport.redial import check_fingerprint
from tests.transport.nodes import FAST, LOCAL, STATS, Node, anyone, nodes, pair, until


async def test_a_session_tells_both_sides_who_the_other_is() -> None:
    async with pair() as (here, there, channel):
        back = there.to(here)
        assert (channel.node_id, back.node_id) == (there.keys.public.node_id, here.keys.public.node_id)
        assert channel.keys == there.keys.public
        assert (channel.hello.name, back.hello.name) == ("node-2", "node-1")
        assert (channel.is_initiator, back.is_initiator) == (True, False)
        assert back.remote_host == LOCAL
        assert set(channel.hello.grants) == {"observe", "control", "install"}
        assert here.ups[0].channel is channel
        assert there.met[0].name == "node-1"
        assert there.endpoint.half_open == 0


async def test_pending_says_who_is_there_and_stores_nothing() -> None:
    here, there = Node(1), Node(2, name="rig-alpha")
    there.verdict = Verdict(VerdictStatus.PENDING)
    async with nodes(here, there):
        await there.listen()
        with pytest.raises(PendingApproval, match="rig-alpha") as pending:
            await here.dial(there)
        public = there.keys.public
        assert pending.value.details == {
            "name": "rig-alpha",
            "role": "dual",
            "publicKey": base64.b64encode(public.x).decode(),
            "signingKey": base64.b64encode(public.e).decode(),
            "fingerprint": public.fingerprint.hex(),
        }
        assert there.endpoint.channels() == here.endpoint.channels() == []
        assert there.events == here.events == []
        await until(lambda: there.endpoint.half_open == 0)


async def test_refused_with_its_reason_made_harmless() -> None:
    here, there = Node(1), Node(2)
    there.verdict = Verdict(VerdictStatus.REFUSED, "blocked\x1b[31m here")
    async with nodes(here, there):
        await there.listen()
        with pytest.raises(Refused, match=r"blocked \[31m here") as refused:
            await here.dial(there)
        assert not isinstance(refused.value, PendingApproval)
        assert there.events == []


async def test_other_keys_stop_the_dial_before_anything_is_shown() -> None:
    here, there = Node(1), Node(2)
    async with nodes(here, there):
        await there.listen()
        with pytest.raises(IdentityMismatch, match="IDENTITY"):
            await here.endpoint.dial(there.address, check=check_fingerprint(bytes(32), there.address))
        assert there.met == []


async def test_a_judge_that_fails_lets_nobody_in() -> None:
    here, there = Node(1), Node(2)

    def broken(*_: object) -> Verdict:
        raise RuntimeError("out of order")

    there.endpoint._shared.judge = broken
    async with nodes(here, there):
        await there.listen()
        with pytest.raises(MinerCtrlError):
            await here.dial(there)
        assert there.events == []


async def test_before_up_may_stop_what_the_other_side_accepted() -> None:
    here, there = Node(1), Node(2)

    def stop(_keys: PublicKeys, hello: Hello) -> None:
        raise Conflict(f"{hello.name} is known already")

    async with nodes(here, there):
        await there.listen()
        with pytest.raises(Conflict, match="node-2"):
            await here.endpoint.dial(there.address, check=anyone, before_up=stop)
        assert there.events == []
        assert here.endpoint.channels() == []


def invites(psk: bytes) -> dict[bytes, tuple[InviteStatus, bytes | None]]:
    return {
        b"g" * 16: (InviteStatus.GO, psk),
        b"e" * 16: (InviteStatus.EXPIRED, None),
        b"r" * 16: (InviteStatus.REVOKED, None),
    }


@pytest.mark.parametrize(
    ("invite", "code"),
    [(b"u", "INVITE_UNKNOWN"), (b"e", "INVITE_EXPIRED"), (b"r", "INVITE_REVOKED"), (b"g", "JOIN_REFUSED")],
)
async def test_joins_that_fail(invite: bytes, code: str) -> None:
    known = invites(b"p" * 32)
    here = Node(1)
    there = Node(2, find_psk=lambda wanted: known.get(wanted, (InviteStatus.UNKNOWN, None)))
    async with nodes(here, there):
        await there.listen()
        with pytest.raises(Refused) as refused:
            await here.endpoint.dial(there.address, check=anyone, join=JoinKey(invite * 16, b"wrong" + bytes(27)))
        assert refused.value.code == code
        assert there.met == []


async def test_a_join_tells_the_judge_its_invite() -> None:
    known = invites(b"p" * 32)
    here, there = Node(1), Node(2, find_psk=lambda wanted: known[wanted])
    async with nodes(here, there):
        await there.listen()
        await here.endpoint.dial(there.address, check=anyone, join=JoinKey(b"g" * 16, b"p" * 32))
        assert there.met[0].invite_id == b"g" * 16


async def test_nobody_there_and_something_else_there() -> None:
    here = Node(1)
    async with nodes(here), await asyncio.start_server(echo_garbage, LOCAL, 0) as server:
        address = Address(*server.sockets[0].getsockname())
        with pytest.raises(OperationFailed, match=str(address)) as failure:
            await here.endpoint.dial(address, check=anyone, timeout_s=1)
        assert failure.value.code == "NOT_MINER_CTRL"
        with socket.socket() as unused:
            unused.bind((LOCAL, 0))
            with pytest.raises(Unreachable, match="Nobody listens"):
                await here.endpoint.dial(Address(*unused.getsockname()), check=anyone)


async def echo_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n\r\n")
    await reader.read()
    writer.close()


async def test_all_addresses_are_ipv4_and_ipv6() -> None:
    here, there = Node(1), Node(2)
    async with nodes(here, there):
        bound = await there.endpoint.listen(None, 0)
        assert len({port for _, port in bound}) == 1
        assert [host for host, _ in bound] == ["0.0.0.0", "::"]
        port = bound[0][1]
        for host in ("127.0.0.1", "::1", "localhost"):
            channel = await here.endpoint.dial(Address(host, port), check=anyone)
            assert (await channel.ping(5))[0] > 0


async def test_a_port_in_use_is_said() -> None:
    here, there = Node(1), Node(2)
    async with nodes(here, there):
        address = await there.listen()
        with pytest.raises(OperationFailed, match=str(address.port)) as failure:
            await here.endpoint.listen(LOCAL, address.port)
        assert failure.value.code == "CANNOT_LISTEN"


async def test_a_type_has_one_owner() -> None:
    node = Node(1)
    node.endpoint.route(GetStats, lambda _request: STATS, needs=Grant.OBSERVE)
    with pytest.raises(ValueError, match="get_stats"):
        node.endpoint.route(GetStats, lambda _request: STATS, needs=Grant.OBSERVE)
    with pytest.raises(ValueError, match="Hello"):
        node.endpoint.route(Hello, lambda _request: None, needs=None)


async def test_drop_ends_a_session_at_once_and_says_so() -> None:
    async with pair() as (here, there, channel):
        there.endpoint.drop(here.fingerprint, "removed")
        assert there.endpoint.channel(here.fingerprint) is None
        await until(lambda: channel.closed)
        [down] = here.downs
        assert (down.reason, down.clean) == ("removed", True)


async def test_close_leaves_nothing_behind() -> None:
    async with pair() as (here, there, channel):
        await there.endpoint.close()
        await until(lambda: channel.closed)
        assert here.downs[0].clean
        with pytest.raises(Unreachable):
            await here.endpoint.dial(there.address, check=anyone)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_an_owner_that_fails_on_an_event_does_not_keep_the_others_from_knowing() -> None:
    here, there = Node(1), Node(2)

    def broken(_event: object) -> None:
        raise RuntimeError("out of order")

    here.endpoint.on_event.insert(0, broken)
    async with nodes(here, there):
        await there.listen()
        await here.dial(there)
        assert len(here.ups) == 1


# --- TLS ------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path, str]:
    certificate, key = tmp_path / "node.crt", tmp_path / "node.key"
    now = datetime.datetime.now(datetime.UTC)
    pin = tls.write_certificate(certificate, key, names=["localhost", LOCAL], now=now)
    return certificate, key, pin


async def tls_listener(node: Node, certificate: tuple[Path, Path, str]) -> int:
    context = tls.server_context(certificate[0], certificate[1])
    [(_, port)] = await node.endpoint.listen(LOCAL, 0, tls=context)
    return port


async def test_tls_with_a_pin(certificate: tuple[Path, Path, str]) -> None:
    here, there = Node(1), Node(2)
    async with nodes(here, there):
        port = await tls_listener(there, certificate)
        channel = await here.endpoint.dial(Address(LOCAL, port, True, certificate[2]), check=anyone)
        assert (await channel.ping(5))[0] > 0


async def test_tls_with_another_pin_is_refused_before_the_handshake(certificate: tuple[Path, Path, str]) -> None:
    here, there = Node(1), Node(2)
    async with nodes(here, there):
        port = await tls_listener(there, certificate)
        with pytest.raises(IdentityMismatch, match=certificate[2]) as failure:
            await here.endpoint.dial(Address(LOCAL, port, True, "0" * 64), check=anyone)
        assert failure.value.code == "TLS_REFUSED"
        assert there.met == []


async def test_tls_with_a_ca(certificate: tuple[Path, Path, str]) -> None:
    here, there = Node(1, tls_client=tls.client_context(ca_file=certificate[0])), Node(2)
    async with nodes(here, there):
        port = await tls_listener(there, certificate)
        channel = await here.endpoint.dial(Address("localhost", port, tls=True), check=anyone)
        assert (await channel.ping(5))[0] > 0


async def test_tls_of_an_unknown_ca_is_refused(certificate: tuple[Path, Path, str]) -> None:
    here, there = Node(1), Node(2)
    async with nodes(here, there):
        port = await tls_listener(there, certificate)
        with pytest.raises(IdentityMismatch, match="not trusted") as failure:
            await here.endpoint.dial(Address("localhost", port, tls=True), check=anyone)
        assert failure.value.code == "TLS_REFUSED"


async def test_tls_is_never_left_for_plain_text_nor_the_other_way_round(certificate: tuple[Path, Path, str]) -> None:
    here, there = Node(1), Node(2)
    async with nodes(here, there):
        plain = await there.listen()
        with pytest.raises(MinerCtrlError):
            await here.endpoint.dial(Address(LOCAL, plain.port, True, certificate[2]), check=anyone, timeout_s=2)
        secure = await tls_listener(there, certificate)
        with pytest.raises(MinerCtrlError):
            await here.endpoint.dial(Address(LOCAL, secure), check=anyone, timeout_s=2)
        assert there.met == []


def test_certificates_are_private_and_never_overwritten(certificate: tuple[Path, Path, str]) -> None:
    path, key, pin = certificate
    assert key.stat().st_mode & 0o777 == 0o600
    assert tls.pin_of_file(path) == pin
    with pytest.raises(Conflict):
        tls.write_certificate(path, key, names=[], now=datetime.datetime.now(datetime.UTC))
    assert tls.pin_of_file(path) == pin


def test_what_is_no_certificate_is_said(tmp_path: Path, certificate: tuple[Path, Path, str]) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for path in (empty, tmp_path / "missing.pem"):
        with pytest.raises(BadInput):
            tls.server_context(path, certificate[1])
        with pytest.raises(BadInput):
            tls.pin_of_file(path)
        with pytest.raises(BadInput):
            tls.client_context(ca_file=path)
    assert isinstance(tls.pinned_context(), ssl.SSLContext)


async def test_tick_is_shared_and_short_in_tests() -> None:
    async with pair(timings=FAST) as (_, _, channel):
        assert (await channel.ping(5))[1] < 5000
