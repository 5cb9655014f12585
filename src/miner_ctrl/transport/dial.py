"""The initiator's side: one dial, from an address to a session (protocol.md, "Handshake")."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Callable

from miner_ctrl.errors import MinerCtrlError, OperationFailed, PendingApproval, ProtocolViolation, Refused
from miner_ctrl.identity.introductions import JoinKey
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.addresses import Address
from miner_ctrl.model.text import one_line
from miner_ctrl.model.verdict import VerdictStatus
from miner_ctrl.protocol.messages import Hello
from miner_ctrl.session import Initiator, Session
from miner_ctrl.transport import dial_errors
from miner_ctrl.transport.channel import Channel
from miner_ctrl.transport.hello import open_hello, seal_hello
from miner_ctrl.transport.link import PROTOCOL_ERROR, Link
from miner_ctrl.transport.shared import Shared

Check = Callable[[PublicKeys], None]
"""Gets the responder's authenticated keys before anything of this node is shown; raises to stop."""
BeforeUp = Callable[[PublicKeys, Hello], None]
"""Called when the responder has accepted, before this node's own hello goes; raises to stop."""


class HungUp(Exception):
    """The other side closed the link."""


class _Inbox:
    """Frames of a link as they come, for a driver that awaits them one by one, for ``within_s`` seconds in all."""

    def __init__(self, link: Link, within_s: float) -> None:
        self.link = link
        self._frames: deque[bytes] = deque()
        self._closed = False
        self._late = False
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(within_s, self._time_is_up)
        link.on_frame = self._arrived
        link.on_closed = self._gone

    async def next(self) -> bytes:
        """Return the next frame.

        Raises:
            HungUp: there will be none.
            TimeoutError: it did not come in time.
        """
        while not self._frames:
            if self._closed:
                raise HungUp
            if self._late:
                raise TimeoutError
            self._waiter = self._loop.create_future()
            await self._waiter
        return self._frames.popleft()

    def stop_waiting(self) -> None:
        """Nothing is awaited any more."""
        self._timer.cancel()

    def rest(self) -> list[bytes]:
        """Return what came early."""
        return list(self._frames)

    def _arrived(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._wake()

    def _gone(self) -> None:
        self._closed = True
        self._wake()

    def _time_is_up(self) -> None:
        self._late = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def shake_hands(
    shared: Shared,
    link: Link,
    address: Address,
    *,
    check: Check,
    join: JoinKey | None,
    within_s: float,
    before_up: BeforeUp | None,
) -> Channel:
    """Return the session that stands over a link; the link is closed if none does.

    Raises:
        Unreachable: silence, or the link went.
        OperationFailed: what answers does not keep the protocol (``NOT_MINER_CTRL``).
        PendingApproval, Refused, IdentityMismatch: the verdict there, or ``check``'s here.
    """
    inbox = _Inbox(link, within_s)
    try:
        session = await _introduce(shared, inbox, address, check, join)
        hello = open_hello(session, await _hello_frame(inbox, address, join))
    except TimeoutError:
        link.abort()
        raise dial_errors.silent(address, within_s) from None
    except HungUp:
        raise dial_errors.hung_up(address) from None
    except ProtocolViolation as error:
        link.close(PROTOCOL_ERROR)
        raise dial_errors.not_miner_ctrl(address, error.message.rstrip(".")) from None
    except (MinerCtrlError, asyncio.CancelledError):
        link.close()
        raise
    finally:
        inbox.stop_waiting()
    try:
        _check_verdict(hello, session.remote)
        if before_up is not None:
            before_up(session.remote, hello)
    except MinerCtrlError:
        link.close()
        raise
    link.send(seal_hello(shared, session, shared.hello(session.remote.fingerprint)))
    channel = Channel(shared, link, session, hello, address)
    for frame in inbox.rest():
        channel.frame_arrived(frame)
    return channel


async def _introduce(shared: Shared, inbox: _Inbox, address: Address, check: Check, join: JoinKey | None) -> Session:
    initiator = Initiator(shared.keys, name=shared.name, check=check, join=join)
    inbox.link.send(initiator.write_message_1())
    initiator.read_message_2(await inbox.next())
    inbox.link.send(initiator.write_message_3())
    return initiator.session


async def _hello_frame(inbox: _Inbox, address: Address, join: JoinKey | None) -> bytes:
    try:
        return await inbox.next()
    except HungUp:
        if join is None:
            raise
        raise Refused(
            f"{address} did not accept the token's secret.",
            suggestion="Make a new token there with `miner-ctrl peer invite`, and copy all of it.",
            code="JOIN_REFUSED",
        ) from None


def _check_verdict(hello: Hello, keys: PublicKeys) -> None:
    if hello.verdict == VerdictStatus.ACCEPTED:
        return
    reason = one_line(hello.reason)
    if hello.verdict == VerdictStatus.PENDING:
        raise PendingApproval(
            f"{hello.name} does not know this node yet: a person has to approve it there.",
            suggestion="Compare the words on both screens, then run `miner-ctrl peer approve` there.",
            details={
                "name": hello.name,
                "role": hello.role.value,
                "publicKey": base64.b64encode(keys.x).decode(),
                "signingKey": base64.b64encode(keys.e).decode(),
                "fingerprint": keys.fingerprint.hex(),
            },
        )
    if hello.verdict == VerdictStatus.REFUSED:
        raise Refused(
            f"{hello.name} refused this node{f': {reason}' if reason else '.'}",
            suggestion="Ask whoever runs that node, or join it with a new token.",
        )
    raise OperationFailed(
        f"{hello.name} answered with a verdict this version does not know.",
        suggestion="Update miner-ctrl on both machines.",
    )
