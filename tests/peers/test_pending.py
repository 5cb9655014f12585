from __future__ import annotations

import pytest

from miner_ctrl.errors import BadInput, Conflict, NotFound
from miner_ctrl.identity.introductions import Introduction
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.peers import Pending
from miner_ctrl.peers.pending import address_block
from tests.peers.nodes import START_MS, Clock, introduction, keys

DAY_S = 24 * 3600


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pending(clock: Clock) -> Pending:
    return Pending(now_ms=clock)


def waiting(pending: Pending) -> list[PublicKeys]:
    return [entry.keys for entry in pending.list()]


def test_who_waits_is_listed_with_what_is_known(pending: Pending) -> None:
    assert pending.note(introduction(1, "rig-alpha"), "192.0.2.7")
    [entry] = pending.list()
    assert (entry.keys, entry.name, entry.host) == (keys(1), "rig-alpha", "192.0.2.7")
    assert (entry.since_ms, entry.expires_ms) == (START_MS, START_MS + DAY_S * 1000)


def test_dialling_again_keeps_place_and_time(pending: Pending, clock: Clock) -> None:
    pending.note(introduction(1), "192.0.2.7")
    pending.note(introduction(2), "192.0.2.8")
    clock.forward(60)
    pending.note(introduction(1), "192.0.2.7")
    assert waiting(pending) == [keys(1), keys(2)]
    assert pending.list()[0].since_ms == START_MS


def test_waiting_ends_after_a_day(pending: Pending, clock: Clock) -> None:
    pending.note(introduction(1), "192.0.2.7")
    clock.forward(DAY_S - 1)
    pending.note(introduction(1), "192.0.2.7")
    assert waiting(pending) == [keys(1)]
    clock.forward(1)
    assert waiting(pending) == []
    with pytest.raises(NotFound):
        pending.take(keys(1).node_id)


def test_four_of_one_address(pending: Pending) -> None:
    pending.note(introduction(0), "192.0.2.1")
    for number in range(1, 6):
        pending.note(introduction(number), "192.0.2.7")
    assert waiting(pending) == [keys(number) for number in (0, 2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("somewhere", "somewhere", True),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool) -> None:
    assert (address_block(one) == address_block(other)) is same


def test_four_of_one_ipv6_network(pending: Pending) -> None:
    for number in range(20):
        pending.note(introduction(number), f"2001:db8:1:2::{number:x}")
    pending.note(introduction(20), "2001:db8:1:3::1")
    assert waiting(pending) == [keys(number) for number in (16, 17, 18, 19, 20)]


def test_sixty_four_in_all_and_a_flood_costs_the_flooder(pending: Pending) -> None:
    pending.note(introduction(0), "192.0.2.1")
    for number in range(1, 200):
        pending.note(introduction(number), f"198.51.{number // 4}.1")
    assert len(waiting(pending)) == 64
    pending.note(introduction(500), "203.0.113.1")
    assert len(waiting(pending)) == 64
    assert keys(500) in waiting(pending)
    assert keys(0) in waiting(pending)


def test_moving_to_another_address_does_not_get_around_the_bound(pending: Pending) -> None:
    for number in range(4):
        pending.note(introduction(number), "192.0.2.7")
    pending.note(introduction(9), "192.0.2.9")
    pending.note(introduction(9), "192.0.2.7")
    assert waiting(pending) == [keys(number) for number in (1, 2, 3, 9)]


def test_taking_needs_the_whole_id_or_fingerprint(pending: Pending) -> None:
    pending.note(introduction(1, "rig-alpha"), "192.0.2.7")
    node_id, fingerprint = keys(1).node_id, keys(1).fingerprint.hex()
    for query in ("rig-alpha", node_id[:15], fingerprint[:63], fingerprint[:32], "", "*", keys(1).words, "\x1b[2J"):
        with pytest.raises(BadInput) as caught:
            pending.take(query)
        assert caught.value.message.isprintable()
    for query in (keys(2).node_id, keys(2).fingerprint.hex()):
        with pytest.raises(NotFound):
            pending.take(query)
    assert pending.get(node_id.upper()).keys == keys(1)
    assert pending.take(f" {fingerprint} ").keys == keys(1)
    assert pending.list() == []


def test_two_with_one_id_need_the_fingerprint(pending: Pending) -> None:
    twin = PublicKeys(keys(1).x, keys(2).e)
    pending.note(introduction(1), "192.0.2.7")
    pending.note(Introduction(twin, "rig", None), "192.0.2.8")
    with pytest.raises(Conflict, match="Several"):
        pending.take(keys(1).node_id)
    assert pending.take(twin.fingerprint.hex()).keys == twin


def test_who_was_denied_does_not_come_back_for_a_day(pending: Pending, clock: Clock) -> None:
    pending.note(introduction(1), "192.0.2.7")
    pending.deny(keys(1).node_id)
    assert not pending.note(introduction(1), "192.0.2.8")
    assert pending.list() == []
    assert pending.note(introduction(2), "192.0.2.7")
    clock.forward(DAY_S)
    assert pending.note(introduction(1), "192.0.2.7")


def test_denials_are_bounded(pending: Pending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miner_ctrl.peers.pending.DENIED_TOTAL", 3)
    for number in range(4):
        pending.note(introduction(number), "192.0.2.7")
        pending.deny(keys(number).node_id)
    assert [pending.note(introduction(number), "192.0.2.7") for number in range(4)] == [True, False, False, False]
