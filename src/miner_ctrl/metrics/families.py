"""Every metric there is: its name, its kind, its labels, and what it means. ``docs/metrics.md`` is made of this.

A counter never goes down while this process lives, whatever comes and goes: a miner that is restarted, a rig that is
removed. What cannot be counted so is a gauge. Names end in their unit (``_seconds``, ``_bytes``, ``_celsius``,
``_watts``, ``_hps`` for hashes per second); times are Unix times, whose age is for the reader to take.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """``INFO`` is a gauge that is always 1 and says what it says in its labels."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    INFO = "info"


class Family(NamedTuple):
    """One metric. ``name`` is that of its samples: a counter's ends in ``_total``, an info's in ``_info``."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


GAUGE, COUNTER = Kind.GAUGE, Kind.COUNTER
_RIG = ("peer", "id")

NODE_INFO = Family("miner_ctrl_info", Kind.INFO, "This node: its version, name and role.", ("version", "node", "role"))
PEERS = Family("miner_ctrl_peers", GAUGE, "Peers that this node knows.")
PEERS_CONNECTED = Family("miner_ctrl_peers_connected", GAUGE, "Peers whose session stands.")
DISK_FREE = Family("miner_ctrl_disk_free_bytes", GAUGE, "Free on the disk that holds this node's data.")
LOOP_LAG = Family(
    "miner_ctrl_loop_lag_seconds",
    Kind.HISTOGRAM,
    "How late the event loop was, looked at once a second while somebody scrapes.",
)
FAILED_SOURCES = Family(
    "miner_ctrl_metrics_failures_total",
    COUNTER,
    "Parts of this page that could not be had; the node's log says why.",
)

FLEET_RIGS = Family(
    "miner_ctrl_fleet_rigs",
    GAUGE,
    "Rigs by what they do: mining, paused, idle, trouble (connected, and a miner's hashrate is lost), offline.",
    ("state",),
)
FLEET_MINERS = Family("miner_ctrl_fleet_miners", GAUGE, "Miners of the rigs that are up.", ("state",))
FLEET_HASHRATE = Family(
    "miner_ctrl_fleet_hashrate_hps",
    GAUGE,
    "Hashrate of the rigs that are up, in H/s. Never to be added over algorithms.",
    ("algorithm",),
)
FLEET_ACCEPTED = Family(
    "miner_ctrl_fleet_shares_accepted_total",
    COUNTER,
    "Shares accepted in all of the fleet since this node was first scraped; those of a rig that was removed remain.",
)
FLEET_REJECTED = Family("miner_ctrl_fleet_shares_rejected_total", COUNTER, "As accepted, of shares rejected.")
FLEET_POWER = Family("miner_ctrl_fleet_power_watts", GAUGE, "Power of all GPUs of the rigs that are up, where known.")
ALERTS = Family("miner_ctrl_alerts", GAUGE, "What needs somebody's attention (GET /alerts).", ("severity",))
FLEET_HOTTEST = Family("miner_ctrl_fleet_hottest_celsius", GAUGE, "The highest temperature of the rigs that are up.")

RIG_UP = Family("miner_ctrl_rig_up", GAUGE, "1: connected, and reports. Else 0, and its gauges are absent.", _RIG)
RIG_REPORTED = Family(
    "miner_ctrl_rig_last_report_timestamp_seconds",
    GAUGE,
    "When the rig last reported, on this node's clock; absent before its first report to this process.",
    _RIG,
)
RIG_HASHRATE = Family(
    "miner_ctrl_rig_hashrate_hps", GAUGE, "Hashrate of the rig's miners, in H/s.", (*_RIG, "algorithm")
)
RIG_ACCEPTED = Family(
    "miner_ctrl_rig_shares_accepted_total",
    COUNTER,
    "Shares accepted from the rig's miners since this node first scraped it. A miner's restart does not lessen it.",
    _RIG,
)
RIG_REJECTED = Family("miner_ctrl_rig_shares_rejected_total", COUNTER, "As accepted, of shares rejected.", _RIG)
RIG_MINERS = Family(
    "miner_ctrl_rig_miners", GAUGE, "The rig's miners; a state that none is in is absent.", (*_RIG, "state")
)
RIG_TEMPERATURE = Family("miner_ctrl_rig_temperature_celsius", GAUGE, "The hottest of the rig's CPU and GPUs.", _RIG)
RIG_POWER = Family("miner_ctrl_rig_power_watts", GAUGE, "Power of the rig's GPUs, where known.", _RIG)
RIG_PING = Family("miner_ctrl_rig_ping_seconds", GAUGE, "The last round trip to the rig.", _RIG)
RIG_DISK_FREE = Family("miner_ctrl_rig_disk_free_bytes", GAUGE, "Free on the disk that holds the rig's data.", _RIG)
RIG_PROBLEMS = Family(
    "miner_ctrl_rig_problems", GAUGE, "How many things are wrong with the rig, by its own word.", _RIG
)

SESSIONS = Family("miner_ctrl_sessions", GAUGE, "Sessions with peers that stand.")
HALF_OPEN = Family("miner_ctrl_sessions_half_open", GAUGE, "Incoming connections that are not sessions yet.")
HANDSHAKES = Family(
    "miner_ctrl_handshakes_total",
    COUNTER,
    "Handshakes of incoming connections: accepted, refused (strangers, dead invites), failed (broken, too slow).",
    ("outcome",),
)
DIALS = Family("miner_ctrl_dials_total", COUNTER, "Dials to peers: connected, or failed.", ("outcome",))
SESSIONS_ENDED = Family(
    "miner_ctrl_sessions_ended_total",
    COUNTER,
    "Sessions that ended: clean (with a word, or replaced by a newer one), or lost.",
    ("how",),
)
SENT = Family("miner_ctrl_session_sent_bytes_total", COUNTER, "Sent to peers in sessions, as encrypted.")
RECEIVED = Family("miner_ctrl_session_received_bytes_total", COUNTER, "Received from peers in sessions, as encrypted.")

REQUESTS = Family(
    "miner_ctrl_http_requests_total",
    COUNTER,
    "Requests answered, by route and class of status; a path that is no route is unknown.",
    ("method", "route", "status"),
)
REQUEST_SECONDS = Family(
    "miner_ctrl_http_request_duration_seconds",
    Kind.HISTOGRAM,
    "How long answers took, but for streams, which last.",
)
STREAMS = Family("miner_ctrl_http_streams", GAUGE, "Readers that follow something.")
REFUSED = Family(
    "miner_ctrl_http_refused_total",
    COUNTER,
    "Requests refused: unauthorized (401), forbidden (403), too_slow (408), too_large (413, 431), rate_limited (429), "
    "busy (503).",
    ("reason",),
)

HISTORY_WAITING = Family("miner_ctrl_history_waiting_parts", GAUGE, "Parts of rigs' journals that wait to be written.")
HISTORY_ENTRIES = Family("miner_ctrl_history_entries_total", COUNTER, "Entries of rigs' journals that were written.")
HISTORY_COMMITS = Family("miner_ctrl_history_commits_total", COUNTER, "Transactions that it took to write them.")
HISTORY_WRITABLE = Family(
    "miner_ctrl_history_writable", GAUGE, "0: the history cannot be written; GET /ready says why."
)
AUDIT_ENTRIES = Family("miner_ctrl_audit_entries_total", COUNTER, "Entries written into the audit log by this process.")
AUDIT_LOST = Family("miner_ctrl_audit_lost_total", COUNTER, "Entries of the audit log that could not be written.")

CPU = Family("process_cpu_seconds_total", COUNTER, "Time on the CPUs, the system's for this process among it.")
RESIDENT = Family("process_resident_memory_bytes", GAUGE, "Resident memory (RSS).")
VIRTUAL = Family("process_virtual_memory_bytes", GAUGE, "Address space.")
STARTED = Family("process_start_time_seconds", GAUGE, "When this process was started.")
OPEN_FDS = Family("process_open_fds", GAUGE, "Open file descriptors.")
MAX_FDS = Family("process_max_fds", GAUGE, "How many there may be.")

OF_RIGS: tuple[Family, ...] = (
    RIG_UP, RIG_REPORTED, RIG_HASHRATE, RIG_ACCEPTED, RIG_REJECTED, RIG_MINERS, RIG_TEMPERATURE, RIG_POWER, RIG_PING,
    RIG_DISK_FREE, RIG_PROBLEMS,
)  # fmt: skip
"""What there is of each rig."""
FAMILIES: tuple[Family, ...] = (
    NODE_INFO, PEERS, PEERS_CONNECTED, DISK_FREE, LOOP_LAG, FAILED_SOURCES,
    FLEET_RIGS, FLEET_MINERS, FLEET_HASHRATE, FLEET_ACCEPTED, FLEET_REJECTED, FLEET_POWER, FLEET_HOTTEST, ALERTS,
    *OF_RIGS,
    SESSIONS, HALF_OPEN, HANDSHAKES, DIALS, SESSIONS_ENDED, SENT, RECEIVED,
    REQUESTS, REQUEST_SECONDS, STREAMS, REFUSED,
    HISTORY_WAITING, HISTORY_ENTRIES, HISTORY_COMMITS, HISTORY_WRITABLE, AUDIT_ENTRIES, AUDIT_LOST,
    CPU, RESIDENT, VIRTUAL, STARTED, OPEN_FDS, MAX_FDS,
)  # fmt: skip
BY_NAME = {family.name: family for family in FAMILIES}
