"""What all sessions of one endpoint share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.nodes import NO_GRANTS, Role
from miner_ctrl.model.verdict import Verdict, VerdictStatus
from miner_ctrl.protocol.messages import Hello
from miner_ctrl.transport.counts import SessionCounts
from miner_ctrl.transport.limits import CommandLimits
from miner_ctrl.transport.request import Routes
from miner_ctrl.transport.timings import Timings
from miner_ctrl.transport.verdict import ACCEPTED, FindPsk, GrantsOf, Judge

if TYPE_CHECKING:
    from miner_ctrl.transport.channel import Channel


class Shared:
    """Who this node is, its clocks, and the functions that decide. ``clock`` is monotonic (s), ``now_ms`` Unix time.

    ``attentive_now`` is a clock that only runs while this process looks at its connections: time in which it was
    stopped or busy is not held against a peer.
    """

    __slots__ = (
        "_command_limits",
        "attentive_now",
        "capabilities",
        "clock",
        "counts",
        "find_psk",
        "grants_of",
        "hasten",
        "instance",
        "judge",
        "keys",
        "name",
        "new_id",
        "now_ms",
        "on_ended",
        "on_refused",
        "random",
        "role",
        "routes",
        "tasks",
        "timings",
        "trace",
        "version",
    )

    def __init__(
        self,
        *,
        keys: NodeKeys,
        name: str,
        role: Role,
        version: str,
        capabilities: tuple[str, ...],
        instance: str,
        judge: Judge,
        find_psk: FindPsk,
        grants_of: GrantsOf,
        timings: Timings,
        clock: Callable[[], float],
        now_ms: Callable[[], int],
        random: Callable[[], float],
        new_id: Callable[[], str],
        on_ended: Callable[[Channel, str, bool], None],
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self.keys = keys
        self.name = name
        self.role = role
        self.version = version
        self.capabilities = capabilities
        self.instance = instance
        self.judge = judge
        self.find_psk = find_psk
        self.grants_of = grants_of
        self.timings = timings
        self.clock = clock
        self.now_ms = now_ms
        self.random = random
        self.new_id = new_id
        self.on_ended = on_ended
        self.on_refused: Callable[[Channel, str, str], None] = _nobody
        """Hears of a command that a peer was not granted: the message's type and the error's code."""
        self.trace = trace
        self.hasten: Callable[[], None] = _nothing
        """Has the ticker look soon: something that has a time limit has begun."""
        self.routes = Routes()
        self.counts = SessionCounts()
        self.attentive_now = clock()
        self.tasks: set[asyncio.Future[Any]] = set()
        self._command_limits: dict[bytes, CommandLimits] = {}

    def hello(self, peer: bytes, verdict: Verdict = ACCEPTED) -> Hello:
        """Return this node's hello to a peer; a responder's carries the verdict."""
        grants = self.grants_of(peer) if verdict.status is VerdictStatus.ACCEPTED else NO_GRANTS
        return Hello(
            verdict=verdict.status.value,
            reason=verdict.reason[:1000],
            name=self.name,
            role=self.role,
            version=self.version,
            capabilities=self.capabilities,
            instance=self.instance,
            grants=tuple(sorted(grants)),
        )

    def command_limits(self, peer: bytes) -> CommandLimits:
        """Return what is counted of a peer's commands, in all of its sessions: a new one earns no new burst."""
        held = self._command_limits.get(peer)
        if held is None:
            held = self._command_limits[peer] = CommandLimits(self.clock())
        return held

    def keep(self, task: asyncio.Future[Any]) -> None:
        """Hold a task until it is done; ``Endpoint.close`` awaits what is left."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def _nobody(_channel: Channel, _type: str, _code: str) -> None:
    """Nobody keeps account."""


def _nothing() -> None:
    """There is no ticker yet."""
