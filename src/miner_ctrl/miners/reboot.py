"""The last rung of the watchdog's ladder: the owner's own command."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

log = logging.getLogger(__name__)

ENDS_WITHIN_S = 60.0


async def reboot(command: Sequence[str]) -> None:
    """Run the owner's command, a program and its arguments; no shell. What becomes of it is logged."""
    log.warning("the watchdog has given up: running the reboot command %s", command[0])
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        async with asyncio.timeout(ENDS_WITHIN_S):
            code = await process.wait()
    except OSError as error:
        log.warning("the reboot command could not be run: %s", error.strerror)
    except TimeoutError:
        log.warning("the reboot command still runs after %g s", ENDS_WITHIN_S)
    else:
        log.warning("the reboot command ended with exit code %d", code)
