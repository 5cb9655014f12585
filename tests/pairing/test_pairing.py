"""Pairing between whole nodes in this process: reaching peers, changing and removing them."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miner_ctrl.errors import (
    BadInput,
    BadToken,
    Conflict,
    IdentityMismatch,
    MinerCtrlError,
    NotFound,
    PendingApproval,
    Unreachable,
)
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.nodes import ALL_GRANTS, NO_GRANTS, Grant, Role
from tests.integration.inside import Inside, joined, running, until


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path / "desk", "desk", Role.CONTROLLER) as node:
        yield node


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path / "rig", "rig-alpha", Role.WORKER) as node:
        yield node


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as once:
        return f"127.0.0.1:{once.getsockname()[1]}"


async def test_a_peer_that_dials_itself_and_has_not_is_said_to_be_not_connected(desk: Inside, rig: Inside) -> None:
    desk.know_rig(rig.keys, "rig-alpha")
    with pytest.raises(Unreachable) as away:
        await desk.pairing.reach(desk.registry.find("rig-alpha"))
    assert away.value.code == "NOT_CONNECTED"
    assert "dials this node itself" in away.value.message
    with pytest.raises(Unreachable):
        await desk.pairing.reach(desk.registry.find("rig-alpha"), 0.05)


async def test_a_peer_with_an_address_is_dialled_when_it_is_needed(desk: Inside, rig: Inside) -> None:
    rig.know_controller(desk.keys)
    desk.registry.add(rig.keys.public, name="rig-alpha", address=rig.address)
    channel = await desk.pairing.reach(desk.registry.find("rig-alpha"))
    assert channel.fingerprint == rig.fingerprint
    assert await desk.pairing.reach(desk.registry.find("rig-alpha")) is channel
    assert desk.pairing.peer("rig-alpha").state == "connected"


async def test_where_a_peer_is_seen_is_not_what_is_dialled(desk: Inside, rig: Inside) -> None:
    await joined(rig, desk)
    there = desk.pairing.peer("rig-alpha")
    assert (there.address, there.dial_address) == ("127.0.0.1", ""), "it dials this node itself"
    assert (rig.pairing.peer("desk").address, rig.pairing.peer("desk").dial_address) == (desk.address, desk.address)
    await rig.pairing.disconnect("desk")
    await until(lambda: not desk.pairing.peer("rig-alpha").connected)
    assert desk.pairing.peer("rig-alpha").dial_address == ""


async def test_why_a_peer_with_an_address_cannot_be_reached(desk: Inside, rig: Inside) -> None:
    desk.registry.add(rig.keys.public, name="rig-alpha", address=free_address())
    with pytest.raises(Unreachable, match="Nobody listens"):
        await desk.pairing.reach(desk.registry.find("rig-alpha"))
    desk.registry.update(rig.fingerprint, address=rig.address)
    with pytest.raises(PendingApproval):
        await desk.pairing.reach(desk.registry.find("rig-alpha"))


async def test_other_keys_at_a_peers_address_are_changed_keys_or_a_moved_address(
    desk: Inside, rig: Inside, tmp_path: Path
) -> None:
    async with running(tmp_path / "other", "other", Role.WORKER) as other:
        desk.registry.add(rig.keys.public, name="rig-alpha", address=other.address)
        with pytest.raises(IdentityMismatch) as changed:
            await desk.pairing.reach(desk.registry.find("rig-alpha"))
        assert changed.value.code == "IDENTITY_CHANGED"
        desk.registry.add(other.keys.public, name="other", address="")
        with pytest.raises(IdentityMismatch) as moved:
            await desk.pairing.reach(desk.registry.find("rig-alpha"))
        assert moved.value.code == "ADDRESS_MOVED"
        assert other.pairing.pending() == [], "it was told nothing"


async def test_added_by_address_a_peer_is_pending_and_connects_when_approved(desk: Inside, rig: Inside) -> None:
    view = await desk.pairing.add(rig.address, name="alpha", fingerprint=None)
    assert (view.name, view.state, view.verified, view.address) == ("alpha", "pending", False, rig.address)
    [waiting] = rig.pairing.pending()
    assert (waiting.id, waiting.words) == (desk.id, desk.keys.public.words)
    for part in (desk.id[:15], "desk", desk.keys.public.words):
        with pytest.raises(BadInput):
            await rig.pairing.approve(part, None)
    approved = await rig.pairing.approve(desk.id, None)
    assert approved.grants == (Grant.OBSERVE, Grant.CONTROL)
    await until(lambda: desk.pairing.peer("alpha").state == "connected")


async def test_who_waits_and_is_added_from_here_waits_no_more(desk: Inside, rig: Inside) -> None:
    await desk.pairing.add(rig.address, name="alpha", fingerprint=None)
    assert len(rig.pairing.pending()) == 1
    await rig.pairing.add(desk.address, name="desk", fingerprint=None)
    assert rig.pairing.pending() == []


async def test_who_cannot_be_approved_goes_on_waiting(desk: Inside, rig: Inside) -> None:
    await desk.pairing.add(rig.address, name=None, fingerprint=None)
    half = PublicKeys(desk.keys.public.x, rig.keys.public.e)
    rig.registry.add(half, name="half")
    with pytest.raises(Conflict):
        await rig.pairing.approve(desk.id, None)
    assert [entry.id for entry in rig.pairing.pending()] == [desk.id]
    rig.registry.remove(half.fingerprint)
    assert (await rig.pairing.approve(desk.id, None)).id == desk.id
    assert rig.pairing.pending() == []


async def test_a_controller_that_approves_grants_nothing(desk: Inside, rig: Inside) -> None:
    await rig.pairing.add(desk.address, name=None, fingerprint=None)
    assert (await desk.pairing.approve(rig.fingerprint.hex(), None)).grants == ()


async def test_who_was_denied_is_refused(desk: Inside, rig: Inside) -> None:
    await desk.pairing.add(rig.address, name="alpha", fingerprint=None)
    await rig.pairing.deny(desk.id)
    await until(lambda: desk.pairing.peer("alpha").state == "refused")
    assert rig.pairing.pending() == []


async def test_invites_are_for_whom_this_node_can_invite(desk: Inside, rig: Inside) -> None:
    assert desk.pairing.invite(for_=None, addresses=[], uses=1, lifetime_s=60).for_ == "rig"
    assert rig.pairing.invite(for_=None, addresses=[], uses=1, lifetime_s=60).for_ == "controller"
    for node, for_ in ((desk, "controller"), (rig, "rig"), (desk, "anybody")):
        with pytest.raises(BadInput):
            node.pairing.invite(for_=for_, addresses=[], uses=1, lifetime_s=60)
    assert desk.pairing.invite(for_=None, addresses=[], uses=1, lifetime_s=60).addresses == (desk.address,)


async def test_a_token_is_for_one_side_only(desk: Inside, rig: Inside, tmp_path: Path) -> None:
    for_rig = desk.pairing.invite(for_=None, addresses=[], uses=1, lifetime_s=60).token or ""
    for_controller = rig.pairing.invite(for_=None, addresses=[], uses=1, lifetime_s=60).token or ""
    for node, token in ((desk, for_rig), (rig, for_controller)):
        with pytest.raises(BadToken, match="made that token itself"):
            await node.pairing.join(token, name=None, address=None)
    async with running(tmp_path / "other", "other", Role.CONTROLLER) as other:
        with pytest.raises(BadToken, match="controller only"):
            await other.pairing.join(for_rig, name=None, address=None)
        assert (await other.pairing.join(for_controller, name="alpha", address=None)).name == "alpha"
        assert rig.registry.grants_of(other.fingerprint) == ALL_GRANTS
        assert other.registry.grants_of(rig.fingerprint) == NO_GRANTS


async def test_of_a_tokens_addresses_the_first_that_answers_is_used(desk: Inside, rig: Inside) -> None:
    addresses = [free_address(), free_address(), desk.address]
    token = desk.pairing.invite(for_="rig", addresses=addresses, uses=1, lifetime_s=60).token or ""
    assert (await rig.pairing.join(token, name=None, address=None)).address == desk.address


async def test_a_name_that_is_taken_is_refused_and_one_that_is_no_name_too(desk: Inside, rig: Inside) -> None:
    await joined(rig, desk)
    desk.registry.add(desk.keys.public, name="taken")
    for name, error in (("taken", Conflict), ("0123456789abcdef", BadInput), ("a b", BadInput)):
        with pytest.raises(error):
            await desk.pairing.patch("rig-alpha", name=name)
    assert (await desk.pairing.patch("rig-alpha", name="beta", tags=["hall-2"])).tags == ("hall-2",)
    assert desk.pairing.peer("beta").connected
    assert (await desk.pairing.patch("beta", name="Beta")).name == "Beta"


async def test_changed_grants_are_known_at_both_ends_at_once(desk: Inside, rig: Inside) -> None:
    await joined(rig, desk)
    old = desk.endpoint.channel(rig.fingerprint)
    assert old is not None
    await rig.pairing.patch("desk", grants=frozenset({Grant.OBSERVE}))
    await until(lambda: desk.endpoint.channel(rig.fingerprint) not in (None, old))
    fresh = desk.endpoint.channel(rig.fingerprint)
    assert fresh is not None
    assert fresh.hello.grants == ("observe",)
    with pytest.raises(MinerCtrlError, match="not granted control"):
        await desk.commands.stop("rig-alpha", None)


async def test_a_removed_peer_is_cut_off_and_waits_as_a_stranger(desk: Inside, rig: Inside) -> None:
    await joined(rig, desk)
    await desk.pairing.remove("rig-alpha")
    assert desk.endpoint.channel(rig.fingerprint) is None
    assert desk.pairing.peers() == []
    await until(lambda: rig.endpoint.channel(desk.fingerprint) is None)
    await until(lambda: [one.id for one in desk.pairing.pending()] == [rig.id])
    await until(lambda: rig.pairing.peer("desk").state == "pending")
    with pytest.raises(NotFound):
        desk.pairing.peer("rig-alpha")


async def test_who_was_disconnected_stays_so_until_told_otherwise(desk: Inside, rig: Inside) -> None:
    await joined(rig, desk)
    await rig.pairing.disconnect("desk")
    await until(lambda: not desk.connected(rig))
    assert rig.registry.find("desk").dial is False
    await rig.pairing.connect("desk")
    await until(lambda: desk.connected(rig))
    assert rig.registry.find("desk").dial is True
