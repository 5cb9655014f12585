"""The systemd unit that serves a node, as text. Pure.

What must not be in it, because miners outlive the agent and are its children: ``KillMode=control-group`` (it would end
them), ``PrivateTmp`` and ``RuntimeDirectory`` (their sockets would go with the agent), ``PrivateDevices``,
``DevicePolicy`` and ``ProtectClock`` (no GPU, no MSR), ``ProtectKernelTunables`` and ``ProtectKernelModules`` (no huge
pages, no MSR), ``MemoryDenyWriteExecute`` (RandomX compiles its programs), ``NoNewPrivileges`` (a miner with file
capabilities would lose them), ``MemoryMax`` and ``CPUQuota``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from miner_ctrl.errors import BadInput

NAME = "miner-ctrl.service"
_PLAIN = re.compile(r"[A-Za-z0-9_./:=@+,-]+")
_NOT_IN_A_PROGRAM = frozenset("\"'\\")
_ENV = "/usr/bin/env"
_HOMES = ("/home", "/root", "/run/user")
_MINERS = """\
# Miners outlive this program: a restart, an update or a crash of it stops nothing.
KillMode=process
# One miner that the kernel ends for want of memory is not the end of the others.
OOMPolicy=continue
LimitMEMLOCK=infinity
LimitNOFILE=65536
TasksMax=infinity
"""
_CONTROLLER = """\
# No miners here: what a program on the network does not need, it does not get.
LimitNOFILE=65536
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
"""
_CONTROLLER_OF_SYSTEM = """\
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=full
"""
_MINERS_OF_SYSTEM = """\
# Runs as root: huge pages and the CPU's registers (MSR), 10 to 15 % on RandomX, need it.
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
"""


class UnitPlan(NamedTuple):
    """What the unit is to start: ``command`` with absolute paths, for the home ``home`` (``None``: the user's own
    places). ``mines``: the node is a rig. ``remark`` is a sentence of ours for who reads it."""

    command: Sequence[str]
    home: Path | None
    user: bool
    mines: bool
    remark: str = ""


def unit_file(plan: UnitPlan) -> str:
    """Return the unit's text.

    Raises:
        BadInput: a path cannot stand in a unit.
    """
    environment = f"Environment={quoted(f'MINER_CTRL_HOME={plan.home}')}\n" if plan.home is not None else ""
    remark = f"# {plan.remark}\n" if plan.remark else ""
    program, *arguments = plan.command
    if any(char in _NOT_IN_A_PROGRAM for char in program):  # systemd refuses these however they are written
        program, arguments = _ENV, [program, *arguments]
    command = " ".join([quoted(program), *(quoted(word).replace("$", "$$") for word in arguments)])
    special = _MINERS if plan.mines else _CONTROLLER
    if not plan.user:
        special += _MINERS_OF_SYSTEM if plan.mines else _CONTROLLER_OF_SYSTEM
        if not plan.mines and plan.home is not None and not any(map(plan.home.is_relative_to, _HOMES)):
            special += "ProtectHome=read-only\n"
    network = "" if plan.user else "Wants=network-online.target\nAfter=network-online.target time-sync.target\n"
    what = "mining rig" if plan.mines else "controller"
    return f"""\
[Unit]
Description=miner-ctrl: {what}
{network}StartLimitIntervalSec=0

[Service]
Type=exec
{environment}{remark}ExecStart={command}
Restart=always
RestartSec=5
TimeoutStopSec=30
UMask=0077
{special}
[Install]
WantedBy={"default.target" if plan.user else "multi-user.target"}
"""


def quoted(word: str) -> str:
    """Return a word as systemd reads it back: quotes and backslashes escaped, ``%`` doubled.

    Raises:
        BadInput: it has line breaks or control characters, or is not text.
    """
    try:
        word.encode()
    except UnicodeEncodeError:
        sound = False
    else:
        sound = all(char >= " " and char != "\x7f" for char in word)
    if not sound:
        raise BadInput(
            f"A unit file cannot hold {word!r}.",
            suggestion="Choose a path without line breaks and control characters.",
            code="BAD_PATH",
        )
    if _PLAIN.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
