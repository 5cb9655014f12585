"""Waiting for the disk elsewhere than in the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


async def in_thread(thread: Executor | None, work: Callable[[], T]) -> T:
    """Return what ``work`` returns in ``thread``; in one of the loop's where there is none, or it has ended already."""
    loop = asyncio.get_running_loop()
    try:
        done = loop.run_in_executor(thread, work)
    except RuntimeError:  # whose thread it is has closed before the log
        done = loop.run_in_executor(None, work)
    return await done
