"""Write ``noise-independent.json`` with an implementation that is not ours.

Run: ``python tests/vectors/make_noise_vectors.py``.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from noise.connection import Keypair, NoiseConnection

NAMES = ("Noise_XX_25519_ChaChaPoly_SHA256", "Noise_XXpsk3_25519_ChaChaPoly_SHA256")
PAYLOADS = [b"", b"second", bytes(range(256)), b"first transport", b"", b"x" * 1000, b"last"]


def _bytes(label: str) -> bytes:
    return sha256(f"miner-ctrl test vector: {label}".encode()).digest()


def _side(name: str, role: str) -> Any:
    side = NoiseConnection.from_name(name.encode())
    side.set_prologue(_bytes("prologue"))
    if "psk" in name:
        side.set_psks(_bytes("psk"))
    side.set_as_initiator() if role == "init" else side.set_as_responder()
    side.set_keypair_from_private_bytes(Keypair.STATIC, _bytes(f"{role} static"))
    side.set_keypair_from_private_bytes(Keypair.EPHEMERAL, _bytes(f"{role} ephemeral"))
    side.start_handshake()
    return side


def _vector(name: str) -> dict[str, Any]:
    vector: dict[str, Any] = {"protocol_name": name}
    for role in ("init", "resp"):
        vector[f"{role}_prologue"] = _bytes("prologue").hex()
        vector[f"{role}_static"] = _bytes(f"{role} static").hex()
        vector[f"{role}_ephemeral"] = _bytes(f"{role} ephemeral").hex()
        if "psk" in name:
            vector[f"{role}_psks"] = [_bytes("psk").hex()]
    writer, reader = _side(name, "init"), _side(name, "resp")
    messages = []
    for number, payload in enumerate(PAYLOADS):
        if number < 3:
            ciphertext = bytes(writer.write_message(payload))
            reader.read_message(ciphertext)
        else:
            ciphertext = bytes(writer.encrypt(payload))
            assert reader.decrypt(ciphertext) == payload
        messages.append({"payload": payload.hex(), "ciphertext": ciphertext.hex()})
        writer, reader = reader, writer
    vector["handshake_hash"] = writer.get_handshake_hash().hex()
    vector["messages"] = messages
    return vector


if __name__ == "__main__":
    path = Path(__file__).with_name("noise-independent.json")
    path.write_text(json.dumps({"vectors": [_vector(name) for name in NAMES]}, indent=1) + "\n")
