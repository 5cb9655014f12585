"""What a rig writes into its journal, and a controller fills its history from.

An entry has a number, one higher than the one before, in one journal; a journal has an ID, made with its file. Journal
ID and number together name an entry for ever: fetched twice, it is still one.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.model.miners import MAX_MINERS, MinerState
from miner_ctrl.model.values import Count, Sentence, ShortText


class MinerSample(msgspec.Struct, frozen=True, array_like=True):
    """One miner at one moment; fields as in ``MinerStats``. The temperature is that of its hottest device."""

    name: ShortText
    state: MinerState
    algorithm: ShortText = ""
    hashrate_hps: float | None = None
    accepted: Count = 0
    rejected: Count = 0
    temperature_c: float | None = None
    power_w: float | None = None


class Sample(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """The rig at one moment: ``at_ms`` on its clock (Unix, ms)."""

    at_ms: int
    miners: Annotated[tuple[MinerSample, ...], Meta(max_length=MAX_MINERS)] = ()
    cpu_temperature_c: float | None = None
    power_w: float | None = None


class RigEvent(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="e"):
    """Something happened on the rig.

    ``kind``: started, stopped, paused, resumed, crashed, ended, watchdog, gave_up, deployed, rolled_back, schedule,
    settings, lock, refused, agent_started, adopted, journal (of the journal itself). ``by``: who asked: a node ID,
    ``watchdog``, ``schedule``, ``owner`` (a command on the rig itself), or empty.
    """

    at_ms: int
    kind: ShortText
    miner: ShortText = ""
    by: ShortText = ""
    text: Sentence = ""


class JournalEntry(msgspec.Struct, frozen=True, array_like=True):
    """``seq`` counts from 1."""

    seq: Count
    what: Sample | RigEvent


class OwnEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a controller saw or did itself, of the peer with this fingerprint (empty: of none).

    ``kind``: online, offline (``text`` says why), flapping, paired, unpaired, pairing, settings, deploy, command, job,
    refused, controller, journal. ``by``: who asked for it: ``owner``, ``loopback``, ``token NAME``, ``login NAME``, a
    node ID, or empty.
    """

    at_ms: int
    kind: ShortText
    peer: bytes = b""
    miner: ShortText = ""
    by: ShortText = ""
    text: Sentence = ""


class HistorySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``<config>/history.toml``: how long a controller remembers what. A minute's or an hour's rows outlive what they
    are made of."""

    samples_hours: Annotated[float, Meta(ge=1, le=24 * 31)] = 24.0
    minutes_days: Annotated[float, Meta(ge=1, le=366)] = 30.0
    hours_days: Annotated[float, Meta(ge=7, le=3660)] = 730.0
    events_days: Annotated[float, Meta(ge=1, le=3660)] = 730.0
