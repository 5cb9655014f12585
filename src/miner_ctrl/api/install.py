"""``/miners/{type}/install`` and ``/update``: the miner programs of this machine."""

from __future__ import annotations

import re

from miner_ctrl.api.faces import InstallsFace
from miner_ctrl.api.resource import Resource
from miner_ctrl.errors import NotFound
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.installs import InstallOrder, InstallView, UpdatesView
from miner_ctrl.model.text import one_line

INSTALLS = Resource("installs")
_TYPE = re.compile(r"[a-z][a-z0-9-]{0,31}")


@INSTALLS.post("/miners/{miner_type}/install", errors=(403, 409, 502, 504), role=AccessRole.ADMIN)
async def install_program(installs: InstallsFace, miner_type: str, body: InstallOrder) -> InstallView:
    """Put a miner's program on this machine: from a file, an address with its hash, or the system's package."""
    return await installs.install(_checked(miner_type), body)


@INSTALLS.delete("/miners/{miner_type}/uninstall", errors=(403, 409, 502), role=AccessRole.ADMIN)
async def uninstall_program(installs: InstallsFace, miner_type: str) -> InstallView:
    """Remove a miner's program that was installed or deployed here."""
    return await installs.uninstall(_checked(miner_type))


@INSTALLS.post("/update", errors=(502,), changes=False)
async def newer_programs(installs: InstallsFace) -> UpdatesView:
    """Return which miner programs are older than what is at hand. Asks nobody outside this machine."""
    return await installs.updates()


def _checked(miner_type: str) -> str:
    if not _TYPE.fullmatch(miner_type):
        raise NotFound(
            f"There is no miner type {one_line(miner_type, 32)!r}.",
            suggestion="GET /api/v1/mining/info lists those there are.",
            code="UNKNOWN_MINER_TYPE",
        )
    return miner_type
