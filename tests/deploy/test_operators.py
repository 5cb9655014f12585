"""The operators' keys that a rig's owner has pinned, and files that are none."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from miner_ctrl.deploy.operators import MAX_KEYS, pin_operators, pinned_operators
from miner_ctrl.errors import OperationFailed, StateDamaged

ONE, OTHER = b"\1" * 32, b"\2" * 32


def test_keys_are_pinned_beside_those_there_are_and_each_once(tmp_path: Path) -> None:
    path = tmp_path / "operators.txt"
    assert pinned_operators(path) == ()
    pin_operators(path, (ONE,))
    pin_operators(path, (OTHER, ONE))
    assert pinned_operators(path) == (ONE, OTHER)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(OperationFailed):
        pin_operators(path, tuple(bytes([number]) * 32 for number in range(3, 3 + MAX_KEYS)))
    assert pinned_operators(path) == (ONE, OTHER)


@pytest.mark.parametrize(
    "content",
    [b"nonsense!", base64.b64encode(b"short"), base64.b64encode(ONE) + b" x", (base64.b64encode(ONE) + b"\n") * 9],
)
def test_what_holds_no_keys_is_named_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "operators.txt"
    path.write_bytes(content)
    path.chmod(0o600)
    for use in (pinned_operators, lambda file: pin_operators(file, (ONE,))):
        with pytest.raises(StateDamaged) as damaged:
            use(path)
        assert str(path) in damaged.value.message
        assert damaged.value.suggestion
    assert path.read_bytes() == content


def test_a_file_that_others_may_write_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "operators.txt"
    pin_operators(path, (ONE,))
    path.chmod(0o666)
    with pytest.raises(StateDamaged) as exposed:
        pinned_operators(path)
    assert "chmod 600" in exposed.value.suggestion
