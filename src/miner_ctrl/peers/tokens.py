"""Join tokens: what one node gives a person to carry to another (docs/protocol.md, "Pairing").

Text: ``mcj1`` and the base32 (RFC 4648, lower case, no padding) of::

    2  length of everything after it, big-endian      32  secret
    1  kind: 00 for a rig, 01 for a controller         8  expiry, Unix time in s, big-endian
    16 invite ID                                       1  number of addresses; each: 1 length, ASCII text
    32 issuer's fingerprint                            4  checksum: SHA-256("miner-ctrl/1 token\\0" ‖ all before it)

The digit after ``mcj`` is the version. Nothing in it means something to a shell, case and white space do not matter
when it is read, and upper case fits the QR code's dense alphanumeric mode.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from enum import IntEnum
from io import StringIO

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from miner_ctrl.errors import BadInput, BadToken
from miner_ctrl.identity.introductions import INVITE_ID_BYTES, PSK_BYTES, JoinKey
from miner_ctrl.model.addresses import parse_address

PREFIX = "mcj"
VERSION = "1"
MAX_CHARS = 2048
MAX_ADDRESSES = 8
SECRET_BYTES = 32
_FINGERPRINT_BYTES = 32
_LENGTH_BYTES = 2
_CHECKSUM_BYTES = 4
_EXPIRY_BYTES = 8
_LATEST_EXPIRY_S = 253_402_300_799
"""The last second of the year 9999: what a date can show."""
_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_AGAIN = "Copy the whole token once more, from its first character (mcj1) to its last."


class TokenKind(IntEnum):
    """Whom a token is for: a rig that joins its controller, or a controller that is let in."""

    RIG = 0
    CONTROLLER = 1

    @property
    def audience(self) -> str:
        return "rig" if self is TokenKind.RIG else "controller"


class JoinToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says. ``issuer`` is a fingerprint (32 bytes), ``expires_at_s`` Unix time by the issuer's clock."""

    kind: TokenKind
    invite_id: bytes
    issuer: bytes
    secret: bytes
    expires_at_s: int
    addresses: tuple[str, ...] = ()

    @property
    def lets_issuer_control(self) -> bool:
        """Whether using it grants the issuer everything here (a rig's joining), instead of the other way round."""
        return self.kind is TokenKind.RIG

    @property
    def join_key(self) -> JoinKey:
        """What the handshake needs of it."""
        return JoinKey(self.invite_id, derive_psk(self.secret, self.kind, self.invite_id, self.issuer))

    def __repr__(self) -> str:
        return f"JoinToken({self.kind.name}, invite={self.invite_id.hex()}, issuer={self.issuer.hex()})"


def derive_psk(secret: bytes, kind: TokenKind, invite_id: bytes, issuer: bytes) -> bytes:
    """Return the pre-shared key (32 bytes) that a token's secret stands for."""
    info = b"miner-ctrl/1 psk\0" + bytes([kind]) + invite_id + issuer
    return HKDF(algorithm=hashes.SHA256(), length=PSK_BYTES, salt=b"", info=info).derive(secret)


def encode_token(token: JoinToken) -> str:
    """Return a token's text.

    Raises:
        BadInput: too many addresses, or too long ones.
    """
    addresses = [address.encode("ascii") for address in token.addresses]
    if len(addresses) > MAX_ADDRESSES or any(len(address) > 255 for address in addresses):
        raise BadInput(
            f"A token holds up to {MAX_ADDRESSES} addresses of up to 255 characters.",
            suggestion="Name the one address that the other machine can reach with --address.",
        )
    body = b"".join(
        (
            bytes([token.kind]),
            token.invite_id,
            token.issuer,
            token.secret,
            token.expires_at_s.to_bytes(_EXPIRY_BYTES, "big"),
            bytes([len(addresses)]),
            *(bytes([len(address)]) + address for address in addresses),
        )
    )
    framed = (len(body) + _CHECKSUM_BYTES).to_bytes(_LENGTH_BYTES, "big") + body
    text = base64.b32encode(framed + _checksum(framed)).decode().rstrip("=").lower()
    if len(PREFIX) + len(VERSION) + len(text) > MAX_CHARS:
        raise BadInput("The addresses are too long for a token.", suggestion="Give fewer of them with --address.")
    return PREFIX + VERSION + text


def parse_token(text: str) -> JoinToken:
    """Return the token that ``text`` is; white space and case do not matter. Its expiry is not judged here.

    Raises:
        BadToken: why it cannot be read; the sentence never repeats the token.
    """
    framed = _unwrap(text)
    length = int.from_bytes(framed[:_LENGTH_BYTES], "big") + _LENGTH_BYTES
    if len(framed) < _LENGTH_BYTES or len(framed) < length:
        raise BadToken("The join token is cut off.", suggestion=_AGAIN)
    if len(framed) > length or framed[-_CHECKSUM_BYTES:] != _checksum(framed[:-_CHECKSUM_BYTES]):
        raise BadToken("The join token has a typing error: its checksum does not fit.", suggestion=_AGAIN)
    return _parse_body(framed[_LENGTH_BYTES:-_CHECKSUM_BYTES])


def token_qr(text: str) -> str:
    """Return a token as a QR code for a terminal: lines of block characters, quiet zone included."""
    import segno  # noqa: PLC0415 - only where a code is shown

    drawn = StringIO()
    segno.make_qr(text.upper(), error="l").terminal(drawn, compact=True)
    return drawn.getvalue()


def token_modules(text: str) -> tuple[str, ...]:
    """Return a token as a QR code for a page: its rows, a ``1`` for each dark module; without its quiet zone."""
    import segno  # noqa: PLC0415 - as above

    code = segno.make_qr(text.upper(), error="l")
    return tuple("".join("1" if module else "0" for module in row) for row in code.matrix)


def _unwrap(text: str) -> bytes:
    if len(text) > 2 * MAX_CHARS:
        raise BadToken("That is far too long for a join token.", suggestion=_AGAIN)
    compact = "".join(text.split()).lower()
    if not compact.startswith(PREFIX):
        raise BadToken(
            "That is not a join token: one starts with mcj1.",
            suggestion="Make one on the other node with: miner-ctrl peer invite.",
        )
    version, encoded = compact[len(PREFIX) : len(PREFIX) + 1], compact[len(PREFIX) + 1 :]
    if not version:
        raise BadToken("The join token is cut off.", suggestion=_AGAIN)
    if version != VERSION:
        raise BadToken(
            "The join token has a version that this miner-ctrl does not know.",
            suggestion="Bring miner-ctrl on both machines to the same version.",
        )
    if len(compact) > MAX_CHARS:
        raise BadToken("That is too long for a join token.", suggestion=_AGAIN)
    if not _ALPHABET.issuperset(encoded):
        raise BadToken("The join token has a character that no token has.", suggestion=_AGAIN)
    try:
        return base64.b32decode(encoded.upper() + "=" * (-len(encoded) % 8))
    except binascii.Error:
        raise BadToken("The join token is cut off.", suggestion=_AGAIN) from None


def _parse_body(body: bytes) -> JoinToken:
    """The checksum fits: what is wrong from here on was made wrong, not typed wrong."""
    reader = _Reader(body)
    kind = reader.take(1)[0]
    if kind not in (TokenKind.RIG, TokenKind.CONTROLLER):
        raise _malformed()
    invite_id = reader.take(INVITE_ID_BYTES)
    issuer, secret = reader.take(_FINGERPRINT_BYTES), reader.take(SECRET_BYTES)
    expires_at_s = int.from_bytes(reader.take(_EXPIRY_BYTES), "big")
    count = reader.take(1)[0]
    if count > MAX_ADDRESSES or expires_at_s > _LATEST_EXPIRY_S:
        raise _malformed()
    try:
        addresses = tuple(str(parse_address(reader.take(reader.take(1)[0]).decode("ascii"))) for _ in range(count))
    except (UnicodeDecodeError, BadInput):
        raise _malformed() from None
    reader.end()
    return JoinToken(
        kind=TokenKind(kind),
        invite_id=invite_id,
        issuer=issuer,
        secret=secret,
        expires_at_s=expires_at_s,
        addresses=addresses,
    )


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise _malformed()
        self._at += count
        return taken

    def end(self) -> None:
        if self._at != len(self._data):
            raise _malformed()


def _checksum(framed: bytes) -> bytes:
    return hashlib.sha256(b"miner-ctrl/1 token\0" + framed).digest()[:_CHECKSUM_BYTES]


def _malformed() -> BadToken:
    return BadToken(
        "The join token is whole, but not one that miner-ctrl makes.",
        suggestion="Make a new one on the other node with: miner-ctrl peer invite.",
    )
