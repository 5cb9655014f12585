"""API tokens, logins and sessions, as the REST API answers them. None of these hold a password or a hash."""

from __future__ import annotations

from miner_ctrl.model.callers import AccessRole, Door
from miner_ctrl.model.views import View


class ApiTokenView(View, frozen=True, kw_only=True):
    """An API token. ``token`` is there only in the answer that made it; ``prefix`` is how it begins. ``status`` is
    valid, expired or revoked; ``expires_at`` is ``None`` for one that does not expire."""

    id: str
    name: str
    role: AccessRole
    status: str
    prefix: str
    created_at: str
    created_by: str
    expires_at: str | None
    last_used: str | None
    token: str | None = None


class LoginView(View, frozen=True, kw_only=True):
    """Who may log in. ``sessions`` is how many browsers are logged in now."""

    name: str
    role: AccessRole
    created_at: str
    changed_at: str
    last_used: str | None
    sessions: int


class SessionView(View, frozen=True, kw_only=True):
    """Who asks, as this node knows it; ``expires_at`` is when that ends, ``None`` for never."""

    name: str
    role: AccessRole
    door: Door
    expires_at: str | None = None
