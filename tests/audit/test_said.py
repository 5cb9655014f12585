"""What an entry says of a command, and what it never says."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest

from miner_ctrl.audit.said import MAX_BODY_BYTES, said_body, said_target, said_text

SECRET = "hunter2-hunter2"
JOIN_TOKEN = "mcj1" + "abcdefgh234567" * 12
API_TOKEN = "mct_" + "aB3-_" * 8


class Body(msgspec.Struct):
    content: Any


@pytest.mark.parametrize(
    "content",
    [
        {"password": SECRET},
        {"pools": [{"pool": "a:1", "password": SECRET}, {"pool": "b:2", "Password": SECRET}]},
        {"apiToken": SECRET, "wallet": "48abc"},
        {"tokens": [SECRET]},
        {"rpc-pass": {"deep": SECRET}},
        {"clientSecret": SECRET},
        {"psk": SECRET},
        {"document": f"pools:\n- password: {SECRET}\n"},
        {"input": f"login {SECRET}"},
        {"url": f"https://user:{SECRET}@host/x"},
        {"url": f"https://host/x?key={SECRET}"},
        {"pool": f"stratum+tcp://wallet:{SECRET}@host:3333"},
        {"note": f"join with {JOIN_TOKEN} please"},
        {"note": API_TOKEN},
        {"ifHash": SECRET},
        {"profileHash": SECRET, "hash": SECRET},
    ],
)
def test_no_secret_is_said(content: object) -> None:
    said = said_body(Body(content))
    assert SECRET not in said
    assert JOIN_TOKEN not in said
    assert API_TOKEN not in said
    json.loads(said)


def test_what_is_no_secret_is_said() -> None:
    content = {"wallet": "48abc", "pool": "pool.example:3333", "keys": ["abc="], "threads": 4, "token": None}
    assert json.loads(said_body(Body(content))) == {"content": content}


def test_a_long_body_is_its_hash_and_one_that_is_not_is_whole() -> None:
    just = Body("x" * (MAX_BODY_BYTES - len('{"content":""}')))
    assert json.loads(said_body(just)) == {"content": just.content}
    long = msgspec.json.encode({"content": "x" * 5000})
    assert json.loads(said_body(Body("x" * 5000))) == {"bytes": len(long), "sha256": hashlib.sha256(long).hexdigest()}


def test_addresses_without_end_take_no_time() -> None:
    """Each of them might be one that goes on to the end of the text: looked at so, a megabyte takes minutes."""
    text = "http://" * 150_000
    long = msgspec.json.encode({"content": text})
    assert json.loads(said_body(Body(text))) == {"bytes": len(long), "sha256": hashlib.sha256(long).hexdigest()}
    short = json.loads(said_body(Body("see http://a/b?key=1 and https://c/d, not ftp://e?f")))["content"]
    assert short == "see http://a/b?… and https://c/d, not ftp://e?f"


def test_a_token_in_a_path_is_not_said() -> None:
    assert JOIN_TOKEN not in said_target({"id": JOIN_TOKEN[:250]})
    assert json.loads(said_target({"peer": "rig-alpha"})) == {"peer": "rig-alpha"}


def test_hostile_text_is_one_bounded_line() -> None:
    assert said_text("a\x1b[31m\nb" + "c" * 1000) == "a [31m b" + "c" * 247
    assert len(said_target({"peer": "\x00" * 5000})) < 1100
    assert said_body(None) == "{}"
