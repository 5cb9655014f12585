from __future__ import annotations

import msgspec
import pytest

from miner_ctrl.errors import BadInput
from miner_ctrl.model.nodes import (
    ALL_GRANTS,
    NO_GRANTS,
    Grant,
    Name,
    Role,
    check_name,
    parse_grants,
)

GOOD = ["rig-alpha", "a", "A.b_c-1", "x" * 63, "0123456789abcde", "0123456789abcdef0", "0123456789abcdeg"]
BAD = ["", "x" * 64, "rig alpha", "rig/1", "rig\n", "\x1b[31m", "räg", "rig\u202e", "a\x00b", "<b>"]
RESERVED = ["0123456789abcdef", "0123456789ABCDEF", "stats", "auth", "pending", "available", "status"]


@pytest.mark.parametrize("name", GOOD)
def test_names(name: str) -> None:
    assert check_name(name) == name
    assert msgspec.convert(name, Name) == name


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_name(name)
    assert caught.value.code == "BAD_NAME"
    assert caught.value.message.isprintable()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(name, Name)


@pytest.mark.parametrize("name", RESERVED)
def test_names_that_would_be_read_as_something_else(name: str) -> None:
    with pytest.raises(BadInput, match="reserved"):
        check_name(name)


def test_roles() -> None:
    assert [(role.controls, role.works) for role in Role] == [(True, False), (False, True), (True, True)]


@pytest.mark.parametrize(
    ("text", "grants"),
    [
        ("none", NO_GRANTS),
        ("", NO_GRANTS),
        (" observe , control ", frozenset({Grant.OBSERVE, Grant.CONTROL})),
        ("observe,control,install,observe", ALL_GRANTS),
    ],
)
def test_grants(text: str, grants: frozenset[Grant]) -> None:
    assert parse_grants(text) == grants


@pytest.mark.parametrize("text", ["all", "observe,none", "OBSERVE", "observe;control", "x" * 500])
def test_what_are_no_grants(text: str) -> None:
    with pytest.raises(BadInput, match="not a list of grants"):
        parse_grants(text)
