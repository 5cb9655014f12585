"""What is fuzzed: one target per parser, with valid inputs to start from and the errors it may raise."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from miner_ctrl.deploy.offers import check_offer, decode_offer, is_signed, sign_offer
from miner_ctrl.deploy.program_heads import Platform
from miner_ctrl.deploy.unpacking import Bounds, walk
from miner_ctrl.errors import BadInput, ProtocolViolation, Refused
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.miners import MinerState, MinerStats, NodeStats
from miner_ctrl.model.nodes import Role
from miner_ctrl.model.profiles import ConfigValue, Profile
from miner_ctrl.model.rig import BundleOffer
from miner_ctrl.profiles import DocumentFormat, read_document, write_document
from miner_ctrl.protocol import codec, messages
from miner_ctrl.session import Initiator, InviteStatus, JoinKey, Responder, Session
from miner_ctrl.session.frame import HEADER
from miner_ctrl.session.noise import CipherState

ALICE = NodeKeys.from_secret(sha256(b"fuzz: alice").digest())
BOB = NodeKeys.from_secret(sha256(b"fuzz: bob").digest())
JOIN = JoinKey(b"fuzz-invite-16-b", sha256(b"fuzz: psk").digest())
_EPHEMERAL = [X25519PrivateKey.from_private_bytes(sha256(b"fuzz: %d" % n).digest()) for n in (1, 2)]
_KEY = sha256(b"fuzz: session").digest()


@dataclass(frozen=True)
class Target:
    """``run`` takes any bytes and raises nothing: whatever it raises is a finding."""

    name: str
    seeds: tuple[bytes, ...]
    run: Callable[[bytes], None]


def _session(*, is_initiator: bool) -> Session:
    here, there = (ALICE, BOB) if is_initiator else (BOB, ALICE)
    return Session(
        here,
        there.public,
        is_initiator=is_initiator,
        handshake_hash=_KEY,
        sending=CipherState(_KEY),
        receiving=CipherState(_KEY),
    )


def run_frame(data: bytes) -> None:
    """The bytes as a whole frame; after a valid header; and as what a peer sealed."""
    sealed = HEADER + CipherState(_KEY).encrypt_with_ad(HEADER, data)
    for frame in (data, HEADER + data, sealed):
        session = _session(is_initiator=False)
        with suppress(ProtocolViolation):
            session.verify(session.open(frame))


def _frame_seeds() -> tuple[bytes, ...]:
    session = _session(is_initiator=True)
    frames = [session.seal(b"message", sign=False), _session(is_initiator=True).seal(b"message", sign=True)]
    return (*frames, _session(is_initiator=True).seal_keepalive(), b"\x00message", b"\x01" + bytes(70), b"\x02")


def run_message(data: bytes) -> None:
    """Decode; what decodes is encoded, decoded and printed again."""
    try:
        message = codec.decode(data)
    except codec.DecodeFailed as failure:
        str(failure).encode()
        return
    codec.to_json(message)
    with suppress(ProtocolViolation):  # the other encoding of the same values may be over the limit
        again = codec.encode(message)
        if codec.encode(codec.decode(again)) != again:
            raise AssertionError("a message changes when it is encoded and decoded again")


def _message_seeds() -> tuple[bytes, ...]:
    profile = Profile(
        id="p", name="xmr", miner_type="xmrig", config={"pool": "pool:3333", "more": {"a": [1, 2.5, None]}}
    )
    miner = MinerStats(name="xmrig-1", type="xmrig", state=MinerState.MINING, hashrate_hps=1.5, threads_hps=(1.0, None))
    stats = NodeStats(node_id="0" * 16, node_name="rig", at_ms=1, miners=(miner,))
    payloads: list[messages.Payload] = [
        messages.Hello(name="rig", role=Role.WORKER, version="1", instance="i" * 16, capabilities=("x",)),
        messages.Ping(),
        messages.Error(code=1003, message="no", details={"names": ["a"], "deep": {"x": {"y": 1}}}),
        messages.Stats(stats=stats),
        messages.GetLogs(miner="xmrig-1"),
        messages.Logs(lines=("one", "two"), cursor=5),
        messages.StartMiner(profile=profile, config={"threads": 2}),
        messages.MinerAck(status="started", miners=("xmrig-1",)),
        messages.Deploy(profile=profile),
        messages.DeployChunk(sha256="ab" * 32, offset=1, data=b"chunk"),
    ]
    return tuple(
        codec.encode(
            codec.message_class(type(payload))(id="m", sender="0" * 16, recipient="1" * 16, ts=1, payload=payload)
        )
        for payload in payloads
    )


def _initiator(join: JoinKey | None) -> Initiator:
    return Initiator(ALICE, name="alice", check=lambda keys: None, join=join, new_ephemeral=lambda: _EPHEMERAL[0])


def _responder() -> Responder:
    return Responder(BOB, find_psk=lambda invite: (InviteStatus.GO, JOIN.psk), new_ephemeral=lambda: _EPHEMERAL[1])


def run_handshake(data: bytes) -> None:
    """The bytes as each of the three messages of both kinds."""
    with suppress(ProtocolViolation, Refused):
        answering = _responder()
        answering.read_message_1(data)
        answering.write_message_2()
    for join in (None, JOIN):
        dialling, answering = _initiator(join), _responder()
        first = dialling.write_message_1()
        with suppress(ProtocolViolation, Refused):
            dialling.read_message_2(data)
            dialling.write_message_3()
        answering.read_message_1(first)
        answering.write_message_2()
        with suppress(ProtocolViolation, Refused):
            answering.read_message_3(data)


def _handshake_seeds() -> tuple[bytes, ...]:
    seeds = []
    for join in (None, JOIN):
        dialling, answering = _initiator(join), _responder()
        seeds.append(dialling.write_message_1())
        answering.read_message_1(seeds[-1])
        seeds.append(answering.write_message_2())
        dialling.read_message_2(seeds[-1])
        seeds.append(dialling.write_message_3())
    return tuple(seeds)


def run_profiles(data: bytes) -> None:
    """The bytes as a file of profiles, in both forms; what is read is written and read again as the same."""
    text = data.decode("utf-8", "replace")
    for form in DocumentFormat:
        try:
            drafts = read_document(text, form)
        except BadInput as error:
            if not error.message.isprintable():
                raise AssertionError("the error would be shown as more than one line") from None
            continue
        kept = [Profile(id="", name=one.name, miner_type=one.miner_type, config=one.config) for one in drafts]
        for other in DocumentFormat:
            if read_document(write_document(kept, other), other) != drafts:
                raise AssertionError("profiles change when they are written and read again")


def _profile_seeds() -> tuple[bytes, ...]:
    config: dict[str, ConfigValue] = {
        "pool": "stratum+ssl://pool.example:443",
        "wallet": "48ab.{rig}",
        "failover": ["b.example:1", {"pool": "c.example:2", "tls": False, "password": "p:w"}],
        "cpuAffinity": "0-3,8",
        "threads": 4,
        "intensity": 1.5,
        "opencl": True,
        "extraArgs": ["--cpu-no-yield", "a b"],
    }
    profiles = [Profile(id="", name=name, miner_type="xmrig", config=config) for name in ("one", "two")]
    return (
        *(write_document(profiles, form).encode() for form in DocumentFormat),
        write_document(profiles[:1], DocumentFormat.YAML, alone=True).encode(),
        b"a: &a [x]\nb: [*a, *a]\n---\n!!python/object:x {<<: *a, ? [k] : v}\n",
    )


def run_bundle(data: bytes) -> None:
    """The bytes as each kind of archive, read to its end; and as an offer."""
    bounds = Bounds(files=50, unpacked_bytes=200_000)
    for kind in ("tar", "tar.gz", "tar.xz", "tar.bz2", "zip"):
        with suppress(BadInput):
            for parts, entry in walk(io.BytesIO(data), kind, bounds):
                if not parts or any(part in ("", ".", "..") or "/" in part or "\\" in part for part in parts):
                    raise AssertionError("a path that leads elsewhere was let through")
                if sum(map(len, entry.data)) != entry.size:
                    raise AssertionError("a file has another size than its archive says")
    with suppress(BadInput):
        offer = decode_offer(data)
        is_signed(offer)
        check_offer(offer, Platform(offer.system, offer.architecture))


def _bundle_seeds() -> tuple[bytes, ...]:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("x/xmrig", "x/" + "y" * 120):
            info = tarfile.TarInfo(name)
            info.size = 700
            tar.addfile(info, io.BytesIO(bytes(700)))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/xmrig", bytes(700))
        archive.writestr("x/", b"")
    offer = BundleOffer(
        miner_type="xmrig", version="1", archive="tar", sha256="ab" * 32, size_bytes=1, unpacked_bytes=1, files=1,
        program="x/xmrig",
    )  # fmt: skip
    signed = sign_offer(offer, key=ALICE.public.e, sign=ALICE.sign)
    tar_bytes = plain.getvalue()
    squeezed = (gzip.compress(tar_bytes), lzma.compress(tar_bytes), bz2.compress(tar_bytes))
    return (tar_bytes, *squeezed, packed.getvalue(), msgspec.json.encode(signed))


def targets() -> dict[str, Target]:
    """Return every target by its name."""
    return {
        "frame": Target("frame", _frame_seeds(), run_frame),
        "message": Target("message", _message_seeds(), run_message),
        "profiles": Target("profiles", _profile_seeds(), run_profiles),
        "handshake": Target("handshake", _handshake_seeds(), run_handshake),
        "bundle": Target("bundle", _bundle_seeds(), run_bundle),
    }
