"""The responder's side: connections that come in, until they are sessions (protocol.md, "Handshake")."""

from __future__ import annotations

import logging
from collections.abc import Callable

from miner_ctrl.errors import ProtocolViolation, Refused
from miner_ctrl.identity.introductions import InviteStatus
from miner_ctrl.model.verdict import VerdictStatus
from miner_ctrl.session import Responder, Session
from miner_ctrl.transport.channel import Channel
from miner_ctrl.transport.half_open import HalfOpen, Visit
from miner_ctrl.transport.hello import open_hello, seal_hello
from miner_ctrl.transport.limits import STRANGERS_LINES_BURST, STRANGERS_LINES_PER_S, LogLines
from miner_ctrl.transport.link import NORMAL, PROTOCOL_ERROR, Link
from miner_ctrl.transport.shared import Shared

logger = logging.getLogger(__name__)


class _Arrival:
    """One link on its way: message 1, message 3, the initiator's hello. A step that fails ends it."""

    __slots__ = ("_accepting", "_responder", "link", "session", "visit")

    def __init__(self, accepting: Accepting, visit: Visit, link: Link) -> None:
        self._accepting = accepting
        self.visit = visit
        self.link = link
        self._responder = Responder(accepting.shared.keys, find_psk=accepting.shared.find_psk)
        self.session: Session | None = None
        link.on_frame = self._first
        link.on_closed = self._gone

    def _first(self, frame: bytes) -> None:
        self._step(self._message_1, frame)

    def _third(self, frame: bytes) -> None:
        self._step(self._message_3, frame)

    def _last(self, frame: bytes) -> None:
        self._step(self._hello, frame)

    def _step(self, step: Callable[[bytes], None], frame: bytes) -> None:
        """The boundary: nothing a stranger sends gets an exception past here."""
        try:
            step(frame)
        except (ProtocolViolation, Refused) as error:
            self._accepting.log("handshake from %s failed: %s", self.visit.host, error.message)
            self._fail()
        except Exception:
            logger.exception("a handshake from %s could not be handled", self.visit.host)
            self._fail()

    def _message_1(self, frame: bytes) -> None:
        accepting, responder = self._accepting, self._responder
        if not accepting.may_begin(self.visit):
            accepting.shared.counts.refused += 1
            self._leave(NORMAL)
            return
        responder.read_message_1(frame)
        self.link.send(responder.write_message_2())
        if responder.status is not InviteStatus.GO:
            accepting.shared.counts.refused += 1
            accepting.note_failure(self.visit)
            self._leave(NORMAL)
            return
        accepting.extend(self.visit)
        self.link.on_frame = self._third

    def _message_3(self, frame: bytes) -> None:
        shared = self._accepting.shared
        introduction = self._responder.read_message_3(frame)
        session = self.session = self._responder.session
        verdict = shared.judge(introduction, self.visit.host)
        self.link.send(seal_hello(shared, session, shared.hello(session.remote.fingerprint, verdict)))
        if verdict.status is not VerdictStatus.ACCEPTED:
            shared.counts.refused += 1
            who = f"{session.remote.node_id} ({introduction.name})"
            self._accepting.log("%s from %s is %s: %s", who, self.visit.host, verdict.status.value, verdict.reason)
            self._leave(NORMAL)
            return
        self._accepting.extend(self.visit)
        self.link.widen()
        self.link.on_frame = self._last

    def _hello(self, frame: bytes) -> None:
        session = self.session
        assert session is not None  # noqa: S101 - message 3 came
        hello = open_hello(session, frame)
        self._accepting.established(self, Channel(self._accepting.shared, self.link, session, hello, None))

    def _leave(self, code: int) -> None:
        self._accepting.left(self.visit)
        self.link.on_closed = _nothing
        self.link.close(code)

    def _fail(self) -> None:
        self._accepting.shared.counts.failed += 1
        self._accepting.note_failure(self.visit)
        self._leave(PROTOCOL_ERROR)

    def _gone(self) -> None:
        self._accepting.given_up(self.visit)


class Accepting:
    """Receives connections for an endpoint (``link.Reception``) and bounds what is not a session yet."""

    def __init__(self, shared: Shared, on_established: Callable[[Channel], None]) -> None:
        self.shared = shared
        self._on_established = on_established
        self._half_open = HalfOpen(shared.clock())
        self._arrivals: dict[Visit, _Arrival] = {}
        self._log_lines = LogLines(STRANGERS_LINES_PER_S, STRANGERS_LINES_BURST, shared.clock())
        self._open = True

    @property
    def half_open(self) -> int:
        """How many connections are not sessions yet."""
        return len(self._half_open)

    def admit(self, host: str, abort: Callable[[], None]) -> Visit | None:
        """See ``link.Reception``."""
        if not self._open:
            return None
        shared = self.shared
        shared.hasten()
        visit, evicted = self._half_open.admit(host, shared.clock(), shared.timings.message_1_within_s, abort)
        if evicted is not None:
            self._cut(evicted)
        if visit is None or evicted is not None:
            shared.counts.refused += 1
        return visit

    def arrived(self, visit: Visit, link: Link) -> None:
        """See ``link.Reception``."""
        self._arrivals[visit] = _Arrival(self, visit, link)

    def left(self, visit: Visit) -> None:
        """See ``link.Reception``."""
        self._half_open.release(visit)
        self._arrivals.pop(visit, None)

    def given_up(self, visit: Visit) -> None:
        """The other side has gone in the middle of its handshake."""
        self.shared.counts.failed += visit in self._arrivals  # what was cut from here is counted already
        self.left(visit)

    def may_begin(self, visit: Visit) -> bool:
        """Whether the first message may be worked on."""
        return self._half_open.admits_handshake(visit, self.shared.clock())

    def extend(self, visit: Visit) -> None:
        """The next step has its own time."""
        visit.deadline = self.shared.clock() + self.shared.timings.message_3_within_s

    def note_failure(self, visit: Visit) -> None:
        """A handshake failed."""
        self._half_open.note_failure(visit.host, self.shared.clock())

    def log(self, line: str, *values: str) -> None:
        """Tell of a handshake that came to nothing. Strangers must not fill the disk with it."""
        more = self._log_lines.admit(self.shared.clock())
        if more is not None:
            logger.info(f"{line}%s", *values, more)

    def established(self, arrival: _Arrival, channel: Channel) -> None:
        """It is a session now."""
        self.left(arrival.visit)
        self.shared.counts.accepted += 1
        self._half_open.note_good(arrival.visit.host, self.shared.clock())
        self._on_established(channel)

    @property
    def urgent(self) -> bool:
        """Whether somebody is in the middle of a handshake."""
        return bool(self._half_open.visits())

    def tick(self) -> None:
        """Cut what has taken too long."""
        now = self.shared.clock()
        for visit in [visit for visit in self._half_open.visits() if visit.deadline <= now]:
            self.note_failure(visit)
            self.shared.counts.failed += 1
            self._cut(visit)

    def drop(self, fingerprint: bytes) -> None:
        """Cut what has been judged, but does not stand yet."""
        for visit, arrival in list(self._arrivals.items()):
            if arrival.session is not None and arrival.session.remote.fingerprint == fingerprint:
                self._cut(visit)

    def close(self) -> None:
        """Cut everything; admit nothing any more."""
        self._open = False
        for visit in self._half_open.visits():
            self._cut(visit)

    def _cut(self, visit: Visit) -> None:
        self.left(visit)
        visit.abort()


def _nothing() -> None:
    """It has left already."""
