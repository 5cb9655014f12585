"""Noise vectors, byte for byte, in both roles. Every ``tests/vectors/noise*.json`` is run (see the README there)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from miner_ctrl.session.noise import XX, XXPSK3, HandshakeState

VECTORS = Path(__file__).parents[1] / "vectors"
PATTERNS = {"Noise_XX_25519_ChaChaPoly_SHA256": XX, "Noise_XXpsk3_25519_ChaChaPoly_SHA256": XXPSK3}


def _vectors() -> list[Any]:
    return [
        pytest.param(vector, id=f"{path.stem}-{vector['protocol_name']}")
        for path in sorted(VECTORS.glob("noise*.json"))
        for vector in json.loads(path.read_text())["vectors"]
    ]


def _private(text: str) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(bytes.fromhex(text))


def _side(vector: dict[str, Any], role: str) -> HandshakeState:
    return HandshakeState(
        PATTERNS[vector["protocol_name"]],
        initiator=role == "init",
        prologue=bytes.fromhex(vector[f"{role}_prologue"]),
        s=_private(vector[f"{role}_static"]),
        psk=bytes.fromhex(vector[f"{role}_psks"][0]) if vector.get(f"{role}_psks") else None,
        new_ephemeral=lambda: _private(vector[f"{role}_ephemeral"]),
    )


def test_vectors_for_both_patterns_are_there() -> None:
    assert {parameter.values[0]["protocol_name"] for parameter in _vectors()} == set(PATTERNS)


@pytest.mark.parametrize("vector", _vectors())
def test_vector(vector: dict[str, Any]) -> None:
    initiator, responder = _side(vector, "init"), _side(vector, "resp")
    writer, reader = initiator, responder
    for message in vector["messages"][:3]:
        payload, ciphertext = bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"])
        assert writer.write_message(payload) == ciphertext
        assert reader.read_message(ciphertext) == payload
        writer, reader = reader, writer
    assert initiator.h == responder.h
    if "handshake_hash" in vector:
        assert initiator.h == bytes.fromhex(vector["handshake_hash"])

    send_by_initiator, receive_by_initiator = initiator.split()
    send_by_responder, receive_by_responder = responder.split()
    directions = [(send_by_responder, receive_by_initiator), (send_by_initiator, receive_by_responder)]
    if vector.get("first_to_transport") == "init":
        directions.reverse()
    for number, message in enumerate(vector["messages"][3:]):
        payload, ciphertext = bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"])
        sending, receiving = directions[number % 2]
        assert sending.encrypt_with_ad(b"", payload) == ciphertext
        assert receiving.decrypt_with_ad(b"", ciphertext) == payload
