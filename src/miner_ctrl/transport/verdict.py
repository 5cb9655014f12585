"""The functions that decide: who may connect, with which invite, and what a peer may do. They come from outside."""

from __future__ import annotations

from collections.abc import Callable

from miner_ctrl.identity.introductions import Introduction, InviteStatus
from miner_ctrl.model.nodes import Grants
from miner_ctrl.model.verdict import Verdict, VerdictStatus

ACCEPTED = Verdict(VerdictStatus.ACCEPTED)

Judge = Callable[[Introduction, str], Verdict]
"""Called with who introduced itself and the address it came from."""
FindPsk = Callable[[bytes], tuple[InviteStatus, bytes | None]]
"""Called with an invite ID; the pre-shared key is there when the status is ``GO``."""
GrantsOf = Callable[[bytes], Grants]
"""Called with a fingerprint at each request: what that peer may do here now."""
