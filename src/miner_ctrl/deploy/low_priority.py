"""A thread for work that must not cost a rig hashrate."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

LOWEST = 19


def low_priority_thread(name: str) -> ThreadPoolExecutor:
    """Return an executor with one thread, which runs only when nobody else wants the processor (Linux)."""
    return ThreadPoolExecutor(1, name, initializer=_step_back)


def _step_back() -> None:
    if sys.platform == "linux":  # elsewhere a priority is the whole process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)
