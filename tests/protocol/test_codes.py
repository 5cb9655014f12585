"""Wire codes: every error has one, every number has an error, and texts of a peer arrive clean."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl import errors
from miner_ctrl.errors import MinerCtrlError, OperationFailed
from miner_ctrl.protocol.codec import DecodeFailed
from miner_ctrl.protocol.codes import WireCode, error_from_wire, error_to_wire, wire_code
from miner_ctrl.protocol.messages import Error


def _tree(kind: type[MinerCtrlError]) -> Iterator[type[MinerCtrlError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)


KINDS = sorted(
    {kind for kind in _tree(MinerCtrlError) if kind.__module__ == errors.__name__}, key=lambda kind: kind.__name__
)


def test_the_numbers_of_the_protocol() -> None:
    assert {code.name: code.value for code in WireCode} == {
        "UNKNOWN": 1000,
        "INVALID_MESSAGE": 1001,
        "UNAUTHORIZED": 1002,
        "NOT_FOUND": 1003,
        "OPERATION_FAILED": 1004,
        "TIMEOUT": 1005,
        "RATE_LIMITED": 1006,
        "UNKNOWN_TYPE": 1007,
        "CONFLICT": 1008,
        "OUTCOME_UNKNOWN": 1009,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_travels(kind: type[MinerCtrlError]) -> None:
    error = kind("A sentence.", suggestion="Do this.", code="SOME_CODE", details={"names": ["a", "b"]})
    arrived = error_from_wire(msgspec.msgpack.decode(msgspec.msgpack.encode(error_to_wire(error)), type=Error))
    assert (arrived.message, arrived.suggestion, arrived.code) == ("A sentence.", "Do this.", "SOME_CODE")
    assert arrived.details == {"names": ["a", "b"]}
    assert wire_code(arrived) == wire_code(error), "going round does not change what it means"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.BadInput, 1001),
        (errors.BadToken, 1001),
        (errors.ProtocolViolation, 1001),
        (errors.Refused, 1002),
        (errors.PendingApproval, 1002),
        (errors.IdentityMismatch, 1002),
        (errors.NotFound, 1003),
        (errors.OperationFailed, 1004),
        (errors.StateDamaged, 1004),
        (errors.Unreachable, 1004),
        (errors.MinerCtrlError, 1004),
        (errors.RequestTimedOut, 1005),
        (errors.RateLimited, 1006),
        (errors.Conflict, 1008),
    ],
)
def test_the_number_an_error_travels_under(kind: type[MinerCtrlError], code: int) -> None:
    assert wire_code(kind("m")) == code


def test_an_undecodable_message_is_an_invalid_one() -> None:
    assert wire_code(DecodeFailed("The bytes are not a message.")) is WireCode.INVALID_MESSAGE


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1001, errors.BadInput),
        (1002, errors.Refused),
        (1003, errors.NotFound),
        (1004, errors.OperationFailed),
        (1005, errors.RequestTimedOut),
        (1006, errors.RateLimited),
        (1008, errors.Conflict),
    ],
)
def test_what_a_number_stands_for(code: int, kind: type[MinerCtrlError]) -> None:
    assert type(error_from_wire(Error(code=code, message="m"))) is kind


@given(
    code=st.integers(-(2**63), 2**64 - 1), message=st.text(max_size=1000), extra=st.none() | st.text() | st.integers()
)
def test_every_number_is_some_error(code: int, message: str, extra: str | int | None) -> None:
    error = error_from_wire(Error(code=code, message=message, details={"code": extra, "suggestion": extra, "x": 1}))
    assert isinstance(error, MinerCtrlError)
    for text in (error.message, error.code, error.suggestion):
        assert len(text) <= 1000
        assert all(char.isprintable() or char.isspace() for char in text)
        assert not {"\n", "\r", "\x1b", "\N{RIGHT-TO-LEFT OVERRIDE}"} & set(text)
    if code not in set(WireCode):
        assert type(error) is OperationFailed


@pytest.mark.parametrize(
    "details",
    [{"x": object()}, {"x": {1: 2}}, {"x": [[[[[1]]]]]}, {str(n): n for n in range(40)}],
    ids=lambda details: re.sub(" at 0x.*", "", str(details)[:30]),
)
def test_details_no_peer_would_take_stay_here(details: dict[str, object]) -> None:
    payload = error_to_wire(errors.NotFound("No such miner.", code="NO_MINER", details=details))
    assert payload.details == {"code": "NO_MINER", "suggestion": ""}
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(payload), type=Error) == payload


def test_a_long_sentence_is_cut_to_what_a_peer_takes() -> None:
    payload = error_to_wire(OperationFailed("x" * 5000))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(payload), type=Error) == payload


def test_details_of_a_peer_are_shown_without_what_drives_a_terminal() -> None:
    error = error_from_wire(
        Error(
            code=1004, message="m", details={"a\x1b[2J": "b\x9b\u202ec", "list": ["\x07"], "map": {"k\n": {"d": "\r"}}}
        )
    )
    assert error.details == {"a [2J": "b  c", "list": [" "], "map": {"k ": {"d": " "}}}
