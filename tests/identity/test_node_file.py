"""``node.json``: written whole, read back, and stopping the start when it does not fit the private key."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from miner_ctrl.errors import NotFound, OperationFailed, StateDamaged
from miner_ctrl.identity.keyfile import create_secret
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.identity.node_file import identity_of, load_identity, read_node_file, write_node_file
from miner_ctrl.model.nodes import Role


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    """The key and the node file of a node that was set up."""
    key_path, node_path = tmp_path / "data" / "private.key", tmp_path / "config" / "node.json"
    public = NodeKeys.from_secret(create_secret(key_path)).public
    write_node_file(
        node_path, identity_of(public, name="rig-alpha", role=Role.WORKER, created_at="2026-01-01T00:00:00Z")
    )
    return key_path, node_path


def test_it_comes_back_with_the_keys_it_belongs_to(paths: tuple[Path, Path]) -> None:
    keys, identity = load_identity(*paths)
    assert identity.name == "rig-alpha"
    assert identity.role is Role.WORKER
    assert identity.id == keys.public.node_id


def test_its_fields_are_those_of_the_protocol(paths: tuple[Path, Path]) -> None:
    fields = json.loads(paths[1].read_text())
    assert set(fields) == {"id", "name", "role", "publicKey", "signingKey", "createdAt"}
    assert len(fields["publicKey"]) == len(fields["signingKey"]) == 44
    assert paths[0].read_bytes().hex() not in paths[1].read_text()


def test_it_is_the_owners_alone_and_nothing_is_left_beside_it(paths: tuple[Path, Path]) -> None:
    assert stat.S_IMODE(paths[1].stat().st_mode) == 0o600
    assert [file.name for file in paths[1].parent.iterdir()] == ["node.json"]


@pytest.mark.parametrize("bit", [0, 7, 100, 255])
def test_a_flipped_bit_in_the_key_is_not_a_new_identity(paths: tuple[Path, Path], bit: int) -> None:
    secret = bytearray(paths[0].read_bytes())
    secret[bit // 8] ^= 1 << bit % 8
    paths[0].write_bytes(secret)
    with pytest.raises(StateDamaged) as caught:
        load_identity(*paths)
    assert caught.value.code == "IDENTITY_MISMATCH"
    assert all(str(path) in caught.value.message for path in paths)


@pytest.mark.parametrize("field", ["id", "publicKey", "signingKey"])
def test_a_changed_key_in_the_node_file_stops_too(paths: tuple[Path, Path], field: str) -> None:
    fields = json.loads(paths[1].read_text())
    fields[field] = ("B" if fields[field][0] == "A" else "A") + fields[field][1:]
    paths[1].write_text(json.dumps(fields))
    with pytest.raises(StateDamaged, match="do not belong together"):
        load_identity(*paths)


def test_a_lost_key_names_both_files(paths: tuple[Path, Path]) -> None:
    paths[0].unlink()
    with pytest.raises(StateDamaged) as caught:
        load_identity(*paths)
    assert all(str(path) in caught.value.message for path in paths)
    assert not paths[0].exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"id":1}', b'{"x":' + b"[" * 100_000, b'{"name":"\xed\xa0\x80"}'],
)
def test_a_damaged_file_is_named(paths: tuple[Path, Path], content: bytes) -> None:
    paths[1].write_bytes(content)
    with pytest.raises(StateDamaged) as caught:
        read_node_file(paths[1])
    assert str(paths[1]) in caught.value.message


def test_no_file_is_not_a_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_node_file(tmp_path / "node.json")


def test_a_disk_that_says_no_is_reported(paths: tuple[Path, Path]) -> None:
    identity = read_node_file(paths[1])
    blocked = paths[1].parent / "not-a-directory"
    blocked.write_bytes(b"")
    with pytest.raises(OperationFailed, match="not-a-directory"):
        write_node_file(blocked / "node.json", identity)
