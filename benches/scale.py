"""How much is measured: the whole, or a short form that only shows that every figure can be had."""

from __future__ import annotations

import msgspec


class Scale(msgspec.Struct, frozen=True):
    """Numbers of samples and nodes; ``rounds`` alternate between ours and the raw echo."""

    rounds: int = 8
    round_trips: int = 1500
    in_flight_requests: int = 10_000
    dialled: int = 1000
    fleet: int = 1000
    sweeps: int = 6
    changes: int = 200
    readers: int = 100
    wall: int = 10_000
    live_s: float = 10.0
    scrapes: int = 40
    backlog_s: float = 3600.0
    all_on_s: float = 60.0
    runs: int = 15
    watched_s: float = 120.0
    repeats: int = 5000
    pairs: int = 5
    window_s: float = 60.0
    deployed_to: int = 20
    bundle_mb: int = 100
    samples: int = 1_000_000
    written: int = 10_000
    day_samples: int = 8_640
    charts: int = 400


FULL = Scale()
QUICK = Scale(
    rounds=2,
    round_trips=50,
    in_flight_requests=256,
    dialled=32,
    fleet=32,
    sweeps=2,
    changes=20,
    readers=4,
    wall=500,
    live_s=1.0,
    scrapes=3,
    backlog_s=60.0,
    all_on_s=3.0,
    runs=2,
    watched_s=1.0,
    repeats=50,
    pairs=2,
    window_s=3.0,
    deployed_to=3,
    bundle_mb=8,
    samples=50_000,
    written=200,
    day_samples=720,
    charts=20,
)
