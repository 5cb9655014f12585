"""Reading the small text files of ``/proc`` and ``/sys``: bounded, and what is missing or broken is nothing.

These run every ten seconds for years beside a miner, so they are plain system calls on plain strings.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

from miner_ctrl.model.text import one_line

MAX_BYTES = 16 * 1024
MAX_COUNT = 2**53
MAX_CPUS = 8192
MAX_ENTRIES = 4096

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


def read_text(path: str, max_bytes: int = MAX_BYTES) -> str:
    """Return the beginning of a file, at most ``max_bytes``; empty when it cannot be read."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError):
        return ""
    try:
        parts: list[bytes] = []
        left = max_bytes
        while left > 0 and (part := os.read(descriptor, left)):
            parts.append(part)
            left -= len(part)
    except OSError:  # a sensor that has gone, a device that sleeps
        return ""
    finally:
        os.close(descriptor)
    return b"".join(parts).decode("utf-8", "replace")


def read_line(path: str, max_chars: int = 200) -> str:
    """Return a file's first line as plain text; empty when there is none."""
    return one_line(read_text(path, 4 * max_chars).partition("\n")[0].strip(), max_chars)


def count(text: str) -> int | None:
    """Return a whole number of at least 0 that fits into every message; ``None`` for anything else."""
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 16:
        return None
    number = int(text)
    return number if number <= MAX_COUNT else None


def read_count(path: str) -> int | None:
    """Return the number that a file holds; ``None`` when it holds none."""
    return count(read_text(path, 64))


def number(text: str) -> float | None:
    """Return a decimal number of at least 0, such as ``/proc/loadavg`` has; ``None`` for anything else."""
    if not re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text):
        return None
    return float(text)


def entries(path: str) -> list[str]:
    """Return the names in a directory, sorted; none when it cannot be read."""
    names: list[str] = []
    with contextlib.suppress(OSError, ValueError), os.scandir(path) as found:
        for entry in found:
            names.append(entry.name)
            if len(names) >= MAX_ENTRIES:
                break
    return sorted(names, key=natural)


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key: ``card2`` before ``card10``."""
    return [(int(part), "") if part.isdigit() and part.isascii() else (-1, part) for part in re.split(r"(\d+)", name)]


def cpu_list(text: str) -> list[int]:
    """Return the numbers of a list like ``0-3,8``; none for what is not one."""
    numbers: list[int] = []
    for part in text.strip().split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            return []
        first, last = int(match[1]), int(match[2] or match[1])
        if last - first >= MAX_CPUS:
            return []
        numbers.extend(range(first, last + 1))
        if len(numbers) > MAX_CPUS:
            return []
    return numbers


def key_values(text: str, separator: str = ":") -> Iterator[tuple[str, str]]:
    """Yield the stripped ``key: value`` pairs of a text, line by line."""
    for line in text.splitlines():
        key, found, value = line.partition(separator)
        if found:
            yield key.strip(), value.strip()
