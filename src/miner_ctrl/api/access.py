"""``/login``, ``/session``, ``/tokens`` and ``/logins``: who may ask this node over its port."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import AccessFace
from miner_ctrl.api.invites import parse_lifetime_s
from miner_ctrl.api.lists import Listing, ListQuery, select
from miner_ctrl.api.resource import Resource
from miner_ctrl.api.routes import WithHeaders
from miner_ctrl.api.session_cookie import kept_by_browser
from miner_ctrl.model.access import ApiTokenView, LoginView, SessionView
from miner_ctrl.model.callers import AccessRole, Caller, Visit
from miner_ctrl.model.values import ShortText
from miner_ctrl.model.views import StatusView

ACCESS = Resource("access")

Password = Annotated[str, Meta(max_length=256)]


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A login's name and its password."""

    name: ShortText
    password: Password


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``expires``: ``12h``, ``90d``, or seconds, a year at most; left out, it does not expire."""

    name: ShortText
    role: AccessRole = AccessRole.VIEWER
    expires: ShortText | int | None = None


class NewLogin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A password has 10 to 256 characters."""

    name: ShortText
    password: Password
    role: AccessRole = AccessRole.VIEWER


class OwnPassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The password one has logged in with, and the one to be: 10 to 256 characters."""

    current_password: Password
    new_password: Password


@ACCESS.post("/login", errors=(401, 429), changes=False, public=True)
async def log_in(access: AccessFace, body: Credentials, visit: Visit) -> WithHeaders[SessionView]:
    """Log in: the answer sets the cookie that says so, for this node's page."""
    session, view = await access.log_in(body.name, body.password, visit)
    return WithHeaders(view, (kept_by_browser(session, secure=visit.secure),))


@ACCESS.post("/logout", changes=False, public=True)
async def log_out(access: AccessFace, visit: Visit) -> WithHeaders[StatusView]:
    """Log out: the session ends and the cookie is forgotten. Idempotent."""
    if visit.session:
        await access.log_out(visit.session)
    return WithHeaders(StatusView(status="logged out"), (kept_by_browser("", secure=visit.secure),))


@ACCESS.get("/session")
async def session(access: AccessFace, caller: Caller) -> SessionView:
    """Return who asks, as this node knows it."""
    return await access.session(caller)


@ACCESS.post("/session/password", errors=(409,), role=AccessRole.VIEWER)
async def change_own_password(
    access: AccessFace, caller: Caller, body: OwnPassword, visit: Visit
) -> WithHeaders[SessionView]:
    """Give who has logged in another password. This session goes on with another cookie, the others of that login end.

    A token, this machine's user and a peer have no password: 403 ``NO_PASSWORD``.
    """
    session, view = await access.change_own_password(caller, body.current_password, body.new_password)
    return WithHeaders(view, (kept_by_browser(session, secure=visit.secure),))


@ACCESS.get("/tokens", role=AccessRole.ADMIN)
async def list_tokens(access: AccessFace, query: ListQuery) -> Listing[ApiTokenView]:
    """Return the API tokens, without their texts."""
    return select(await access.tokens(), query, ApiTokenView)


@ACCESS.post("/tokens", status=201, errors=(409,), role=AccessRole.ADMIN, keyed=True, secret=True)
async def create_token(access: AccessFace, caller: Caller, body: NewToken) -> ApiTokenView:
    """Make an API token. This answer is the only one that has it.

    A token makes none that may do more than itself, or for longer.
    """
    lifetime_s = None if body.expires is None else parse_lifetime_s(body.expires, "a token")
    return await access.create_token(caller, body.name, body.role, lifetime_s)


@ACCESS.delete("/tokens/{id}", errors=(409,), role=AccessRole.ADMIN)
async def revoke_token(access: AccessFace, id: str) -> ApiTokenView:  # noqa: A002 - as in the path
    """Revoke an API token, named by its ID, a unique prefix of it, or its name."""
    return await access.revoke_token(id)


@ACCESS.get("/logins", role=AccessRole.ADMIN)
async def list_logins(access: AccessFace, query: ListQuery) -> Listing[LoginView]:
    """Return who may log in."""
    return select(await access.logins(), query, LoginView)


@ACCESS.post("/logins", status=201, errors=(409,), role=AccessRole.ADMIN)
async def set_login(access: AccessFace, caller: Caller, body: NewLogin) -> LoginView:
    """Make a login, or give the one of this name another password and role; its sessions end."""
    return await access.set_login(caller, body.name, body.role, body.password)


@ACCESS.delete("/logins/{login}", role=AccessRole.ADMIN)
async def remove_login(access: AccessFace, login: str) -> LoginView:
    """Remove a login; its sessions end."""
    return await access.remove_login(login)
