"""Which session stands for each peer; two with the same peer contend (protocol.md, "Sessions")."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from miner_ctrl.protocol.messages import Payload, Ping
from miner_ctrl.transport.channel import Channel
from miner_ctrl.transport.duplicates import Alternations, Claim, later_wins
from miner_ctrl.transport.events import ChannelDown, ChannelUp, Event
from miner_ctrl.transport.shared import Shared

logger = logging.getLogger(__name__)
_REPLACED = "replaced by a newer session"


class Contest:
    """Two sessions with one peer. The winner is pinged: its pong ends the loser, its silence ends the winner."""

    __slots__ = ("loser", "settled", "winner")

    def __init__(self, winner: Channel, loser: Channel) -> None:
        self.winner = winner
        self.loser = loser
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Standing:
    """All live sessions of an endpoint. Of one peer's, one stands, one may contend with it, and one that was replaced
    may finish what is under way in it."""

    def __init__(self, shared: Shared, emit: Callable[[Event], None]) -> None:
        self._shared = shared
        self._emit = emit
        self._standing: dict[bytes, Channel] = {}
        self._contests: dict[bytes, Contest] = {}
        self._alive: dict[Channel, None] = {}
        self._retiring: dict[bytes, Channel] = {}
        self._alternations: dict[bytes, Alternations] = {}

    def get(self, fingerprint: bytes) -> Channel | None:
        """Return the session that stands with a peer."""
        return self._standing.get(fingerprint)

    def all(self) -> list[Channel]:
        """Return the sessions that stand."""
        return list(self._standing.values())

    def add(self, channel: Channel) -> None:
        """A new session is established: it stands at once if it is the only one."""
        fingerprint = channel.fingerprint
        self._alive[channel] = None
        contest = self._contests.get(fingerprint)
        if contest is not None:
            self._settle(contest, contest.winner)
        old = self._standing.get(fingerprint)
        if old is None:
            self._install(channel)
            return
        earlier, later = _claim(old), _claim(channel)
        if earlier.peer_instance != later.peer_instance and self._alternates(fingerprint):
            self._end_both(old, channel)
            return
        winner, loser = (channel, old) if later_wins(earlier, later) else (old, channel)
        contest = self._contests[fingerprint] = Contest(winner, loser)
        probe = winner.ask(
            Ping(), timeout_s=self._shared.timings.duplicate_pong_within_s, message_id=self._shared.new_id()
        )
        probe.add_done_callback(lambda done: self._probed(contest, done))

    async def settled(self, fingerprint: bytes) -> Channel | None:
        """Return the session that stands once no two contend."""
        while (contest := self._contests.get(fingerprint)) is not None:
            await asyncio.shield(contest.settled)
        return self._standing.get(fingerprint)

    def ended(self, channel: Channel, reason: str, *, clean: bool) -> None:
        """A session is over."""
        self._alive.pop(channel, None)
        fingerprint = channel.fingerprint
        if self._retiring.get(fingerprint) is channel:
            del self._retiring[fingerprint]
        contest = self._contests.get(fingerprint)
        other: Channel | None = None
        if contest is not None and channel in (contest.winner, contest.loser):
            other = contest.loser if channel is contest.winner else contest.winner
            self._close_contest(contest)
        if self._standing.get(fingerprint) is channel:
            del self._standing[fingerprint]
            if other is not None:
                self._standing[fingerprint] = other
            self._emit(ChannelDown(fingerprint, channel, reason, clean))
            if other is not None:
                self._emit(ChannelUp(other))

    def drop(self, fingerprint: bytes, reason: str) -> None:
        """End all sessions with a peer at once."""
        for channel in [channel for channel in self._alive if channel.fingerprint == fingerprint]:
            channel.disconnect(reason)

    def close(self, reason: str) -> None:
        """End all sessions."""
        for channel in list(self._alive):
            channel.disconnect(reason)

    @property
    def urgent(self) -> bool:
        """Whether any session has something under way."""
        return any(channel.urgent for channel in self._alive)

    def tick(self) -> None:
        """Let every session do what time asks for."""
        for channel in list(self._alive):
            channel.tick()
        now = self._shared.clock()
        for fingerprint in [key for key, seen in self._alternations.items() if seen.quiet(now)]:
            del self._alternations[fingerprint]

    def _install(self, channel: Channel) -> None:
        fingerprint = channel.fingerprint
        old = self._standing.get(fingerprint)
        if old is channel:
            return
        self._standing[fingerprint] = channel
        if old is not None:
            self._emit(ChannelDown(fingerprint, old, _REPLACED, clean=True))
        self._emit(ChannelUp(channel))

    def _probed(self, contest: Contest, probe: asyncio.Future[Payload]) -> None:
        answered = not probe.cancelled() and probe.exception() is None
        if contest.settled.done():
            return
        if answered:
            self._settle(contest, contest.winner)
        else:
            contest.winner.end("it did not answer when another session came", clean=False, cut=True)

    def _settle(self, contest: Contest, winner: Channel) -> None:
        self._close_contest(contest)
        self._install(winner)
        self._retire(contest.loser)

    def _retire(self, channel: Channel) -> None:
        before = self._retiring.get(channel.fingerprint)
        if before is not None:
            before.disconnect(_REPLACED)
        channel.retire(_REPLACED)
        if not channel.closed:
            self._retiring[channel.fingerprint] = channel

    def _close_contest(self, contest: Contest) -> None:
        if self._contests.get(contest.winner.fingerprint) is contest:
            del self._contests[contest.winner.fingerprint]
        if not contest.settled.done():
            contest.settled.set_result(None)

    def _alternates(self, fingerprint: bytes) -> bool:
        return self._alternations.setdefault(fingerprint, Alternations()).note(self._shared.clock())

    def _end_both(self, old: Channel, new: Channel) -> None:
        logger.error(
            "two machines take turns as %s (%s): its key was copied. Renew the identity of one of them.",
            old.node_id,
            old.hello.name,
        )
        reason = "two machines use this key: it was copied"
        new.disconnect(reason)
        old.disconnect(reason)


def _claim(channel: Channel) -> Claim:
    session = channel.session
    initiator = session.local if session.is_initiator else session.remote
    return Claim(initiator.x, channel.hello.instance)
