"""What a failed dial is told as: whole sentences that name the address, whatever the system says of it."""

from __future__ import annotations

import errno
import os

import pytest

from miner_ctrl.model.addresses import parse_address
from miner_ctrl.transport.dial_errors import hung_up, no_connection


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)), "No route to host"),
        (OSError("odd"), "odd"),
        (ConnectionResetError(), "the connection broke"),
    ],
)
def test_the_reason_is_never_missing(error: OSError, reason: str) -> None:
    told = no_connection(parse_address("rig.example:19091"), error)
    assert told.message == f"rig.example:19091 cannot be reached: {reason}."
    assert "TCP port 19091" in told.suggestion


def test_a_connection_that_was_closed_may_be_one_to_the_other_kind_of_listener() -> None:
    assert "put wss:// before" in hung_up(parse_address("rig.example:9091")).suggestion
    assert "leave wss:// away" in hung_up(parse_address("wss://rig.example:9091")).suggestion
