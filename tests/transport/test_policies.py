"""Back-off, keep-alive, limits, duplicates and half-open bounds: pure, with time passed in."""

from __future__ import annotations

import itertools

from miner_ctrl.protocol import limits
from miner_ctrl.transport.backoff import Backoff
from miner_ctrl.transport.duplicates import Alternations, Claim, later_wins
from miner_ctrl.transport.half_open import FAILURES_BURST, HalfOpen, Visit, address_key
from miner_ctrl.transport.keepalive import Coverage, Keepalive, Pulse
from miner_ctrl.transport.limits import Answer, CommandLimits, Excess, RequestLimits, TokenBucket
from miner_ctrl.transport.timings import Timings

TIMINGS = Timings()


def test_backoff_doubles_from_half_a_second_to_thirty_and_never_ends() -> None:
    backoff = Backoff(limits.RECONNECT_FIRST_S, limits.RECONNECT_LAST_S)
    longest = [backoff.next_wait_s(lambda: 1.0) for _ in range(12)]
    assert longest == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30]
    assert backoff.next_wait_s(lambda: 0.0) == 22.5


def test_backoff_starts_anew_only_after_a_session_that_stood() -> None:
    backoff = Backoff(0.5, 30)
    for _ in range(5):
        backoff.next_wait_s(lambda: 1.0)
    backoff.stood(0.1)
    assert backoff.next_wait_s(lambda: 1.0) == 16
    backoff.stood(6)
    assert backoff.next_wait_s(lambda: 1.0) == 0.5


def test_who_was_away_for_less_than_ten_seconds_is_dialled_within_eight() -> None:
    for draws in itertools.product((0.0, 1.0), repeat=7):
        backoff = Backoff(limits.RECONNECT_FIRST_S, limits.RECONNECT_LAST_S)
        away_s = 0.0
        for wait_s in [backoff.next_wait_s(iter([draw]).__next__) for draw in draws]:
            assert wait_s <= (8 if away_s < 10 else 30)
            away_s += wait_s


def test_silence_is_broken_after_ten_seconds_and_ends_the_session_after_25() -> None:
    pulse = Keepalive(0.0)
    assert pulse.check(9.9, TIMINGS) is Pulse.FINE
    assert pulse.check(10.0, TIMINGS) is Pulse.SEND
    assert pulse.check(19.9, TIMINGS) is Pulse.FINE
    assert pulse.check(20.0, TIMINGS) is Pulse.SEND
    assert pulse.check(25.0, TIMINGS) is Pulse.OFFLINE


def test_what_is_sent_and_heard_puts_both_off() -> None:
    pulse = Keepalive(0.0)
    pulse.heard = pulse.spoke = True
    assert pulse.check(9.0, TIMINGS) is Pulse.FINE
    assert pulse.check(18.9, TIMINGS) is Pulse.FINE
    assert pulse.check(19.0, TIMINGS) is Pulse.SEND
    assert pulse.check(34.0, TIMINGS) is Pulse.OFFLINE


def test_coverage_counts_from_the_first_uncovered_message() -> None:
    coverage = Coverage()
    assert coverage.waiting_s(5.0, 0) == 0
    assert coverage.waiting_s(6.0, 1) == 0
    assert coverage.waiting_s(9.0, 7) == 3
    coverage.covered()
    assert coverage.waiting_s(10.0, 1) == 0
    assert coverage.waiting_s(11.0, 0) == 0
    assert coverage.waiting_s(12.0, 1) == 0


def test_token_bucket() -> None:
    bucket = TokenBucket(5, 50, 0.0)
    assert sum(bucket.take(0.0) for _ in range(100)) == 50
    assert not bucket.take(0.1)
    assert sum(bucket.take(1.0) for _ in range(100)) == 5
    assert sum(bucket.take(1000.0) for _ in range(100)) == 50


def test_commands_five_a_second_fifty_at_once() -> None:
    requests = RequestLimits(10, CommandLimits(0.0))
    assert sum(requests.admits_command(0.0) for _ in range(100)) == 50
    assert sum(requests.admits_command(1.0) for _ in range(100)) == 5


def test_commands_that_are_under_way_count_in_every_session_of_their_peer() -> None:
    commands = CommandLimits(0.0)
    commands.under_way = 256
    assert not RequestLimits(10, commands).admits_command(0.0)
    assert RequestLimits(10, commands).admits_request()


def test_requests_in_flight_bound_commands_too() -> None:
    requests = RequestLimits(10, CommandLimits(0.0))
    requests.in_flight = 255
    assert requests.admits_request()
    requests.in_flight = 256
    assert not requests.admits_request()
    assert not requests.admits_command(0.0)


def test_excess_gets_one_error_a_second_and_ten_seconds() -> None:
    excess = Excess(10, 0.0)
    answers = [excess.note(tenth / 10) for tenth in range(101)]
    assert answers.count(Answer.ERROR) == 10
    assert answers[-1] is Answer.END
    assert Answer.END not in answers[:-1]


def test_calm_ends_an_excess() -> None:
    excess = Excess(10, 0.0)
    for second in range(9):
        excess.note(float(second))
    assert excess.note(11.0) is Answer.ERROR
    assert excess.note(13.0) is Answer.ERROR


def test_which_of_two_sessions_stands() -> None:
    small, large = b"\0" * 32, b"\1" * 32
    assert later_wins(Claim(small, "a"), Claim(large, "b"))
    assert later_wins(Claim(small, "a"), Claim(small, "a"))
    assert later_wins(Claim(large, "a"), Claim(small, "a"))
    assert not later_wins(Claim(small, "a"), Claim(large, "a"))


def test_more_than_three_alternations_a_minute() -> None:
    seen = Alternations()
    assert [seen.note(at) for at in (0.0, 10.0, 20.0, 30.0)] == [False, False, False, True]
    slow = Alternations()
    assert not any(slow.note(at) for at in (0.0, 21.0, 42.0, 63.0, 84.0))
    assert slow.quiet(145.0)
    assert not slow.quiet(100.0)


# --- half open ------------------------------------------------------------------------------------------


def nothing() -> None:
    """Nobody to cut."""


def admit(table: HalfOpen, host: str, now: float = 0.0) -> tuple[Visit | None, Visit | None]:
    return table.admit(host, now, 3.0, nothing)


def test_addresses_are_ipv4_and_ipv6_networks() -> None:
    assert address_key("192.0.2.1") == "192.0.2.1"
    assert address_key("2001:db8:1:2:3::1") == address_key("2001:db8:1:2:ffff::9") != address_key("2001:db8:1:3::1")
    assert address_key("::ffff:192.0.2.1") == "192.0.2.1"
    assert address_key("fe80::1%eth0") == "fe80::"


def test_a_stranger_has_32_and_pushes_out_its_own_oldest() -> None:
    table = HalfOpen(0.0)
    first = admit(table, "192.0.2.1")[0]
    for _ in range(31):
        assert admit(table, "192.0.2.1")[1] is None
    assert admit(table, "192.0.2.1")[1] is first
    assert len(table) == 32


def test_strangers_share_half_and_the_fullest_address_pays() -> None:
    table = HalfOpen(0.0)
    fullest = [admit(table, "192.0.2.1")[0] for _ in range(32)]
    for number in range(256 - 32):
        assert admit(table, f"198.51.{number // 200}.{number % 200}")[1] is None
    assert admit(table, "203.0.113.1")[1] is fullest[0]
    assert len(table) == 256


def test_good_addresses_have_room_that_strangers_cannot_take() -> None:
    table = HalfOpen(0.0)
    table.note_good("192.0.2.9", 0.0)
    for number in range(400):
        admit(table, f"198.51.{number // 200}.{number % 200}")
    for _ in range(256):
        visit, evicted = admit(table, "192.0.2.9")
        assert visit is not None
        assert evicted is None
    assert len(table) == limits.HALF_OPEN_TOTAL
    assert admit(table, "192.0.2.9")[1] is not None
    assert len(table) == limits.HALF_OPEN_TOTAL


def test_an_address_is_good_for_a_day() -> None:
    table = HalfOpen(0.0)
    table.note_good("192.0.2.9", 0.0)
    day_s = limits.GOOD_ADDRESS_FOR_S
    known, later = admit(table, "192.0.2.9", day_s - 1)[0], admit(table, "192.0.2.9", day_s + 1)[0]
    assert known is not None
    assert later is not None
    assert (known.stranger, later.stranger) == (False, True)


def test_failures_are_limited_by_address_and_forgiven() -> None:
    table = HalfOpen(0.0)
    for _ in range(FAILURES_BURST):
        table.note_failure("192.0.2.1", 0.0)
    assert admit(table, "192.0.2.1") == (None, None)
    assert admit(table, "192.0.2.2")[0] is not None
    assert admit(table, "192.0.2.1", 2.0)[0] is not None


def test_strangers_share_200_handshakes_a_second() -> None:
    table = HalfOpen(0.0)
    table.note_good("192.0.2.9", 0.0)
    stranger, friend = admit(table, "192.0.2.1")[0], admit(table, "192.0.2.9")[0]
    assert stranger is not None
    assert friend is not None
    assert sum(table.admits_handshake(stranger, 0.0) for _ in range(500)) == limits.STRANGER_HANDSHAKES_PER_S
    assert all(table.admits_handshake(friend, 0.0) for _ in range(500))


def test_what_left_leaves_room() -> None:
    table = HalfOpen(0.0)
    visits = [admit(table, "192.0.2.1")[0] for _ in range(10)]
    for visit in visits:
        assert visit is not None
        table.release(visit)
        table.release(visit)
    assert len(table) == 0
    assert table.visits() == []
