"""Profiles as files: what is written is read back as the same, and plain words mean what they say."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.errors import BadInput
from miner_ctrl.model.profiles import MAX_DOCUMENT_BYTES, Profile
from miner_ctrl.profiles import DocumentFormat, has_passwords, read_document, validate, write_document
from miner_ctrl.profiles.yaml_reader import plain_value, read_yaml
from miner_ctrl.profiles.yaml_writer import write_yaml

BOTH = pytest.mark.parametrize("form", DocumentFormat)
GOOD: dict[str, Any] = {"pool": "pool.example:3333", "wallet": "48ab.{rig}"}


def made(name: str = "p", **config: Any) -> Profile:
    return Profile(id="1", name=name, miner_type="xmrig", config={**GOOD, **config})


PASSWORDS = st.text(string.ascii_letters + string.digits + "!#&*:?%@`\"'{}[],|>_~=<.", min_size=1, max_size=12)
POOLS = st.fixed_dictionaries(
    {"pool": st.sampled_from(["a.example:1", "[::1]:2", "stratum+ssl://c.example:3"])},
    optional={"password": PASSWORDS, "tls": st.just(True), "algo": st.sampled_from(["rx/0", "010", "1e3"])},
)
CONFIGS = st.fixed_dictionaries(
    {"pool": st.just("pool.example:3333"), "wallet": st.sampled_from(["48ab", "1234", "1e5", "0x1F", "null", "true"])},
    optional={
        "password": PASSWORDS,
        "rigId": st.sampled_from(["no", "12_3", ".5", "{rig}", "2026-01-01", "0o17"]),
        "threads": st.none() | st.integers(1, 1024),
        "intensity": st.floats(0.1, 1e7) | st.integers(1, 1000),
        "opencl": st.just(True),
        "cpuAffinity": st.sampled_from(["0-1023"]),
        "extraArgs": st.lists(st.text(string.printable[:95], min_size=1, max_size=20), max_size=4),
        "failover": st.lists(POOLS, max_size=2),
        "gpuPool": POOLS,
    },
)


@BOTH
@given(configs=st.lists(CONFIGS, min_size=1, max_size=3))
def test_what_is_written_is_read_back_with_the_same_hash(form: DocumentFormat, configs: list[dict[str, Any]]) -> None:
    profiles = []
    for number, config in enumerate(configs):
        try:
            validate("xmrig", config)
        except BadInput:
            continue
        profiles.append(Profile(id="", name=f"p{number}", miner_type="xmrig", config=config))
    if not profiles:
        return
    drafts = read_document(write_document(profiles, form), form)
    again = [Profile(id="", name=one.name, miner_type=one.miner_type, config=one.config) for one in drafts]
    assert again == profiles
    assert [one.content_hash for one in again] == [one.content_hash for one in profiles]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_any_data_survives_yaml(content: object) -> None:
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    assert read_yaml(write_yaml(content), max_depth=50) == content


@BOTH
def test_one_profile_stands_alone_or_in_a_list(form: DocumentFormat) -> None:
    alone = write_document([made()], form, alone=True)
    assert "profiles" not in alone
    assert read_document(alone, form) == read_document(write_document([made()], form), form)
    entry = {"name": "p", "minerType": "xmrig", "config": GOOD}
    assert read_document(json.dumps([entry]), form) == read_document(alone, form), "JSON is YAML too"


def test_yaml_as_people_write_it() -> None:
    text = """
    # my profiles
    profiles:
      - name: monero
        minerType: xmrig
        config:
          pool: pool.example:3333   # the first one
          failover: [b.example:3333, {pool: c.example:443, tls: true}]
          wallet: 48ab.{rig}
          password: 'x'
          threads: 4
          hugePages: no-pages
    """
    with pytest.raises(BadInput, match="Profile 'monero': hugePages must be true or false"):
        read_document(text, DocumentFormat.YAML)
    [draft] = read_document(text.replace("no-pages", "false"), DocumentFormat.YAML)
    assert draft.config["failover"] == ["b.example:3333", {"pool": "c.example:443", "tls": True}]
    assert (draft.config["threads"], draft.config["hugePages"]) == (4, False)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        (".inf", ".inf"),
        ("010", 10),
        ("-3", -3),
        ("1e3", 1000.0),
        ("~", None),
        ("", None),
        ("true", True),
        ("9" * 500, "9" * 500),
    ],
)
def test_plain_words(word: str, value: object) -> None:
    assert plain_value(word) == value
    assert type(plain_value(word)) is type(value)


def test_a_number_where_text_belongs_says_so() -> None:
    with pytest.raises(BadInput) as caught:
        read_document("{name: p, minerType: xmrig, config: {pool: 'a:1', wallet: 1234}}", DocumentFormat.YAML)
    assert "wallet must be text" in caught.value.message
    assert "in quotes" in caught.value.suggestion


def test_passwords_are_noticed_wherever_they_are() -> None:
    assert not has_passwords(made())
    assert not has_passwords(made(password="x", failover=["a:1", {"pool": "b:1", "password": ""}]))
    assert has_passwords(made(password="pw"))
    assert has_passwords(made(failover=[{"pool": "b:1", "password": "pw"}]))
    assert has_passwords(made(gpuPool={"pool": "b:1", "password": "pw"}))


def test_the_size_is_that_in_bytes() -> None:
    text = json.dumps({"name": "p", "minerType": "xmrig", "config": GOOD})
    assert read_document(text + " " * (MAX_DOCUMENT_BYTES - len(text)), DocumentFormat.JSON)
    for one_more in (" " * (MAX_DOCUMENT_BYTES - len(text) + 1), "\u00a0" * (MAX_DOCUMENT_BYTES // 2)):
        with pytest.raises(BadInput, match="larger than 1024 KiB"):
            read_document(text + one_more, DocumentFormat.JSON)
