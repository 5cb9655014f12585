"""Messages to bytes and back; whatever else comes is refused with one documented error."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.errors import ProtocolViolation
from miner_ctrl.model.audit import AuditHead
from miner_ctrl.model.history import JournalEntry, MinerSample, RigEvent, Sample
from miner_ctrl.model.miners import (
    Hashrates,
    InstalledMiner,
    MinerState,
    MinerStats,
    NodeInfo,
    NodeStats,
    ProfileRef,
)
from miner_ctrl.model.nodes import Role
from miner_ctrl.model.profiles import Profile
from miner_ctrl.model.rig import BundleOffer, Schedule, ScheduleRule
from miner_ctrl.protocol import messages
from miner_ctrl.protocol.codec import MESSAGE_CLASS, TYPE_NAMES, DecodeFailed, decode, encode, message_class, to_json
from miner_ctrl.protocol.limits import MAX_MESSAGE_BYTES
from miner_ctrl.protocol.messages import AnyMessage, Message, Payload

HEAD = AuditHead(7, 1_700_000_000_000, b"h" * 32, b"s" * 64)
SENDER, RECIPIENT = "0123456789abcdef", "fedcba9876543210"
PROFILE = Profile(id="p1", name="xmr", miner_type="xmrig", config={"pool": "pool:3333", "deep": [{"a": [1, None]}]})
STATS = MinerStats(
    name="xmrig-1",
    type="xmrig",
    state=MinerState.MINING,
    hashrate_hps=1234.5,
    hashrates_hps=Hashrates(s10=1.0),
    threads_hps=(1.0, None),
    accepted=7,
    pool="pool:3333",
)
INFO = NodeInfo(
    node_id=SENDER,
    node_name="rig",
    version="1",
    miners=(InstalledMiner(type="xmrig", installed=True),),
    profiles=(ProfileRef(id="p1", name="xmr", hash="00"),),
)
OFFER = BundleOffer(
    miner_type="xmrig",
    version="6.26.0",
    archive="tar.gz",
    sha256="ab" * 32,
    size_bytes=5,
    unpacked_bytes=9,
    files=1,
    program="xmrig",
    signing_key=b"k" * 32,
    signature=b"s" * 64,
)
RULE = ScheduleRule(days=(0, 6), start_minute=480, end_minute=1440, do="profile:night")
SAMPLE = Sample(at_ms=5, miners=(MinerSample("xmrig-1", MinerState.MINING, "rx/0", 12.5, 3),), cpu_temperature_c=61.0)
EVENT = RigEvent(at_ms=6, kind="crashed", miner="xmrig-1", text="It ended by itself with exit code 1.")
PAYLOADS: list[Payload] = [
    messages.Hello(name="rig", role=Role.WORKER, version="1", instance="i" * 16, capabilities=("deploy",)),
    messages.Ping(),
    messages.Pong(clock_ms=-1),
    messages.Checkpoint(),
    messages.Disconnect(reason="shutdown"),
    messages.Error(code=1003, message="No such miner.", details={"names": ["a", "b"], "deep": {"x": [{"y": 1}]}}),
    messages.GetStats(),
    messages.SubscribeStats(interval_s=0.5, cancel="s1"),
    messages.Stats(stats=NodeStats(node_id=SENDER, node_name="rig", at_ms=1, miners=(STATS,))),
    messages.GetLogs(miner="xmrig-1", lines=10_000),
    messages.FollowLogs(miner="xmrig-1", lines=0, cursor=17),
    messages.Logs(lines=("one", "zwei \N{SNOWMAN}"), more=True, cursor=3),
    messages.GetInfo(),
    messages.Info(info=INFO),
    messages.StartMiner(profile=PROFILE, profile_hash=PROFILE.content_hash, config={"threads": 2}),
    messages.StopMiner(miner="xmrig-1"),
    messages.RestartMiner(),
    messages.PauseMiner(miner="xmrig-1"),
    messages.ResumeMiner(),
    messages.MinerAck(status="started", miners=("xmrig-1",), command_hash="ab" * 32),
    messages.Deploy(bundle=OFFER, schedule=Schedule(rules=(RULE,), otherwise="pause")),
    messages.DeployChunk(sha256="ab" * 32, offset=2, data=b"\x00\xff"),
    messages.RollbackMiner(miner_type="xmrig"),
    messages.SetLock(document=b"{}", signature=b"\1" * 64),
    messages.GetHistory(journal="j", after=4),
    messages.History(journal="j", entries=(JournalEntry(1, SAMPLE), JournalEntry(2, EVENT)), first=1, more=True),
    messages.DeployAck(status="more", next_offset=4),
    messages.AuditHeadTold(head=HEAD),
    messages.AuditHeads(heads=(HEAD, HEAD)),
]
EVERY = pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: type(payload).__name__)


def message(payload: Payload, *, reply_to: str | None = None) -> Message[Payload]:
    return message_class(type(payload))(
        id="m1", sender=SENDER, recipient=RECIPIENT, ts=1_700_000_000_000, payload=payload, reply_to=reply_to
    )


def raw(kind: str = "ping", payload: object = None, **fields: object) -> bytes:
    """A message's MessagePack, with any field changed or (``...``) left out."""
    whole = {"type": kind, "id": "m1", "from": SENDER, "to": RECIPIENT, "ts": 1, "payload": payload or {}} | fields
    return msgspec.msgpack.encode({name: value for name, value in whole.items() if value is not ...})


def refused(data: bytes) -> DecodeFailed:
    with pytest.raises(DecodeFailed) as caught:
        decode(data)
    assert len(caught.value.message) <= 500
    assert caught.value.message.isprintable()
    return caught.value


def decode_or_refuse(data: bytes) -> None:
    """What is decoded is one of ours and can be printed; what is not is refused as documented."""
    decoded = None
    with suppress(DecodeFailed):
        decoded = decode(data)
    if decoded is None:
        refused(data)
        return
    assert type(decoded) in get_args(AnyMessage)
    assert msgspec.json.decode(to_json(decoded))["type"] in TYPE_NAMES.values()


# --- round trips ----------------------------------------------------------------------------------------


def test_every_type_has_an_example_here() -> None:
    assert {type(payload) for payload in PAYLOADS} == set(MESSAGE_CLASS)
    assert set(MESSAGE_CLASS.values()) == set(get_args(AnyMessage))
    assert len(set(TYPE_NAMES.values())) == len(TYPE_NAMES)


@EVERY
@pytest.mark.parametrize("reply_to", [None, "m0"])
def test_round_trip(payload: Payload, reply_to: str | None) -> None:
    sent = message(payload, reply_to=reply_to)
    for data in (encode(sent), memoryview(encode(sent))):
        assert decode(data) == sent
    assert type(decode(encode(sent)).payload) is type(payload)


@EVERY
def test_the_shape_on_the_wire(payload: Payload) -> None:
    fields = msgspec.msgpack.decode(encode(message(payload, reply_to="m0")))
    assert set(fields) == {"type", "id", "from", "to", "ts", "payload", "replyTo"}
    assert fields["type"] == TYPE_NAMES[type(payload)]
    assert (fields["from"], fields["to"]) == (SENDER, RECIPIENT)
    assert "replyTo" not in msgspec.msgpack.decode(encode(message(payload)))


@EVERY
def test_the_debug_switch_prints_json(payload: Payload) -> None:
    assert msgspec.json.decode(to_json(message(payload)))["id"] == "m1"


def test_what_a_newer_peer_says_more_is_ignored() -> None:
    assert decode(raw("ping", {"newField": [1, {"x": 2}]}, newer=1)).payload == messages.Ping()


# --- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["start", "START_MINER", "start_miner ", "", "hello\0", "x" * 1000, "\x1b[31m\n"])
def test_an_unknown_type_is_never_guessed_at(kind: str) -> None:
    failure = refused(raw(kind))
    assert failure.unknown_type
    assert failure.message_id == "m1"


@pytest.mark.parametrize("kind", [None, 1, ["ping"], {"a": 1}, ..., b"ping"], ids=repr)
def test_a_type_that_is_no_text(kind: Any) -> None:
    assert refused(raw(kind)).message_id is None


@EVERY
def test_a_broken_payload_is_answered_only_where_an_answer_is_owed(payload: Payload) -> None:
    name = TYPE_NAMES[type(payload)]
    failure = refused(raw(name, 17))
    assert not failure.unknown_type
    never = type(payload) in messages.REPLIES | {messages.Disconnect}
    assert failure.message_id == (None if never else "m1")
    assert refused(raw(name, 17, replyTo="m0")).message_id is None


def test_an_unknown_reply_is_not_answered() -> None:
    failure = refused(raw("newer_reply", replyTo="m0"))
    assert failure.unknown_type
    assert failure.message_id is None


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ""},
        {"id": "x" * 65},
        {"id": 1},
        {"id": ...},
        {"from": "0" * 15},
        {"from": "0" * 17},
        {"from": ...},
        {"to": None},
        {"ts": "now"},
        {"ts": 1.5},
        {"ts": 2**70 * 1.0},
        {"payload": ...},
        {"payload": None},
        {"replyTo": ""},
        {"replyTo": "x" * 65},
    ],
    ids=str,
)
def test_headers_out_of_bounds(fields: dict[str, Any]) -> None:
    if "payload" not in fields:
        refused(raw(**fields))
        return
    whole = {"type": "ping", "id": "m1", "from": SENDER, "to": RECIPIENT, "ts": 1} | fields
    refused(msgspec.msgpack.encode({name: value for name, value in whole.items() if value is not ...}))


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("hello", {"name": "a b", "role": "worker", "version": "1", "instance": "i" * 16}),
        ("hello", {"name": "a\n", "role": "worker", "version": "1", "instance": "i" * 16}),
        ("hello", {"name": "a", "role": "root\x1b[2J", "version": "1", "instance": "i" * 16}),
        ("hello", {"name": "a", "role": "worker", "version": "1" * 256, "instance": "i" * 16}),
        ("hello", {"name": "a", "role": "worker", "version": "1", "instance": "i"}),
        ("hello", {"name": "a", "role": "worker", "version": "1", "instance": "i" * 16, "capabilities": ["x"] * 65}),
        ("get_logs", {"miner": "../../etc/passwd"}),
        ("get_logs", {"miner": "m", "lines": 0}),
        ("get_logs", {"miner": "m", "lines": 10_001}),
        ("get_logs", {"miner": "m", "lines": -1}),
        ("follow_logs", {"miner": "m", "cursor": -1}),
        ("follow_logs", {"miner": "m", "cursor": 2**53 + 1}),
        ("subscribe_stats", {"intervalS": 0.0}),
        ("subscribe_stats", {"intervalS": 3601}),
        ("subscribe_stats", {"intervalS": math.nan}),
        ("logs", {"lines": [""] * 10_001}),
        ("logs", {"lines": ["x" * 4097]}),
        ("stats", {"stats": {"nodeId": "n", "nodeName": "n", "atMs": 1, "miners": [{}]}}),
        ("start_miner", {"config": {str(n): n for n in range(101)}}),
        ("stop_miner", {"miner": ""}),
        ("miner_ack", {"status": "x" * 256}),
        ("deploy_chunk", {"sha256": "ab" * 32, "offset": 0, "data": bytes(256 * 1024 + 1)}),
        ("deploy_chunk", {"sha256": "ab" * 32, "offset": -1, "data": b""}),
        ("error", {"code": 1000, "message": "x" * 1001}),
        ("error", {"code": 1000, "message": "x", "details": {str(n): n for n in range(33)}}),
        ("error", {"code": 1000, "message": "x", "details": {"a": msgspec.msgpack.Ext(5, b"x")}}),
        ("error", {"code": 1000, "message": "x", "details": {"a": {1: 2}}}),
        ("error", {"code": 1000, "message": "x", "details": {"a": {None: 2}}}),
        ("start_miner", {"config": {"a": {"b": msgspec.msgpack.Ext(-1, b"xxxx")}}}),
        ("start_miner", {"config": {"a": [b"bytes"]}}),
        ("start_miner", {"config": {"a": [[[[1]]]]}}),
    ],
    ids=lambda value: re.sub(" at 0x.*", "", str(value)[:60]),
)
def test_payloads_out_of_bounds(kind: str, payload: dict[str, object]) -> None:
    assert not refused(raw(kind, payload)).unknown_type


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 0, -1, 2**63, 2**64 - 1])
def test_numbers_at_the_edges_of_their_kind(value: float) -> None:
    data = raw("error", {"code": 1000, "message": "x", "details": {"n": value}})
    assert msgspec.json.decode(to_json(decode(data)))["type"] == "error"


def test_size_limits() -> None:
    chunk = messages.DeployChunk(sha256="ab" * 32, offset=0, data=bytes(256 * 1024))
    assert decode(encode(message(chunk))).payload == chunk
    lines = messages.Logs(lines=("x" * 4096,) * 300)
    with pytest.raises(ProtocolViolation, match="limit"):
        encode(message(lines))
    whole = raw("ping", {"ignored": ""})
    at_limit = raw("ping", {"ignored": "x" * (MAX_MESSAGE_BYTES - len(whole) - 4)})
    assert len(at_limit) == MAX_MESSAGE_BYTES
    decode(at_limit)
    over = raw("ping", {"ignored": "x" * (MAX_MESSAGE_BYTES - len(whole) - 3)})
    assert len(over) == MAX_MESSAGE_BYTES + 1
    refused(over)


@pytest.mark.parametrize("depth", [10, 500, 900, 1000, 1100, 100_000, MAX_MESSAGE_BYTES - 500])
@pytest.mark.parametrize("opener", [b"\x91", b"\x81\xa1a"], ids=["arrays", "maps"])
@pytest.mark.parametrize("kind", ["error", "start_miner", "unknown"])
def test_deep_nesting(kind: str, opener: bytes, depth: int) -> None:
    refused(_deep(kind, opener, depth))


@pytest.mark.parametrize("depth", [500, 1000, 100_000])
def test_deep_nesting_in_a_field_that_is_ignored(depth: int) -> None:
    assert decode(_deep("ping", b"\x91", 10)).payload == messages.Ping()
    with suppress(DecodeFailed):  # how deep is too deep there is the decoder's own business
        decode(_deep("ping", b"\x91", depth))


def _deep(kind: str, opener: bytes, depth: int) -> bytes:
    depth = min(depth, (MAX_MESSAGE_BYTES - 500) // len(opener))
    payload = (
        {"config": {"x": "HERE"}} if kind == "start_miner" else {"code": 1, "message": "m", "details": {"x": "HERE"}}
    )
    return raw(kind, payload).replace(b"\xa4HERE", opener * depth + b"\xc0")


def test_every_cut_and_every_tail() -> None:
    data = encode(message(PAYLOADS[8]))
    for size in range(len(data)):
        refused(data[:size])
    refused(data + b"\xc0")


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\xff" * 100, b"\x90", b"\x80", b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff"]
)
def test_not_a_message(data: bytes) -> None:
    assert refused(data).message_id is None


@given(st.binary(max_size=400))
def test_only_documented_errors_come_out_of_bytes(data: bytes) -> None:
    refused(data)


@given(data=st.data())
def test_only_documented_errors_come_out_of_altered_messages(data: st.DataObject) -> None:
    whole = bytearray(encode(message(data.draw(st.sampled_from(PAYLOADS)))))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    decode_or_refuse(bytes(whole))


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary()
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(-9, 9), inner, max_size=4),
)


@given(
    kind=st.sampled_from(sorted(TYPE_NAMES.values())), payload=st.dictionaries(st.text(), TREES, max_size=4), tree=TREES
)
def test_only_documented_errors_come_out_of_any_tree(kind: str, payload: dict[str, Any], tree: object) -> None:
    for data in (raw(kind, payload | {"details": tree, "config": tree, "stats": tree}), msgspec.msgpack.encode(tree)):
        decode_or_refuse(data)


def test_the_printed_conversation_leaves_pool_passwords_out() -> None:
    profile = Profile(id="1", name="p", miner_type="xmrig", config={"pool": "h:1", "password": "hunter2"})
    message = message_class(messages.StartMiner)(
        id="m",
        sender="0" * 16,
        recipient="1" * 16,
        ts=1,
        payload=messages.StartMiner(profile=profile, config={"password": "x1"}),
    )
    printed = to_json(message)
    assert "h:1" in printed
    assert "hunter2" not in printed
    assert "x1" not in printed


def test_what_is_printed_cannot_drive_a_terminal() -> None:
    said = "\x1b[2J\x9b31m\u202e\x7f\U000e0001 é 矿"
    printed = to_json(message(messages.Disconnect(reason=said)))
    assert printed.isprintable()
    assert "é 矿" in printed
    assert msgspec.json.decode(printed)["payload"]["reason"] == said
