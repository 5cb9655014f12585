"""What a miner takes only as arguments: wallets may stand there, passwords that are secrets may not.

Every user of a machine can read the arguments of its processes. A wallet's address is on the pool's page and on the
chain; most pools take ``x`` or options (``c=BTC,d=64``) for a password, and only these are let through.
"""

from __future__ import annotations

import re

from miner_ctrl.miners.heeded import cannot_have
from miner_ctrl.model.profiles import PoolConfig

_OPTION = r"[A-Za-z]{1,12}=(?:[A-Za-z0-9._-]|\{rig\}){0,64}"
_NO_SECRET = re.compile(rf"|[xX]{{1,3}}|anything|none|\{{rig\}}|{_OPTION}(?:,{_OPTION}){{0,16}}")


def refuse_secret_password(pool: PoolConfig, *, miner_type: str) -> None:
    """See that a pool's password may be read by everybody on the machine.

    Raises:
        BadInput: it looks like a secret.
    """
    if not _NO_SECRET.fullmatch(pool.password):
        raise cannot_have(
            "password",
            f"{miner_type} takes it only as an argument, which every user of the machine can read",
            "Leave it out, give x or the pool's options (c=BTC), or use a miner that reads a file, like xmrig.",
        )
