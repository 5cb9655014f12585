from __future__ import annotations

import msgspec

from miner_ctrl.model.profiles import MinerConfig, Profile


def profile(**config: object) -> Profile:
    return Profile(id="1", name="p", miner_type="xmrig", config=config)  # type: ignore[arg-type]


def test_the_same_content_has_the_same_hash() -> None:
    one = profile(pool="a:1", wallet="w", threads=2)
    other = Profile(id="2", name="q", miner_type="xmrig", config={"threads": 2, "wallet": "w", "pool": "a:1"})
    assert one.content_hash == other.content_hash
    assert len(one.content_hash) == 64


def test_other_content_has_another_hash() -> None:
    hashes = {
        profile(pool="a:1").content_hash,
        profile(pool="a:2").content_hash,
        profile(pool="a:1", tls=True).content_hash,
        profile(pool="a:1", tls=False).content_hash,
        msgspec.structs.replace(profile(pool="a:1"), miner_type="simulated").content_hash,
    }
    assert len(hashes) == 5


def test_the_hash_survives_both_codecs() -> None:
    sent = profile(pool="a:1", threads=None, tls=True, seed=2**53)
    for codec in (msgspec.json, msgspec.msgpack):
        assert codec.decode(codec.encode(sent), type=Profile).content_hash == sent.content_hash


def test_config_fields_are_camel_case() -> None:
    encoded = msgspec.to_builtins(MinerConfig(pool="a:1", rig_id="r", huge_pages=False))
    assert encoded["rigId"] == "r"
    assert encoded["hugePages"] is False
