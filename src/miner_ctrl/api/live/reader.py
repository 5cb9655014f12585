"""One reader of the feed: what it subscribed, what it has still to hear, what it asks. No socket, no task.

Messages are made when they are pulled, so that what a slow reader hears is what is true then; what waits for it is
bounded by its topics, whatever happens meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

import miner_ctrl
from miner_ctrl.api.live.messages import (
    MAX_MESSAGE_BYTES,
    MAX_TOPICS,
    Asked,
    Ping,
    SnapshotAgain,
    Subscribe,
    Unsubscribe,
)
from miner_ctrl.api.live.tables import Part, Subject
from miner_ctrl.errors import BadInput, MinerCtrlError, NotFound, RateLimited
from miner_ctrl.model.callers import Caller
from miner_ctrl.model.text import one_line

if TYPE_CHECKING:
    from miner_ctrl.api.live.feed import Feed

MAX_REPLIES = 32
"""Answers that may wait; then nothing more is heard of the reader until it has read some."""
ASKED_PER_S = 10.0
ASKED_AT_ONCE = 50.0
SNAPSHOT_COSTS = 5.0
MOST_EXCESS = 200
"""Messages beyond what is allowed, after which the connection is ended."""
POLICY = 1008

_decoder = msgspec.json.Decoder(Asked)
_encoder = msgspec.json.Encoder()


class Outgoing(NamedTuple):
    """One message: its type, its number, its JSON."""

    kind: str
    seq: int
    text: str


class Subscription:
    """A topic as one reader calls it (``key`` is what the feed does): the subject that all its readers share, and this
    one's part of it. ``over``: nothing more comes, for ``error`` if that is why."""

    __slots__ = ("error", "key", "over", "part", "reader", "subject", "topic")

    def __init__(self, reader: Reader, topic: str, key: str, subject: Subject, part: Part) -> None:
        self.reader = reader
        self.topic = topic
        self.key = key
        self.subject = subject
        self.part = part
        self.over = False
        self.error: MinerCtrlError | None = None


class Reader:
    """``wake`` is called when there is something to ``pull``. ``clock`` is monotonic, in seconds."""

    def __init__(self, feed: Feed, caller: Caller, wake: Callable[[], None], *, clock: Callable[[], float]) -> None:
        self.caller = caller
        self.ended: tuple[int, str] | None = None
        """Close code and reason, once the feed has done with this reader."""
        self._feed = feed
        self._wake = wake
        self._clock = clock
        self._seq = 0
        self._subscriptions: dict[str, Subscription] = {}
        self._ready: dict[str, None] = {}
        """Topics that may have something to pull, the one that waits for longest first."""
        self._replies: deque[tuple[str, dict[str, object]]] = deque()
        self._allowed = ASKED_AT_ONCE
        self._asked_s = clock()
        self._excess = 0
        self._reply(
            "hello",
            nowMs=feed.now_ms(),
            version=miner_ctrl.__version__,
            role=caller.role,
            topics=feed.topics,
        )

    # --- what it hears ----------------------------------------------------------------------------------

    def pull(self) -> Outgoing | None:
        """Return the next message, if there is one."""
        if self._replies:
            kind, body = self._replies.popleft()
            return self._numbered(kind, _said(kind, body))
        while self._ready:
            topic = next(iter(self._ready))
            del self._ready[topic]
            held = self._subscriptions[topic]
            said = held.part.pull()
            if said is not None:
                self._ready[topic] = None
                return self._numbered(*said)
            if held.over:
                del self._subscriptions[topic]
                return self._numbered("ended", _ended(topic, held.error))
        return None

    @property
    def hears(self) -> bool:
        """Whether there is room for an answer to what it may ask."""
        return len(self._replies) < MAX_REPLIES

    def _numbered(self, kind: str, text: str) -> Outgoing:
        self._seq += 1
        return Outgoing(kind, self._seq, f'{text},"seq":{self._seq}}}')

    # --- what it asks -----------------------------------------------------------------------------------

    def ask(self, message: str | bytes) -> None:
        """Take in a message of the reader's; what is wrong with it is an answer, too."""
        try:
            self._allow(1.0)
            match _decoded(message):
                case Subscribe(topics=topics, lines=lines):
                    for topic in topics:
                        self._subscribe_or_say(topic, lines)
                case Unsubscribe(topics=topics):
                    for topic in topics:
                        self.unsubscribe(topic)
                case SnapshotAgain(topic=topic):
                    self._allow(SNAPSHOT_COSTS - 1)
                    self._begin_anew(topic)
                case Ping(id=id_):
                    self._reply("pong", id=id_, nowMs=self._feed.now_ms())
        except MinerCtrlError as error:
            self._reply("error", error=error.message, code=error.code, suggestion=error.suggestion)

    def subscribe(self, topic: str, lines: int = 100) -> None:
        """Hear of a topic from now on, beginning with a snapshot.

        Raises:
            NotFound, BadInput: there is no such topic, or one too many.
        """
        if topic in self._subscriptions:
            self._subscriptions[topic].part.restart()
        elif len(self._subscriptions) >= MAX_TOPICS:
            raise BadInput(
                f"One reader may have {MAX_TOPICS} topics.",
                suggestion="Unsubscribe others first, or take the topic fleet: it has every rig.",
                code="TOO_MANY_TOPICS",
            )
        else:
            self._subscriptions[topic] = self._feed.join(self, topic, lines)
        self.has_news(topic)

    def unsubscribe(self, topic: str) -> None:
        """Hear of a topic no more."""
        held = self._subscriptions.pop(topic, None)
        self._ready.pop(topic, None)
        if held is not None:
            self._feed.leave(held)
        self._reply("ended", topic=topic, reason="Unsubscribed.", code="", suggestion="")

    def _subscribe_or_say(self, topic: str, lines: int) -> None:
        try:
            self.subscribe(topic, lines)
        except MinerCtrlError as error:
            self._reply("ended", topic=topic, reason=error.message, code=error.code, suggestion=error.suggestion)

    def _begin_anew(self, topic: str) -> None:
        held = self._subscriptions.get(topic)
        if held is None:
            raise NotFound(
                f"The topic {one_line(topic, 80)!r} is not subscribed.",
                suggestion='Subscribe it first: {"op":"subscribe","topics":[…]}.',
                code="NOT_SUBSCRIBED",
            )
        held.part.restart()
        self.has_news(topic)

    def _allow(self, cost: float) -> None:
        now_s = self._clock()
        self._allowed = min(ASKED_AT_ONCE, self._allowed + (now_s - self._asked_s) * ASKED_PER_S)
        self._asked_s = now_s
        if self._allowed < cost:
            self._excess += 1
            if self._excess > MOST_EXCESS:
                self.end(POLICY, "Too many messages.")
            raise RateLimited(f"A reader may ask {ASKED_PER_S:.0f} times a second.", suggestion="Ask less often.")
        self._allowed -= cost

    # --- called by the feed -----------------------------------------------------------------------------

    def has_news(self, topic: str) -> None:
        """There may be something to pull of ``topic``."""
        self._ready[topic] = None
        self._wake()

    def end(self, code: int, reason: str) -> None:
        """Have done with this reader."""
        if self.ended is None:
            self.ended = code, reason
        self._wake()

    def close(self) -> None:
        """Leave every topic: the reader is gone."""
        held_all, self._subscriptions = self._subscriptions, {}
        self._ready.clear()
        self._replies.clear()
        for held in held_all.values():
            self._feed.leave(held)
        self._feed.left(self)

    def _reply(self, kind: str, **body: object) -> None:
        self._replies.append((kind, body))
        self._wake()


def _said(kind: str, body: dict[str, object]) -> str:
    return f'{{"type":"{kind}",{_encoder.encode(body)[1:-1].decode()}'


def _ended(topic: str, error: MinerCtrlError | None) -> str:
    reason = "There is no more." if error is None else error.message
    code, suggestion = ("", "") if error is None else (error.code, error.suggestion)
    return _said("ended", {"topic": topic, "reason": reason, "code": code, "suggestion": suggestion})


def _decoded(message: str | bytes) -> Asked:
    if len(message) > MAX_MESSAGE_BYTES:
        raise BadInput(f"A message has at most {MAX_MESSAGE_BYTES} bytes.", code="BODY_TOO_LARGE")
    try:
        decoded: Asked = _decoder.decode(message)
    except msgspec.ValidationError as error:
        reason = one_line(str(error), 200).replace("`", "'")
        raise BadInput(f"The message cannot be done: {reason}.", suggestion=_KNOWN) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput("The message is not well-formed JSON.", suggestion=_KNOWN, code="BAD_JSON") from None
    return decoded


_KNOWN = "Send an op that there is: subscribe, unsubscribe, snapshot, ping (docs/live.md)."
