"""Stand-ins for miners that cannot be run here: what each of them says, and the adapter that starts it."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from miner_ctrl.miners.contract import Adapter
from miner_ctrl.miners.described import DescribedAdapter
from miner_ctrl.miners.description_check import read_description
from miner_ctrl.miners.description_files import SHIPPED
from miner_ctrl.miners.program import variable_of
from miner_ctrl.miners.tt_miner import TtMinerAdapter

PROGRAM = Path(__file__).with_name("stand_in_program.py")
RECORDED = Path(__file__).parent.parent / "recorded"
VERSION = "9.8.7"

LOG_DESCRIPTION = """
type = "log-only"
title = "LogMiner"
description = "A miner that only writes"
programs = ["logminer"]
[version]
arguments = ["-V"]
pattern = "LogMiner {version}"
[start]
arguments = ["-o", "{pool}", "-u", "{wallet}", "-p", "{password}"]
[read]
kind = "log"
lines = ["All[*]: * {hashrate} {unit} [A{accepted}:R{rejected}:S{stale} *", "Connected to: {pool} -"]
"""
LOG_AT_START = ["********* LogMiner - Version: 9.8.7", "Pool[DEF-0]:   Connecting to: stratum+tcp://127.0.0.1:9"]
LOG = [
    *LOG_AT_START,
    "Pool[DEF-0]:   Connected to: 127.0.0.1:9 - IP4/IP6: 127.0.0.1",
    "\x1b[32mAll[DEF]:\x1b[0m      0 H/s [A0:R0:S0 0.0%]  10 W  0 H/s/W  uptime: 0 00:00:07  last: -",
    "\x1b[32mAll[DEF]:\x1b[0m  1.310 kH/s [A12:R1:S2 0.0%]  10 W  0 H/s/W  uptime: 0 00:00:17  last: -",
]
TT_STARTING = (
    '{"id":0,"jsonrpc":"2.0","result":["TT-Miner/2.2.1","0","0;0;0","0;0","0;0;0","off;off","0;0;0;0",'
    '"mtp.hk.nicehash.com:3374","0;0;0;0"]}\n'
)


def shipped_types() -> list[str]:
    """Return the types whose descriptions ship with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def spec_of(miner_type: str, folder: Path) -> dict[str, Any]:
    """Return what the stand-in of a type does."""
    spec: dict[str, Any] = {
        "kind": "http",
        "port": r'"api-bind": "127\.0\.0\.1:(\d+)"',
        "mines_after_s": 0.6,
        "version_arguments": ["--version"],
        "version_says": f"{miner_type} v{VERSION}",
        "seen": str(folder / f"{miner_type}.seen"),
        "log": LOG,
        "log_at_start": len(LOG_AT_START),
    }
    if miner_type == "tt-miner":
        question = {"id": 0, "jsonrpc": "2.0", "method": "miner_getstat1"}
        recorded = (RECORDED / "tt-miner-2.2.1" / "getstat1.json").read_text()
        said = "********* TT-Miner - Version: 2.2.1 (Sep  7 2023 13:13:32)"
        return {
            **spec, "kind": "json", "question": question, "port": r"-b 127\.0\.0\.1:(\d+)",
            "starting": TT_STARTING, "mining": recorded, "version_says": said, "version_status": 1,
        }  # fmt: skip
    if miner_type == "cpuminer-opt":
        texts = RECORDED / "cpuminer-opt-26.1"
        mining = {name: (texts / f"yescrypt-{name}.txt").read_text() for name in ("summary", "threads")}
        starting = {
            "summary": mining["summary"].replace("875.11", "0.00").replace("KHS=0.88", "KHS=0.00"),
            "threads": mining["threads"].replace("875.11", "0.00"),
        }
        return {**spec, "kind": "text", "starting": starting, "mining": mining, "version_says": "cpuminer-opt 26.1"}
    if miner_type == "log-only":
        return {**spec, "kind": "log", "version_arguments": ["-V"], "version_says": f"LogMiner {VERSION}"}
    documented = (RECORDED / "documented" / f"{miner_type}.json").read_text()
    spec.update(mining=documented, starting=_zeroed(documented))
    paths = {"lolminer": "/summary", "t-rex": "/summary", "gminer": "/stat", "rigel": "/stat", "bzminer": "/status"}
    spec["path"] = paths.get(miner_type, "/")
    spec["port"] = {
        "t-rex": r"--api-bind-http 127\.0\.0\.1:(\d+)",
        "rigel": r"--api-bind 127\.0\.0\.1:(\d+)",
        "teamredminer": r"--api_listen=127\.0\.0\.1:(\d+)",
        "lolminer": r"--apihost 127\.0\.0\.1 --apiport (\d+)",
        "srbminer-multi": r"--api-enable --api-port (\d+)",
        "gminer": r"--api (\d+)",
        "bzminer": r"--http_enabled 1 --http_address 127\.0\.0\.1 --http_port (\d+)",
    }[miner_type]
    spec["chunked"] = miner_type == "rigel"
    if miner_type == "teamredminer":
        spec.update(kind="json", question={"command": "summary+devs"}, version_arguments=["--help"])
        spec["version_says"] = f"          Team Red Miner version {VERSION}\nUsage: teamredminer [OPTIONS]"
    return spec


def stand_in(miner_type: str, folder: Path, **changes: Any) -> Adapter:
    """Return the adapter of a type with a stand-in for its program, which is in ``folder``."""
    spec = folder / f"{miner_type}.spec.json"
    spec.write_text(json.dumps({**spec_of(miner_type, folder), **changes}))
    program = folder / f"{miner_type}-stand-in"
    words = [sys.executable, "-I", "-S", "-E", str(PROGRAM), str(spec)]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o755)
    environ = {variable_of(miner_type): str(program)}
    if miner_type == "tt-miner":
        return TtMinerAdapter(environ=environ)
    raw = LOG_DESCRIPTION.encode() if miner_type == "log-only" else (SHIPPED / f"{miner_type}.toml").read_bytes()
    return DescribedAdapter(read_description(raw, name=f"{miner_type}.toml"), environ=environ)


def arguments_seen(miner_type: str, folder: Path) -> list[str]:
    """Return the arguments that the stand-in was started with."""
    seen: list[str] = json.loads((folder / f"{miner_type}.seen").read_text())
    return seen


def _zeroed(answer: str) -> str:
    """Return an answer of the same shape in which nothing has been mined yet."""

    def zero(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: zero(each) for key, each in value.items()}
        if isinstance(value, list):
            return [zero(each) for each in value]
        return 0 if isinstance(value, int | float) else value

    return json.dumps(zero(json.loads(answer)))
