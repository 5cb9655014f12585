"""This process as the system sees it. Blocks a little: with many connections there are many descriptors to count."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from miner_ctrl.metrics import families as of


def read_process() -> Mapping[str, float]:
    """Return the values of the ``process_*`` metrics that this system has."""
    import psutil  # noqa: PLC0415 - 1.7 MB that a node without scrapes does without

    own = psutil.Process()
    with own.oneshot():
        times, memory = own.cpu_times(), own.memory_info()
        found: dict[str, float] = {
            of.CPU.name: times.user + times.system,
            of.RESIDENT.name: memory.rss,
            of.VIRTUAL.name: memory.vms,
            of.STARTED.name: own.create_time(),
        }
    if sys.platform == "win32":
        found[of.OPEN_FDS.name] = own.num_handles()
    else:
        import resource  # noqa: PLC0415 - not on Windows

        found[of.OPEN_FDS.name] = own.num_fds()
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY:
            found[of.MAX_FDS.name] = soft
    return found
