"""Typed routes: a handler's signature is the declaration, and validation and OpenAPI both come from it.

A handler's parameters are what it needs: ``body`` (a struct, from JSON), ``query`` (a struct, from the query string),
one ``str`` for each ``{name}`` in the path, ``caller`` (who asks), ``visit`` (where from), and faces by their type. Its
return type is what it answers: a struct, a list or dict of structs, a ``Listing``, ``Encoded[...]`` of one of these,
``WithHeaders[...]`` of any of these, an ``Asset``, a ``Download``, a ``Stream``, or ``list[...] | Stream``
(docs/decisions/0003-typed-routes.md).

What people edit has a tag: the GET that reads it says with ``tag`` what of its answer can be edited, and the routes
that change it name that GET with ``edits`` (``api/versions.py``). Commands take an ``Idempotency-Key``
(``api/repeats.py``).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from starlette.types import Receive, Scope, Send

from miner_ctrl.api.downloads import Download, send_download
from miner_ctrl.api.errors import no_identity, not_allowed, only_local, unauthorized
from miner_ctrl.api.faces import AuditFace, Faces
from miner_ctrl.api.lists import Listing
from miner_ctrl.api.repeats import REPLAYED, Answer, Repeats, digest_of, key_of, seed_for
from miner_ctrl.api.requests import MAX_BODY_BYTES, check_path, decode_body, decode_query, read_body
from miner_ctrl.api.streams import Event, Stream, send_stream
from miner_ctrl.api.veil import sees_hashes, veiled, veiled_tag
from miner_ctrl.api.versions import Turns, has_condition, is_unchanged, must_match, tag_of
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.callers import STRANGER, AccessRole, Caller, Door, Visit

T = TypeVar("T")

CALLER = "miner_ctrl.caller"
"""Key in ``scope["state"]``: the ``Caller``, set by the door or by what checks credentials there."""
VISIT = "miner_ctrl.visit"
"""Key in ``scope["state"]``: the ``Visit``; missing at the local door."""
INTERRUPTED = "INTERRUPTED"
"""In the audit log: how something ended whose caller went, or that was cut off."""
RIG = "rig"
"""The one face that is opened when it is asked for."""
_WITHOUT_IDENTITY = frozenset({"node", "doctor", "installs", "access", "metrics"})
_ALWAYS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
_encoder = msgspec.json.Encoder()


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a route that takes none: empty, or ``{}``."""


@dataclass(frozen=True)
class Encoded(Generic[T]):
    """A ``T`` whose JSON is there already."""

    json: bytes


class Asset(NamedTuple):
    """A file that is answered as it is; its route says which media types it may have."""

    media_type: str
    content: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True)
class WithHeaders(Generic[T]):
    """A ``T`` (what a handler may return otherwise, but for a ``Stream``), and headers of its answer: names, in lower
    case, and values."""

    answer: T
    headers: tuple[tuple[bytes, bytes], ...] = ()


class _Call(NamedTuple):
    """A request that has been checked; ``target`` is what its path names, ``values`` all that its handler gets."""

    faces: Faces
    scope: Scope
    caller: Caller
    target: dict[str, str]
    values: dict[str, Any]


@dataclass(frozen=True)
class Route:
    """One method of one path, as its handler declares it. ``answer`` is the JSON it gives (``None``: only events);
    ``events`` names the structs of its server-sent events, if it has any."""

    method: str
    path: str
    resource: str
    handler: Callable[..., Awaitable[object]]
    faces: Mapping[str, str]
    path_values: tuple[str, ...]
    body: type[msgspec.Struct] | None
    query: type[msgspec.Struct] | None
    answer: Any
    listing: bool
    status: int
    errors: tuple[int, ...]
    events: Mapping[str, object]
    decoder: msgspec.json.Decoder[Any] | None = field(repr=False)
    takes_caller: bool = False
    takes_visit: bool = False
    max_body_bytes: int = MAX_BODY_BYTES
    local_only: bool = False
    """Refused at every door but those that only this machine's user can come through."""
    role: AccessRole = AccessRole.VIEWER
    """What a caller must be."""
    audited: bool = False
    """Whether the audit log has who asked for it: it changes something (but not with ``dryRun``)."""
    tag: Callable[[Any], object] | None = None
    """What of its answer can be edited: the answer's ``ETag`` is made from it."""
    edits: Route | None = None
    """The GET that reads what this changes."""
    keyed: bool = False
    """Takes an ``Idempotency-Key``."""
    secret: bool = False
    """Its answer holds a secret: it is not kept for a repeat."""
    media_types: tuple[str, ...] = ()
    """Of an ``Asset`` or a ``Download``."""
    public: bool = False
    """Answered whoever asks, without credentials too: it tells nothing, or is where one says who one is."""

    @property
    def needs_identity(self) -> bool:
        """Whether it answers 409 while the node has no identity."""
        return not _WITHOUT_IDENTITY.issuperset(self.faces.values())

    async def answer_to(
        self, faces: Faces, scope: Scope, receive: Receive, send: Send, *, repeats: Repeats, turns: Turns
    ) -> None:
        """Check the request, run the handler and send what it returns.

        Raises:
            MinerCtrlError: why not; nothing has been sent yet.
        """
        call = await self._called(faces, scope, receive)
        key = key_of(scope) if self.keyed else None
        if key is None:
            await self._send(await self._acted(call, turns), call, receive, send)
            return
        with repeats.request(seed_for(call.caller, key), digest_of(scope, call.values.get("body"))) as request:
            if request.earlier is not None:
                await _send_answer(send, request.earlier, REPLAYED)
                return
            result = await self._acted(call, turns)
            if isinstance(result, Stream):
                await self._send(result, call, receive, send)
                return
            answer = self._answered(result, call.caller)
            request.answered(answer, holds_secret=self.secret)
        await _send_answer(send, answer)

    async def _called(self, faces: Faces, scope: Scope, receive: Receive) -> _Call:
        """Check a request, and return what its handler gets."""
        target: dict[str, str] = dict(scope["path_params"])
        caller = self._admitted(scope, target, faces.audit)
        check_path(target)
        values = {**target, **await self._reached(faces)}
        if self.query is not None:
            values["query"] = decode_query(scope, self.query)
        if self.decoder is not None:
            body = decode_body(scope, await read_body(scope, receive, self.max_body_bytes), self.decoder)
            if self.body is not None:
                values["body"] = body
        if self.takes_caller:
            values["caller"] = caller
        if self.takes_visit:
            values["visit"] = scope.get("state", {}).get(VISIT) or Visit()
        return _Call(faces, scope, caller, target, values)

    async def _acted(self, call: _Call, turns: Turns) -> Any:
        """Run the handler; an edit in its turn, and only if its ``If-Match`` still holds."""
        if self.tag is not None:
            return self._tagged(call, self.tag, await self.handler(**call.values))
        if self.edits is None or self.edits.tag is None:
            return await self._run(call)
        async with turns.of(self.edits.path.format_map(_told_apart(call))):
            if has_condition(call.scope):
                must_match(call.scope, await self.edits.tag_now(call))
            result = await self._run(call)
        if self.answer is self.edits.answer:
            tag = tag_of(self.edits.tag(result))
            return Answer(self.status, _encoder.encode(result), ((b"etag", tag.encode()),))
        return result

    def _tagged(self, call: _Call, tag: Callable[[Any], object], result: Any) -> Any:
        if isinstance(result, Stream):
            return result
        etag = tag_of(tag(result)) if sees_hashes(call.caller) else veiled_tag(tag_of(tag(result)))
        headers = ((b"etag", etag.encode()),)
        if is_unchanged(call.scope, etag):
            return Answer(304, b"", headers)
        return Answer(self.status, _encoder.encode(result), headers)

    async def tag_now(self, call: _Call) -> str:
        """Return the tag of what this GET reads for the same path."""
        values = {**call.target, **await self._reached(call.faces)}
        if self.takes_caller:
            values["caller"] = call.caller
        seen = await self.handler(**values)
        return tag_of(seen if self.tag is None else self.tag(seen))

    async def _run(self, call: _Call) -> Any:
        if self.audited and call.faces.audit is not None and not _only_asks(call.values.get("body")):
            return await self._audited(call.faces.audit, call.caller, call.target, call.values)
        return await self.handler(**call.values)

    async def _send(self, result: Any, call: _Call, receive: Receive, send: Send) -> None:
        if isinstance(result, Stream):
            veil = None if sees_hashes(call.caller) else veiled
            await send_stream(result, call.scope, receive, send, veil=veil)
        elif isinstance(result, Download):
            await send_download(result, call.scope, receive, send)
        else:
            await _send_answer(send, self._answered(result, call.caller))

    def _answered(self, result: Any, caller: Caller) -> Answer:
        """Return what a handler returned as it is sent to ``caller``."""
        answer = self._encoded(result)
        return answer if sees_hashes(caller) else answer._replace(body=veiled(answer.body))

    def _encoded(self, result: Any) -> Answer:
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if isinstance(result, WithHeaders):
            result, headers = result.answer, result.headers
        if isinstance(result, Answer):
            return result
        if isinstance(result, Asset):
            return Answer(self.status, result.content, result.headers, result.media_type.encode())
        if isinstance(result, Listing):
            total = (b"x-total-count", str(result.total).encode())
            return Answer(self.status, _encoder.encode(result.items), (total, *headers))
        body = result.json if isinstance(result, Encoded) else _encoder.encode(result)
        return Answer(self.status, body, headers)

    def _admitted(self, scope: Scope, target: dict[str, str], audit: AuditFace | None) -> Caller:
        if self.public:
            return STRANGER
        caller = caller_of(scope)
        try:
            if not caller.role.includes(self.role):
                raise not_allowed(caller.role, self.role)
            if self.local_only and caller.door is not Door.OWNER:
                raise only_local()
        except MinerCtrlError as error:
            if self.audited and audit is not None:
                audit.noted(caller, self.handler.__name__, target, error.code)
            raise
        return caller

    async def _reached(self, faces: Faces) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, face in self.faces.items():
            values[name] = getattr(faces, face)
            if values[name] is None:
                raise no_identity()
            if face == RIG:
                values[name] = await values[name]()
        return values

    async def _audited(self, audit: AuditFace, caller: Caller, target: dict[str, str], values: dict[str, Any]) -> Any:
        entry = audit.asked(caller, self.handler.__name__, target, values.get("body"))
        try:
            result = await self.handler(**values)
        except BaseException as error:
            audit.ended(entry, _code_of(error))
            raise
        if isinstance(result, Stream):
            return Stream(_until_ended(result.events, lambda code: audit.ended(entry, code)))
        audit.ended(entry, "")
        return result


def _only_asks(body: object) -> bool:
    """Whether a request is a rehearsal: it changes nothing, so that the audit log has nothing to say of it."""
    return getattr(body, "dry_run", False) is True


def _told_apart(call: _Call) -> dict[str, str]:
    """Return what the path names, a peer by its ID: it is the same thing by whatever name an editor calls it."""
    if "peer" not in call.target or call.faces.pairing is None:
        return call.target
    try:
        return {**call.target, "peer": call.faces.pairing.peer(call.target["peer"]).id}
    except MinerCtrlError:  # what is wrong with the name is for the handler to say
        return call.target


def _code_of(error: BaseException) -> str:
    if isinstance(error, MinerCtrlError):
        return error.code
    return "INTERNAL_ERROR" if isinstance(error, Exception) else INTERRUPTED


async def _until_ended(
    events: AsyncGenerator[Event, None], ended: Callable[[str], None]
) -> AsyncGenerator[Event, None]:
    """Yield ``events``, and say how they ended: what was asked for goes on for as long as they come."""
    code = INTERRUPTED
    try:
        async for event in events:
            yield event
        code = ""
    except Exception as error:
        code = _code_of(error)
        raise
    finally:
        await events.aclose()
        ended(code)


def caller_of(scope: Scope) -> Caller:
    """Return who asks.

    Raises:
        Refused: nobody has said so: the request has no credentials (401).
    """
    caller = scope.get("state", {}).get(CALLER)
    if not isinstance(caller, Caller):
        raise unauthorized()
    return caller


async def send_json(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    """Send a whole JSON answer."""
    await _send_answer(send, Answer(status, body, headers))


async def _send_answer(send: Send, answer: Answer, *more: tuple[bytes, bytes]) -> None:
    headers = [*_ALWAYS, *answer.headers, *more]
    if answer.status != 304:
        headers += [(b"content-type", answer.media_type), (b"content-length", str(len(answer.body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
