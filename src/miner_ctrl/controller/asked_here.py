"""Which of the requests to this controller are events of its history, and how they read. Pure.

What exactly was asked for is in the audit log (docs/audit.md); the journal says that something was set, deployed or
refused, and who asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from miner_ctrl.model.callers import Caller, Door

SETTINGS = frozenset(
    {
        "change_peer", "set_auth_mode", "add_to_allowlist", "remove_from_allowlist", "create_invite", "revoke_invite",
        "create_profile", "import_profiles", "change_profile", "delete_profile", "revert_profile",
        "set_own_schedule", "clear_own_schedule", "set_rig_schedule", "schedule_many",
        "set_lock", "clear_lock", "change_lock", "lock_many", "add_bundle", "remove_bundle",
        "create_token", "revoke_token", "set_login", "remove_login",
    }
)  # fmt: skip
"""Requests that change how something is set up, by their handlers' names."""
DEPLOYS = frozenset({"deploy", "deploy_many", "rollback", "rollback_many"})
REFUSALS = frozenset({"deny_pending"})
"""Requests that refuse somebody."""
REFUSED_CODES = frozenset({"REFUSED", "NOT_ALLOWED", "ONLY_LOCAL"})


def event_of(caller: Caller, action: str, target: Mapping[str, str], code: str) -> tuple[str, str] | None:
    """Return kind and text of the event that a request which ended with ``code`` is; ``None`` if it is none."""
    what = action.replace("_", " ")
    if code in REFUSED_CODES or (code and action == "invite_used"):
        return "refused", f"{what}: {code}"  # without its path: in one that was refused may stand anything
    text = " ".join((what, *target.values()))
    if code or caller.door is Door.PEER:  # what failed changed nothing; what a peer did here, this rig's journal has
        return None
    if action in REFUSALS:
        return "refused", text
    if action in SETTINGS:
        return "settings", text
    return ("deploy", text) if action in DEPLOYS else None
