"""Messages to bytes and back: MessagePack through typed structs. Only ``DecodeFailed`` comes out of ``decode``."""

from __future__ import annotations

import json
from typing import Any, TypeVar, get_args

import msgspec

from miner_ctrl.errors import ProtocolViolation
from miner_ctrl.protocol import messages
from miner_ctrl.protocol.limits import MAX_MESSAGE_BYTES
from miner_ctrl.protocol.messages import AnyMessage, Message, Payload

P = TypeVar("P", bound=Payload)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)


class _Header(msgspec.Struct, frozen=True):
    """What can still be read of a message that is not one of ours, enough to answer it with an error."""

    id: messages.MessageId
    type: str
    replyTo: str | None = None  # noqa: N815 - the wire's own name


_header_decoder = msgspec.msgpack.Decoder(_Header)


def _payload_class(message_class: type[Message[Any]]) -> type[Payload]:
    [base] = message_class.__orig_bases__  # type: ignore[attr-defined]  # set by typing on generic subclasses
    [payload] = get_args(base)
    assert isinstance(payload, type)  # noqa: S101 - a fact of messages.py, checked at import
    assert issubclass(payload, Payload)  # noqa: S101
    return payload


MESSAGE_CLASS: dict[type[Payload], type[Message[Any]]] = {
    _payload_class(message_class): message_class for message_class in get_args(AnyMessage)
}
TYPE_NAMES: dict[type[Payload], str] = {
    payload: str(message_class.__struct_config__.tag) for payload, message_class in MESSAGE_CLASS.items()
}
_TYPES = frozenset(TYPE_NAMES.values())
_NEVER_ANSWERED = frozenset(TYPE_NAMES[payload] for payload in messages.REPLIES | {messages.Disconnect})


class DecodeFailed(ProtocolViolation):
    """Bytes that are not a message of this version.

    ``message_id`` is the sender's id where it could be read and an error may be answered (never for an error, a
    reply or a disconnect); ``unknown_type`` tells a type of some other version from a broken message.
    """

    def __init__(self, message: str, *, message_id: str | None = None, unknown_type: bool = False) -> None:
        super().__init__(message)
        self.message_id = message_id
        self.unknown_type = unknown_type


def encode(message: Message[Payload]) -> bytes:
    """Return the MessagePack bytes of a message.

    Raises:
        ProtocolViolation: it would be larger than ``MAX_MESSAGE_BYTES``.
    """
    data = _encoder.encode(message)
    if len(data) > MAX_MESSAGE_BYTES:
        raise ProtocolViolation(f"A message of {len(data)} bytes is over the limit of {MAX_MESSAGE_BYTES}.")
    return data


def decode(data: bytes | memoryview) -> AnyMessage:
    """Return the message that ``data`` holds.

    Raises:
        DecodeFailed: too large, not MessagePack, of an unknown type, or with a field out of bounds.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise DecodeFailed(f"A message of {len(data)} bytes is over the limit of {MAX_MESSAGE_BYTES}.")
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError, OverflowError) as error:
        raise _explain(data, error) from None


def _explain(data: bytes | memoryview, error: Exception) -> DecodeFailed:
    try:
        header = _header_decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError, OverflowError):
        return DecodeFailed("The bytes are not a message.")
    unknown = header.type not in _TYPES
    answerable = header.replyTo is None and header.type not in _NEVER_ANSWERED
    text = (
        f"This version knows no message type {header.type[:40]!r}."
        if unknown
        else f"The message is not valid: {error}."
    )
    return DecodeFailed(text[:500], message_id=header.id if answerable else None, unknown_type=unknown)


def message_class(payload_class: type[P]) -> type[Message[P]]:
    """Return the message class whose payload is ``payload_class``."""
    return MESSAGE_CLASS[payload_class]


def to_json(message: Message[Payload]) -> str:
    """Return a message as JSON, for the switch that prints the conversation; pool passwords are left out, and what
    could drive a terminal is escaped."""
    text = msgspec.json.encode(_without_secrets(msgspec.to_builtins(message))).decode()
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _without_secrets(value: object) -> object:
    if isinstance(value, dict):
        return {key: "…" if key == "password" else _without_secrets(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(held) for held in value]
    return value
