"""Measuring one group of figures, in a process of its own: it inherits nobody's memory."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

from benches.figures import Figure, Group
from benches.machine import load, raise_descriptor_limit
from benches.scale import Scale

GROUPS = {
    "link": ("benches.round_trips", "One session"),
    "handshakes": ("benches.handshakes", "Handshakes over both cores"),
    "fleet": ("benches.fleet", "A fleet in another process"),
    "memory": ("benches.connections", "Memory of a connection"),
    "processes": ("benches.processes", "Whole processes (raw: a bare interpreter)"),
    "hashrate": ("benches.hashrate", "What the agent costs real XMRig"),
    "deploys": ("benches.deploys", "A miner program to many rigs (raw: one copy sealed, hashed, written)"),
    "access": ("benches.access", "The API's port under a flood (raw: in a quiet moment)"),
    "crypto": ("benches.crypto", "Steps of a session (raw: the cipher alone)"),
}

ON_REQUEST = frozenset({"hashrate"})
"""Groups that take long or need programs of others: measured only when they are named."""


def measured(name: str, scale: Scale) -> Group:
    """Measure one group in a process of its own.

    Raises:
        RuntimeError: it failed there, which has printed why.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(name, scale, theirs))
    before = load()
    process.start()
    theirs.close()
    try:
        figures: list[Figure] = ours.recv()
    except EOFError:
        raise RuntimeError(f"{name} could not be measured") from None
    finally:
        process.join()
    return Group(name, GROUPS[name][1], figures, (before, load()))


def _measure(name: str, scale: Scale, results: Connection) -> None:
    logging.basicConfig(level=logging.WARNING)
    raise_descriptor_limit()
    measure = importlib.import_module(GROUPS[name][0]).measure
    with tempfile.TemporaryDirectory(prefix="miner-ctrl-benches-") as home:
        results.send(uvloop.run(measure(scale, Path(home))))
