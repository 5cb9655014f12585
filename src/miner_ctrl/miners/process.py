"""What the system tells of a process: who it is, whether it is stopped, whether memory ran out."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path


def end_process_group(pid: int) -> None:
    """Kill a miner and what it started; it leads a process group of its own."""
    if sys.platform == "win32":
        os.kill(pid, signal.SIGTERM)
    else:
        os.killpg(pid, signal.SIGKILL)


def process_start(pid: int) -> int:
    """Return when a process started, in clock ticks since boot; 0 if it does not run or that is not known."""
    fields = _stat(pid)
    try:
        return 0 if not fields or fields[0] in (b"Z", b"X") else int(fields[19])
    except (ValueError, IndexError):
        return 0


def is_stopped(pid: int) -> bool:
    """Return whether a process is stopped by a signal (SIGSTOP) or held by a debugger."""
    return _stat(pid)[:1] in ([b"T"], [b"t"])


def memory_kills() -> int:
    """Return how many processes the kernel has killed since boot for lack of memory; 0 where that is not known."""
    try:
        for line in Path("/proc/vmstat").read_bytes().splitlines():
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return 0


def boot_id() -> str:
    """Return what names this run of the machine; empty where that is not known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def boot_age_s() -> float | None:
    """Return the seconds since the machine was started; ``None`` where that is not known."""
    try:
        return float(Path("/proc/uptime").read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None


def signal_name(number: int) -> str:
    """Return ``signal 9 (SIGKILL)``."""
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def _stat(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []
