"""Keys: derivation, fingerprints, unsound keys, and nothing secret in sight."""

from __future__ import annotations

import hashlib
import hmac

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from miner_ctrl.identity import keys as keys_module
from miner_ctrl.identity.introductions import JoinKey
from miner_ctrl.identity.keys import NodeKeys, PublicKeys, is_sound_ed25519, is_sound_x25519

P = 2**255 - 19
SECRET = bytes(range(32))


def _hkdf(secret: bytes, info: bytes) -> bytes:
    """RFC 5869 with an empty salt and 32 bytes of output."""
    return hmac.digest(hmac.digest(bytes(32), secret, "sha256"), info + b"\x01", "sha256")


def test_keys_are_derived_as_the_protocol_says() -> None:
    keys = NodeKeys.from_secret(SECRET)
    x = X25519PrivateKey.from_private_bytes(_hkdf(SECRET, b"miner-ctrl/1 x25519"))
    assert keys.public.x == x.public_key().public_bytes_raw()
    e_scalar = _hkdf(SECRET, b"miner-ctrl/1 ed25519")
    assert keys.public.e == Ed25519PrivateKey.from_private_bytes(e_scalar).public_key().public_bytes_raw()


def test_the_same_secret_gives_the_same_keys_and_another_others() -> None:
    assert NodeKeys.from_secret(SECRET).public == NodeKeys.from_secret(SECRET).public
    flipped = bytes([SECRET[0] ^ 1]) + SECRET[1:]
    other = NodeKeys.from_secret(flipped).public
    assert other.x != NodeKeys.from_secret(SECRET).public.x
    assert other.e != NodeKeys.from_secret(SECRET).public.e


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_secret_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        NodeKeys.from_secret(bytes(size))


def test_fingerprint_and_node_id() -> None:
    public = NodeKeys.from_secret(SECRET).public
    assert public.fingerprint == hashlib.sha256(b"miner-ctrl/1 fingerprint\0" + public.x + public.e).digest()
    assert public.node_id == hashlib.sha256(public.x).hexdigest()[:16]
    assert len(public.words.split()) == 8


def test_a_signature_verifies_and_an_altered_one_does_not() -> None:
    keys = NodeKeys.from_secret(SECRET)
    signature = keys.sign(b"text")
    assert keys.public.verifies(signature, b"text")
    assert not keys.public.verifies(signature, b"texT")
    assert not keys.public.verifies(bytes([signature[0] ^ 1]) + signature[1:], b"text")
    assert not keys.public.verifies(b"", b"text")
    assert not NodeKeys.from_secret(bytes(31) + b"\x01").public.verifies(signature, b"text")


def test_nothing_secret_shows() -> None:
    keys = NodeKeys.from_secret(SECRET)
    private = keys.x_private.private_bytes_raw()
    shown = repr(keys) + str(keys) + repr(JoinKey(b"i" * 16, b"\x99" * 32)) + repr(keys.public)
    assert SECRET.hex() not in shown
    assert private.hex() not in shown
    assert repr(private) not in shown
    assert "99" * 8 not in shown
    assert "\\x99" not in shown


def test_small_order_x25519_keys_are_refused() -> None:
    small_order = keys_module._X25519_SMALL_ORDER
    assert len(small_order) == 5
    private = X25519PrivateKey.generate()
    for u in small_order:
        encoded = u.to_bytes(32, "little")
        assert not is_sound_x25519(encoded)
        with pytest.raises(ValueError, match="shared key"):  # they are what they are said to be
            private.exchange(X25519PublicKey.from_public_bytes(encoded))


@pytest.mark.parametrize("u", [P, P + 1, P + 9, 2**255 - 1, 2**255, 2**255 + 9, 2**256 - 1])
def test_non_canonical_x25519_keys_are_refused(u: int) -> None:
    assert not is_sound_x25519(u.to_bytes(32, "little"))
    assert is_sound_x25519((9).to_bytes(32, "little"))


def test_small_order_ed25519_keys_are_refused() -> None:
    ys = keys_module._ED25519_SMALL_ORDER_Y
    assert len(ys) == 5
    for y in ys:
        assert _order_divides_8(y)
        for sign in (0, 1 << 255):
            assert not is_sound_ed25519((y | sign).to_bytes(32, "little"))
    assert is_sound_ed25519(NodeKeys.from_secret(SECRET).public.e)


@pytest.mark.parametrize("y", [P, P + 1, P + 3, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_non_canonical_ed25519_keys_are_refused(y: int, sign: int) -> None:
    assert not is_sound_ed25519((y | sign).to_bytes(32, "little"))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_another_size_are_refused(size: int) -> None:
    good = NodeKeys.from_secret(SECRET).public
    with pytest.raises(ValueError, match="X25519"):
        PublicKeys(b"\x09" * size, good.e)
    with pytest.raises(ValueError, match="Ed25519"):
        PublicKeys(good.x, b"\x09" * size)


def test_unsound_keys_do_not_come_out_of_a_file() -> None:
    good = NodeKeys.from_secret(SECRET).public
    assert msgspec.json.decode(msgspec.json.encode(good), type=PublicKeys) == good
    zeros = msgspec.json.encode({"x": bytes(32), "e": good.e})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(zeros, type=PublicKeys)


def _order_divides_8(y: int) -> bool:
    """Whether the edwards25519 points with this y become the neutral element when doubled three times."""
    d = -121665 * pow(121666, P - 2, P) % P
    xx = (y * y - 1) * pow(d * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if x * x % P != xx:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert x * x % P == xx, "no point has this y"
    for _ in range(3):
        product = d * x * x * y * y % P
        x, y = 2 * x * y * pow(1 + product, P - 2, P) % P, (y * y + x * x) * pow(1 - product, P - 2, P) % P
    return (x, y) == (0, 1)
