"""Huge pages, memory and swap: what RandomX lives on.

Sizes and gains as XMRig's RandomX guide has them: 2080 MB of dataset for each NUMA node, 256 MB of cache, 2 MB for each
thread; up to 50 % from huge pages, 1 to 3 % more from those of 1 GB.
"""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from miner_ctrl.doctor.snapshot import Snapshot
from miner_ctrl.model.doctor import Finding, Severity

DATASET_AND_CACHE_PAGES = 1168
CACHE_PAGES = 128
GIGABYTE_PAGES_A_NODE = 3
PAGE_BYTES = 2 * 1024 * 1024
SPARE_BYTES = 1024 * 1024 * 1024
"""What the system itself needs beside the pages."""
FAST_MODE_BYTES = 3 * 1024**3
SWAP_IN_USE_BYTES = 256 * 1024 * 1024
MANY_CHANNELS_THREADS = 8
SYSCTL_FILE = "/etc/sysctl.d/60-miner-ctrl.conf"


def memory_rules(seen: Snapshot) -> Iterator[Finding]:
    """Judge the memory."""
    if seen.linux:
        yield _huge_pages(seen)
        yield from _gigabyte_pages(seen)
        yield from _locked_memory(seen)
    yield from _size(seen)
    yield from _swap(seen)
    yield from _channels(seen)


def pages_wanted(seen: Snapshot) -> int:
    """Return how many huge pages of 2 MB RandomX wants here: dataset and cache on each NUMA node, one a thread."""
    nodes, threads = seen.hardware.numa_nodes or 1, seen.hardware.threads or 1
    return DATASET_AND_CACHE_PAGES * nodes + threads


def _huge_pages(seen: Snapshot) -> Finding:
    wanted, there = pages_wanted(seen), seen.stats.huge_pages_total
    if there is None:
        return Finding(
            id="huge-pages",
            severity=Severity.HINT,
            title="This kernel has no huge pages of 2 MB",
            what="Miners run without them.",
            gain="Up to 50 % more hashrate on RandomX.",
            fix=("Use a kernel that is built with CONFIG_HUGETLBFS, as those of all distributions are.",),
        )
    if there >= wanted:
        free = f", {seen.stats.huge_pages_free} of them free" if seen.stats.huge_pages_free is not None else ""
        return Finding(
            id="huge-pages", severity=Severity.OK, title="Huge pages", what=f"{there} of 2 MB are reserved{free}."
        )
    nodes = seen.hardware.numa_nodes or 1
    sum_text = (
        f"{DATASET_AND_CACHE_PAGES} for dataset and cache{' on each NUMA node' if nodes > 1 else ''}, one a thread"
    )
    what = f"RandomX wants {wanted} of 2 MB here ({sum_text}); {there or 'none'} are reserved."
    memory = seen.stats.memory_total_bytes
    if memory is not None and wanted * PAGE_BYTES + SPARE_BYTES > memory:
        return Finding(
            id="huge-pages",
            severity=Severity.HINT,
            title="Too little memory for RandomX's huge pages",
            what=f"{what} They take {wanted * PAGE_BYTES // 1024**2} MB, and the machine has {memory // 1024**2} MB.",
            gain="Up to 50 % more hashrate on RandomX.",
            fix=("Add memory, or mine something else here.",),
        )
    return Finding(
        id="huge-pages",
        severity=Severity.WARNING,
        title="Too few huge pages are reserved" if there else "No huge pages are reserved",
        what=what + (" In a container it is the host that reserves them." if seen.container else ""),
        gain="Up to 50 % more hashrate on RandomX.",
        fix=(
            f"sudo sysctl -w vm.nr_hugepages={wanted}",
            f"echo vm.nr_hugepages={wanted} | sudo tee {SYSCTL_FILE}",
        ),
    )


def _gigabyte_pages(seen: Snapshot) -> Iterator[Finding]:
    if "pdpe1gb" not in seen.hardware.features or seen.gigabyte_pages is None:
        return
    nodes = seen.hardware.numa_nodes or 1
    wanted = GIGABYTE_PAGES_A_NODE * nodes
    if seen.gigabyte_pages >= wanted:
        yield Finding(
            id="1gb-pages", severity=Severity.OK, title="1 GB pages", what=f"{seen.gigabyte_pages} are reserved."
        )
        return
    memory, rest = seen.stats.memory_total_bytes, CACHE_PAGES + (seen.hardware.threads or 1)
    if memory is not None and wanted * 1024**3 + rest * PAGE_BYTES + SPARE_BYTES > memory:
        return
    yield Finding(
        id="1gb-pages",
        severity=Severity.HINT,
        title="No 1 GB pages are reserved" if not seen.gigabyte_pages else "Too few 1 GB pages are reserved",
        what=f"This CPU has them. RandomX's dataset takes {wanted} here; the profile has to say 1gb-pages.",
        gain="1 to 3 % more hashrate on RandomX.",
        fix=(
            f"Add to the kernel's command line: default_hugepagesz=2M hugepagesz=1G hugepages={wanted}"
            f" hugepagesz=2M hugepages={rest}",
            "sudo update-grub && sudo reboot",
        ),
    )


def _locked_memory(seen: Snapshot) -> Iterator[Finding]:
    limit = seen.max_locked_bytes
    if seen.root or limit is None or limit == -1 or limit >= FAST_MODE_BYTES:
        return
    yield Finding(
        id="locked-memory",
        severity=Severity.HINT,
        title="Memory that may be locked is limited",
        what=f"{seen.user or 'This user'} may lock {limit // 1024} kB. Miners that lock their dataset cannot.",
        gain="Huge pages for miners that ask for them by locking.",
        fix=(
            f"echo {quote(seen.user or '*')} - memlock unlimited | sudo tee /etc/security/limits.d/60-miner-ctrl.conf",
        ),
    )


def _size(seen: Snapshot) -> Iterator[Finding]:
    memory = seen.stats.memory_total_bytes
    if memory is not None and memory < FAST_MODE_BYTES:
        yield Finding(
            id="memory",
            severity=Severity.WARNING,
            title="Too little memory for RandomX's fast mode",
            what=f"The machine has {memory // 1024**2} MB; dataset and cache take 2336 MB. Light mode remains.",
            gain="Several times the hashrate on RandomX.",
            fix=("Add memory, or mine something else here.",),
        )


def _swap(seen: Snapshot) -> Iterator[Finding]:
    used = seen.swap_used_bytes
    if used is not None and used >= SWAP_IN_USE_BYTES:
        yield Finding(
            id="swap",
            severity=Severity.WARNING,
            title="The machine swaps",
            what=f"{used // 1024**2} MB are swapped out: memory is short, and what a miner swaps does not hash.",
            gain="A hashrate that does not drop by itself.",
            fix=("See what takes the memory: ps aux --sort=-rss | head", "sudo sysctl -w vm.swappiness=1"),
        )


def _channels(seen: Snapshot) -> Iterator[Finding]:
    channels, threads = seen.memory_channels, seen.hardware.threads or 0
    if channels == 1 and threads >= MANY_CHANNELS_THREADS:
        yield Finding(
            id="memory-channels",
            severity=Severity.HINT,
            title="All memory is on one channel",
            what="A channel of DDR4 feeds about 4000 to 6000 H/s of RandomX; this CPU can do more.",
            gain="Up to twice the hashrate on RandomX with a second module.",
            fix=("Put memory modules into the slots of both channels, as the mainboard's manual has them.",),
        )
