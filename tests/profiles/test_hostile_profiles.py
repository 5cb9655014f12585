"""Profiles that somebody else wrote: each is refused with a sentence that names the field, and nothing is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.errors import BadInput
from miner_ctrl.model.profiles import MAX_DOCUMENT_BYTES, Profile
from miner_ctrl.profiles import DocumentFormat, ProfileStore, read_document

GOOD: dict[str, Any] = {"pool": "pool.example:3333", "wallet": "48ab"}


def profile(name: object = "p", miner_type: object = "xmrig", **config: object) -> str:
    """Return a file with one profile: a good one but for what is given."""
    return json.dumps({"name": name, "minerType": miner_type, "config": {**GOOD, **config}})


CONFIGS: list[tuple[str, dict[str, object], str]] = [
    # a pool or a wallet that is a path, an option, a command, or somebody else's text
    ("path as pool", {"pool": "../../etc/passwd:1"}, "pool"),
    ("file as pool", {"pool": "file:" + "///etc/shadow"}, "pool"),
    ("option as pool", {"pool": "--config=/tmp/evil.json"}, "pool"),
    ("short option as pool", {"pool": "-oevil.example:1"}, "pool"),
    ("shell in the pool", {"pool": "$(reboot):3333"}, "pool"),
    ("line end in the pool", {"pool": "pool.example:3333\n--donate-level=99"}, "pool"),
    ("NUL in the pool", {"pool": "pool.example:3333\x00evil"}, "pool"),
    ("bidirectional pool", {"pool": "pool.example\u202e:3333"}, "pool"),
    ("look-alike pool", {"pool": "pооl.example:3333"}, "pool"),  # noqa: RUF001 - Cyrillic on purpose
    ("{rig} in the pool", {"pool": "{rig}.evil.example:3333"}, "pool"),
    ("password in the pool", {"pool": "stratum+tcp://me:secret@pool.example:1"}, "pool"),
    ("port out of range", {"pool": "pool.example:65536"}, "pool"),
    ("number as a host", {"pool": "2130706433:3333"}, "pool"),
    ("long pool", {"pool": "a" * 300 + ":1"}, "pool"),
    ("option as wallet", {"wallet": "--url=evil.example:1"}, "wallet"),
    ("{rig} in the address", {"wallet": "48{rig}ab"}, "wallet"),
    ("other template", {"wallet": "48ab.{hostname}"}, "wallet"),
    ("escape in the wallet", {"wallet": "48ab\x1b[2J"}, "wallet"),
    ("blank in the wallet", {"wallet": "48ab -o evil.example:1"}, "wallet"),
    ("long wallet", {"wallet": "4" * 256}, "wallet"),
    ("no wallet", {"wallet": ""}, "wallet"),
    ("option as password", {"password": "--api-worker-id=x"}, "password"),
    ("quotes and blanks in the password", {"password": "x' ; reboot"}, "password"),
    ("path as rigId", {"rigId": "../../x"}, "rigId"),
    ("path as algo", {"algo": "/etc/passwd"}, "algo"),
    ("option as algo", {"algo": "-a"}, "algo"),
    ("path as coin", {"coin": "../monero"}, "coin"),
    ("zero-width coin", {"coin": "mon\u200bero"}, "coin"),
    ("URL as proxy", {"proxy": "http://evil.example:1/"}, "proxy"),
    ("short fingerprint", {"tlsFingerprint": "ab", "tls": True}, "tlsFingerprint"),
    # numbers
    ("huge number", {"threads": 10**300}, "threads"),
    ("negative number", {"threads": -1}, "threads"),
    ("true as a number", {"threads": True}, "threads"),
    ("text as a number", {"threads": "4"}, "threads"),
    ("fraction", {"cpuPriority": 2.5}, "cpuPriority"),
    ("false as a number", {"donateLevel": False}, "donateLevel"),
    ("all for the developers", {"donateLevel": 100}, "donateLevel"),
    ("huge intensity", {"intensity": 1e300, "cuda": True}, "intensity"),
    ("number as a flag", {"hugePages": 1}, "hugePages"),
    ("text as a flag", {"tls": "false"}, "tls"),
    ("endless pause", {"pauseOnActivity": 10**12}, "pauseOnActivity"),
    ("CPU 10^30", {"cpuAffinity": [10**30]}, "cpuAffinity"),
    ("a mebi of CPUs", {"cpuAffinity": ",".join(["0-1023"] * 400)}, "cpuAffinity"),
    ("true among numbers", {"devices": [0, True], "cuda": True}, "devices"),
    # lists and nesting
    ("list as text", {"wallet": ["48ab"]}, "wallet"),
    ("object as text", {"algo": {"$ne": ""}}, "algo"),
    ("text as list", {"extraArgs": "--http-host=0.0.0.0"}, "extraArgs"),
    ("33 arguments", {"extraArgs": ["-x"] * 33}, "extraArgs"),
    ("long argument", {"extraArgs": ["x" * 201]}, "extraArgs[0]"),
    ("line end in an argument", {"extraArgs": ["-x", "a\nb"]}, "extraArgs[1]"),
    ("bidirectional argument", {"extraArgs": ["\u2066x"]}, "extraArgs[0]"),
    ("number as an argument", {"extraArgs": [1]}, "extraArgs[0]"),
    ("9 pools", {"failover": ["a.example:1"] * 9}, "failover"),
    ("option in a further pool", {"failover": [{"pool": "a.example:1", "wallet": "-x"}]}, "failover[0].wallet"),
    ("pool within a pool", {"failover": [{"pool": {"pool": "a.example:1"}}]}, "failover[0].pool"),
    ("failover within failover", {"failover": [{"pool": "a:1", "failover": []}]}, "failover[0].failover"),
    ("field of no pool", {"failover": [{"pool": "a:1", "cmd": "reboot"}]}, "failover[0].cmd"),
    ("path as the GPUs' pool", {"gpuPool": "../x:1", "cuda": True}, "gpuPool.pool"),
    ("mode as a path", {"randomxMode": "../fast"}, "randomxMode"),
    # fields that are none
    ("unknown field", {"exec": "reboot"}, "exec"),
    ("internals of Python", {"__class__": "os"}, "__class__"),
    ("an attribute's name", {"rig_id": "x"}, "rig_id"),
    ("a miner's own option", {"http": {"host": "0.0.0.0"}}, "http"),
]

J, Y = DocumentFormat.JSON, DocumentFormat.YAML
ONE = '{"name":"p","minerType":"xmrig","config":{%s}}'
DOCUMENTS: list[tuple[str, str, DocumentFormat, str]] = [
    ("path as name", profile(name="../../etc/x"), J, "../../etc/x"),
    ("option as type", profile(miner_type="--help"), J, "minerType"),
    ("path as type", profile(miner_type="../sh"), J, "minerType"),
    ("number as name", profile(name=5), J, "name"),
    ("route as name", profile(name="import"), J, "import"),
    ("bidirectional name", profile(name="p\u202e"), J, "name"),
    ("lone surrogate", profile(name="\ud800"), J, "name"),
    (
        "field beside config",
        json.dumps({"name": "p", "minerType": "x", "config": GOOD, "id": "1"}),
        J,
        "id",
    ),
    ("list as config", json.dumps({"name": "p", "minerType": "x", "config": []}), J, "config"),
    ("field beside profiles", json.dumps({"profiles": [], "run": "x"}), J, "run"),
    ("a name twice", f"[{profile()},{profile(name='P')}]", J, "P"),
    (
        "key twice, JSON",
        ONE % '"pool":"a:1","pool":"b:1"',
        J,
        "pool",
    ),
    (
        "key twice, YAML",
        "name: p\nminerType: xmrig\nconfig:\n  wallet: a\n  wallet: b\n",
        Y,
        "wallet",
    ),
    ("NaN", ONE % '"intensity":NaN', J, "NaN"),
    (
        "infinite",
        '{"name":"p","minerType":"xmrig","config":{"pool":"a:1","wallet":"w","intensity":1e999}}',
        J,
        "intensity",
    ),
    (
        "10,000 digits",
        '{"name":"p","minerType":"xmrig","config":{"threads":' + "9" * 10_000 + "}}",
        J,
        "JSON",
    ),
    ("deep JSON", "[" * 200_000, J, "JSON"),
    ("deep JSON that ends", "[" * 900 + "]" * 900, J, "levels deep"),
    ("deep YAML", "[" * 200_000, Y, "nesting depth"),
    ("deep YAML that ends", "[" * 9 + "]" * 9, Y, "levels deep"),
    ("deep YAML in block form", "- " * 5000 + "x", Y, "levels deep"),
    (
        "a billion laughs",
        "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{b}: &{b} [{f'*{a},' * 9}]\n" for a, b in pairwise("abcdefghi")),
        Y,
        "anchors",
    ),
    ("alias", "name: *x\n", Y, "aliases"),
    ("merge key", "name: p\nconfig:\n  <<: {pool: a:1}\n  wallet: w\nminerType: xmrig\n", Y, "<<"),
    ("object of Python", "!!python/object/apply:os.system [reboot]", Y, "tags"),
    ("tagged text", "name: !!binary aGk=\n", Y, "tags"),
    ("second document", "name: p\n---\nname: q\n", Y, "second document"),
    ("key that is a list", "? [a]\n: b\n", Y, "key"),
    (
        "bidirectional YAML",
        'name: p\nminerType: xmrig\nconfig: {pool: "a:1", wallet: "4\u202e8"}\n',
        Y,
        "wallet",
    ),
    ("control character", "name: \x07\n", Y, "printable"),
    ("broken YAML", "name: [\n", Y, "line 2"),
    ("no profile", "", Y, "no profile"),
    ("too large", " " * (MAX_DOCUMENT_BYTES + 1), Y, "1024 KiB"),
    ("too many", json.dumps([{}] * 1001), J, "1000"),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ProfileStore]:
    store = ProfileStore(tmp_path / "profiles.db")
    store.open()
    yield store
    store.close()


def assert_sentence(error: BadInput, named: str) -> None:
    assert named in error.message
    assert error.message.endswith(".")
    assert error.message.isprintable()
    assert len(error.message) < 300
    assert error.suggestion
    assert "secret" not in error.message


def test_the_table_is_long() -> None:
    assert len({what for what, *_ in (*CONFIGS, *DOCUMENTS)}) == len(CONFIGS) + len(DOCUMENTS) >= 60


@pytest.mark.parametrize(("what", "config", "field"), CONFIGS, ids=[row[0] for row in CONFIGS])
def test_a_hostile_config_is_refused_on_every_way_in(
    store: ProfileStore, what: str, config: dict[str, Any], field: str
) -> None:
    sent = Profile(id="x", name="p", miner_type="xmrig", config={**GOOD, **config})
    for keep in (store.put, store.remember, lambda one: store.create(one.name, one.miner_type, one.config)):
        with pytest.raises(BadInput) as caught:
            keep(sent)
        assert caught.value.details["field"] == field
        assert_sentence(caught.value, field.rpartition(".")[2] if caught.value.code == "UNKNOWN_FIELD" else field)
    for text in (
        profile(**config),
        json.dumps({"profiles": [json.loads(profile(name="good")), json.loads(profile(**config))]}),
    ):
        with pytest.raises(BadInput) as caught:
            store.import_drafts(read_document(text, DocumentFormat.JSON))
        assert caught.value.details == {"profile": "p", "field": field}
        assert_sentence(caught.value, "Profile 'p'")
    assert store.list() == []


@pytest.mark.parametrize(("what", "text", "form", "named"), DOCUMENTS, ids=[row[0] for row in DOCUMENTS])
def test_a_hostile_file_is_refused_with_a_sentence(
    store: ProfileStore, what: str, text: str, form: DocumentFormat, named: str
) -> None:
    with pytest.raises(BadInput) as caught:
        store.import_drafts(read_document(text, form))
    assert_sentence(caught.value, named)
    assert store.list() == []
