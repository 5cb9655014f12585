from __future__ import annotations

import base64
import hashlib
import hmac
import shlex
import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.errors import BadInput, BadToken
from miner_ctrl.peers import JoinToken, TokenKind, encode_token, parse_token, token_qr
from miner_ctrl.peers.tokens import derive_psk

TOKEN = JoinToken(
    kind=TokenKind.RIG,
    invite_id=bytes(range(16)),
    issuer=bytes(range(32)),
    secret=b"\x99" * 32,
    expires_at_s=1_790_003_600,
    addresses=("192.168.1.10:9091", "[2001:db8::1]:9091"),
)
TEXT = encode_token(TOKEN)


def sealed(body: bytes) -> str:
    """Return the text of a token with this body and a checksum that fits: what a hostile issuer can write."""
    framed = (len(body) + 4).to_bytes(2, "big") + body
    framed += hashlib.sha256(b"miner-ctrl/1 token\0" + framed).digest()[:4]
    return "mcj1" + base64.b32encode(framed).decode().rstrip("=").lower()


def body(kind: int = 0, expiry: int = 1_790_003_600, tail: bytes = b"\0") -> bytes:
    return bytes([kind]) + bytes(16) + bytes(32) + bytes(32) + expiry.to_bytes(8, "big") + tail


def test_the_layout_is_the_documented_one() -> None:
    addresses = [b"192.168.1.10:9091", b"[2001:db8::1]:9091"]
    tail = b"\x02" + b"".join(bytes([len(one)]) + one for one in addresses)
    expected = b"\0" + TOKEN.invite_id + TOKEN.issuer + TOKEN.secret + TOKEN.expires_at_s.to_bytes(8, "big") + tail
    assert sealed(expected) == TEXT


def test_a_token_can_be_pasted_anywhere() -> None:
    assert TEXT.startswith("mcj1")
    assert set(TEXT) <= set(string.ascii_lowercase + string.digits)
    assert shlex.quote(TEXT) == TEXT


def test_it_is_read_however_it_was_copied() -> None:
    wrapped = "\n ".join(TEXT[place : place + 40] for place in range(0, len(TEXT), 40))
    for text in (TEXT, TEXT.upper(), f"  {TEXT}\r\n", wrapped, wrapped.upper()):
        assert parse_token(text) == TOKEN


def test_the_key_depends_on_everything_it_should() -> None:
    known = derive_psk(b"\x99" * 32, TokenKind.RIG, bytes(range(16)), bytes(range(32)))
    info = b"miner-ctrl/1 psk\0\0" + bytes(range(16)) + bytes(range(32))
    assert known == hmac.digest(hmac.digest(bytes(32), b"\x99" * 32, "sha256"), info + b"\x01", "sha256")  # RFC 5869
    others = {
        derive_psk(b"\x98" * 32, TokenKind.RIG, bytes(range(16)), bytes(range(32))),
        derive_psk(b"\x99" * 32, TokenKind.CONTROLLER, bytes(range(16)), bytes(range(32))),
        derive_psk(b"\x99" * 32, TokenKind.RIG, bytes(16), bytes(range(32))),
        derive_psk(b"\x99" * 32, TokenKind.RIG, bytes(range(16)), bytes(32)),
        known,
    }
    assert len(others) == 5
    assert TOKEN.join_key.psk == known
    assert TOKEN.join_key.invite_id == TOKEN.invite_id


def test_nothing_secret_shows() -> None:
    shown = f"{TOKEN!r} {TOKEN} {TOKEN.join_key!r}"
    for secret in (TOKEN.secret, TOKEN.join_key.psk):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a join token"),
        ("hello", "not a join token"),
        ("https://example.com/" + TEXT, "not a join token"),
        ("mcj", "cut off"),
        ("mcj1", "cut off"),
        ("mcj2" + TEXT[4:], "version"),
        (TEXT[:5], "cut off"),
        (TEXT[: len(TEXT) // 2], "cut off"),
        (TEXT[:-1], "cut off"),
        (TEXT[:-2], "cut off"),
        (TEXT + "aaaaaaaa", "typing error"),
        (TEXT + TEXT, "no token has|typing error|cut off"),
        (TEXT[:60] + ("a" if TEXT[60] != "a" else "b") + TEXT[61:], "typing error"),
        (TEXT[:60] + "1" + TEXT[61:], "a character that no token has"),
        (TEXT[:60] + "é" + TEXT[61:], "a character that no token has"),
        (TEXT[:60] + "\x00" + TEXT[61:], "a character that no token has"),
        ("mcj1" + "a" * 2045, "too long"),
        ("mcj1" + "a" * 1_000_000, "far too long"),
        (sealed(b""), "not one that miner-ctrl makes"),
        (sealed(body(kind=2)), "not one that miner-ctrl makes"),
        (sealed(body(expiry=2**63)), "not one that miner-ctrl makes"),
        (sealed(body(tail=b"")), "not one that miner-ctrl makes"),
        (sealed(body(tail=b"\x01")), "not one that miner-ctrl makes"),
        (sealed(body(tail=b"\x01\x05abc")), "not one that miner-ctrl makes"),
        (sealed(body(tail=b"\x01\x03a b")), "not one that miner-ctrl makes"),
        (sealed(body(tail=b"\x01\x03\xff\xff\xff")), "not one that miner-ctrl makes"),
        (sealed(body(tail=b"\x09" + b"\x01a" * 9)), "not one that miner-ctrl makes"),
        (sealed(body(tail=b"\0\0")), "not one that miner-ctrl makes"),
    ],
)
def test_what_is_wrong_with_a_token_is_said_without_repeating_it(text: str, said: str) -> None:
    with pytest.raises(BadToken, match=said) as caught:
        parse_token(text)
    assert caught.value.suggestion
    assert caught.value.code == "BAD_TOKEN"
    assert TEXT[20:40] not in caught.value.message + caught.value.suggestion


def test_every_single_typing_error_is_noticed() -> None:
    for place in range(4, len(TEXT)):
        wrong = "b" if TEXT[place] != "b" else "c"
        with pytest.raises(BadToken):
            parse_token(TEXT[:place] + wrong + TEXT[place + 1 :])


ADDRESSES = st.lists(st.sampled_from(["10.0.0.1:9091", "[::1]:1", "rig.example:65535", "wss://h:1"]), max_size=8)


@given(
    st.builds(
        JoinToken,
        kind=st.sampled_from(TokenKind),
        invite_id=st.binary(min_size=16, max_size=16),
        issuer=st.binary(min_size=32, max_size=32),
        secret=st.binary(min_size=32, max_size=32),
        expires_at_s=st.integers(0, 253_402_300_799),
        addresses=ADDRESSES.map(tuple),
    )
)
def test_what_is_written_is_read(token: JoinToken) -> None:
    assert parse_token(encode_token(token)) == token


@given(st.text(max_size=300) | st.from_regex(r"mcj1[a-z2-7]{0,300}", fullmatch=True))
def test_only_bad_token_comes_out_of_text(text: str) -> None:
    with pytest.raises(BadToken):
        parse_token(text)


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_only_bad_token_comes_out_of_well_sealed_rubbish(rubbish: bytes, tail: bytes) -> None:
    for content in (rubbish, body(tail=tail)):
        try:
            token = parse_token(sealed(content))
        except BadToken:
            continue
        assert parse_token(encode_token(token)) == token


@pytest.mark.parametrize("addresses", [("10.0.0.1:1",) * 9, ("x" * 256,), ("wss://" + "a" * 240,) * 8])
def test_addresses_that_do_not_fit_are_refused(addresses: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="addresses"):
        encode_token(msgspec.structs.replace(TOKEN, addresses=addresses))


def test_the_qr_code_is_drawn_for_a_terminal() -> None:
    drawn = token_qr(TEXT)
    lines = drawn.splitlines()
    assert len(lines) > 20
    assert max(len(line) for line in lines) < 80
    assert "mcj" not in drawn.lower()
