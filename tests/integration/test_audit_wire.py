"""Heads of audit logs over a session, told and asked by hand; and what a rig's log has of commands, also refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.app import audit_heads
from miner_ctrl.app.audit_face import AuditFace
from miner_ctrl.audit.entries import head_bytes
from miner_ctrl.audit.reading import Wanted, part
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.audit import AuditHead
from miner_ctrl.model.callers import OWNER
from miner_ctrl.model.nodes import NO_GRANTS, Role
from miner_ctrl.protocol.codes import WireCode
from miner_ctrl.protocol.messages import (
    AuditHeads,
    AuditHeadTold,
    Deploy,
    Error,
    MinerAck,
    Ping,
    Pong,
    RollbackMiner,
    SetLock,
    StopMiner,
)
from tests.integration.inside import Inside, joined, running, until
from tests.integration.raw_peer import RawPeer, dialled

KEYS = NodeKeys.from_secret(b"\5" * 32)
KNOWS = ("audit",)


def head(seq: int, keys: NodeKeys = KEYS, hash_: bytes = b"h" * 32) -> AuditHead:
    return AuditHead(seq, 1000 + seq, hash_, keys.sign(head_bytes(keys.public.fingerprint, seq, 1000 + seq, hash_)))


async def told(peer: RawPeer, said: AuditHead | None) -> tuple[AuditHead, ...]:
    return (await peer.hear_a(AuditHeads, reply_to=await peer.say(AuditHeadTold(head=said)))).heads


async def refused(peer: RawPeer, said: AuditHead) -> Error:
    return await peer.hear_a(Error, reply_to=await peer.say(AuditHeadTold(head=said)))


def entries_of(node: Inside) -> list[tuple[Any, ...]]:
    """``(kind, action, caller's ID, target, code)`` of a node's log, the oldest first."""
    path = node.node._home.audit_database
    found = reversed(part(path, Wanted(limit=1000)))
    return [(each.kind, each.action, each.caller_id, json.loads(each.target), each.code) for each in found]


async def test_a_head_is_kept_told_again_and_evidence_when_it_goes_back(tmp_path: Path) -> None:
    async with running(tmp_path, "desk", Role.CONTROLLER) as desk:
        desk.registry.add(KEYS.public, name="rig", role=Role.WORKER, grants=NO_GRANTS)
        async with dialled(KEYS, desk.address) as peer:
            assert await told(peer, None) == ()
            assert await told(peer, head(4)) == (head(4),)
            assert await told(peer, head(9)) == (head(9),)
            assert await told(peer, head(4)) == (head(4), head(9))
            assert await told(peer, None) == (head(4), head(9), head(4))


async def test_a_head_that_its_node_did_not_sign_is_refused(tmp_path: Path) -> None:
    others = NodeKeys.from_secret(b"\6" * 32)
    async with running(tmp_path, "desk", Role.CONTROLLER) as desk:
        desk.registry.add(KEYS.public, name="rig", role=Role.WORKER, grants=NO_GRANTS)
        async with dialled(KEYS, desk.address) as peer:
            for forged in (head(4, others), AuditHead(5, 1004, b"h" * 32, head(4).signature)):
                assert (await refused(peer, forged)).code == WireCode.INVALID_MESSAGE
            assert await told(peer, None) == ()


async def test_who_tells_heads_too_fast_is_refused_and_costs_no_more(tmp_path: Path) -> None:
    async with running(tmp_path, "desk", Role.CONTROLLER) as desk:
        desk.registry.add(KEYS.public, name="rig", role=Role.WORKER, grants=NO_GRANTS)
        async with dialled(KEYS, desk.address) as peer:
            for seq in range(1, 41):
                await peer.say(AuditHeadTold(head=head(seq)))
            kinds = [(await peer.hear()).payload for _ in range(40)]
            refusals = [payload.code for payload in kinds if isinstance(payload, Error)]
            assert len(refusals) >= 40 - audit_heads.TOLD_BURST - 15
            assert set(refusals) == {WireCode.RATE_LIMITED}
            assert await peer.hear_a(Pong, reply_to=await peer.say(Ping())) is not None


@pytest.mark.parametrize("capabilities", [(), KNOWS], ids=["an older peer", "one that knows"])
async def test_only_who_knows_of_heads_is_told(tmp_path: Path, capabilities: tuple[str, ...]) -> None:
    async with running(tmp_path, "desk", Role.CONTROLLER) as desk:
        desk.registry.add(KEYS.public, name="rig", role=Role.WORKER, grants=NO_GRANTS)
        audit = desk.node._faces.audit
        assert audit is not None
        audit.ended(audit.asked(OWNER, "invite", {}, None), "")
        assert isinstance(audit, AuditFace)
        exchange = audit._audit.exchange
        await until(lambda: exchange._telling is not None and exchange._telling.done())
        async with dialled(KEYS, desk.address, capabilities=capabilities) as peer:
            if not capabilities:
                await asyncio.sleep(audit_heads.SOON_S * 2)
                asked = await peer.say(Ping())
                while (message := await peer.hear()).reply_to != asked:
                    assert not isinstance(message.payload, AuditHeadTold)
                return
            message = await peer.hear()
            while not isinstance(message.payload, AuditHeadTold):
                message = await peer.hear()
            newest = message.payload.head
            assert newest is not None
            assert newest.seq == 2
            signed = head_bytes(desk.fingerprint, newest.seq, newest.at_ms, newest.hash)
            assert desk.keys.public.verifies(newest.signature, signed)


async def test_changes_are_told_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once soon after a change, then no more often than the time allows, the newest one at last."""
    monkeypatch.setattr(audit_heads, "SOON_S", 0.05)
    monkeypatch.setattr(audit_heads, "TOLD_EVERY_S", 2.0)
    async with running(tmp_path, "desk", Role.CONTROLLER) as desk:
        desk.registry.add(KEYS.public, name="rig", role=Role.WORKER, grants=NO_GRANTS)
        audit = desk.node._faces.audit
        assert audit is not None
        async with dialled(KEYS, desk.address, capabilities=KNOWS) as peer:
            seqs = list[int]()
            for _ in range(300):
                audit.noted(OWNER, "one", {})
                await asyncio.sleep(0.01)
            while not seqs or seqs[-1] < 300:
                message = await peer.hear()
                if isinstance(message.payload, AuditHeadTold) and message.payload.head is not None:
                    seqs.append(message.payload.head.seq)
                    await peer.say(AuditHeads(), reply_to=message.id)
            assert len(seqs) <= 6
            assert seqs == sorted(set(seqs))


async def test_heads_that_this_node_never_signed_are_no_evidence(tmp_path: Path) -> None:
    """A peer that lies cannot make this node's log look cut."""
    async with running(tmp_path, "desk", Role.CONTROLLER) as desk:
        desk.registry.add(KEYS.public, name="rig", role=Role.WORKER, grants=NO_GRANTS)
        audit = desk.node._faces.audit
        assert audit is not None
        audit.noted(OWNER, "one", {})
        async with dialled(KEYS, desk.address, capabilities=KNOWS) as peer:
            checking = asyncio.create_task(audit.check(), name="checking")
            while not checking.done():
                message = await peer.hear()
                if isinstance(message.payload, AuditHeadTold):
                    await peer.say(AuditHeads(heads=(head(99),)), reply_to=message.id)
                    if message.payload.head is None:
                        break
            found = await checking
            assert (found.ok, found.tail_checked) == (True, False)
            assert "never signed" in found.peers[0].error


async def test_each_command_is_in_the_rigs_log_once_also_when_it_is_repeated_or_refused(tmp_path: Path) -> None:
    async with running(tmp_path, "rig-alpha", Role.WORKER) as rig:
        rig.know_controller(KEYS)
        async with dialled(KEYS, rig.address) as peer:
            await peer.hear_a(MinerAck, reply_to=await peer.say(StopMiner()))
            for command in (
                StopMiner(miner="nobody"),
                RollbackMiner(miner_type="xmrig"),
                SetLock(document=b"{}", signature=bytes(64)),
                Deploy(),
            ):
                await peer.hear_a(Error, reply_to=await peer.say(command))
        await until(lambda: len(entries_of(rig)) == 10)
        by = KEYS.public.node_id
        asked = [entry for entry in entries_of(rig) if entry[0] == "asked"]
        assert [entry[1:4] for entry in asked] == [
            ("stop_miner", by, {}),
            ("stop_miner", by, {"miner": "nobody"}),
            ("rollback_miner", by, {}),
            ("set_lock", by, {}),
            ("deploy", by, {}),
        ]
        codes = [entry[4] for entry in entries_of(rig) if entry[0] == "ended"]
        assert codes[:2] == ["", "MINER_NOT_FOUND"]
        assert all(codes[1:])


async def test_a_rig_and_its_controller_hold_each_others_heads(tmp_path: Path) -> None:
    async with (
        running(tmp_path / "desk", "desk", Role.CONTROLLER) as desk,
        running(tmp_path / "rig", "rig-alpha", Role.WORKER) as rig,
    ):
        await joined(rig, desk)
        await desk.commands.stop("rig-alpha", None)
        for node in (desk, rig):
            audit = node.node._faces.audit
            assert audit is not None
            async with asyncio.timeout(30):
                while not (found := await audit.check()).tail_checked:  # noqa: ASYNC110 - told within a second
                    await asyncio.sleep(0.2)
            assert found.ok
