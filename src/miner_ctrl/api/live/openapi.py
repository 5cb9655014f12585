"""The feed's messages in the OpenAPI document, so that a page has their types from there: ``x-websocket`` says which
are sent and heard at which path."""

from __future__ import annotations

from typing import Any

import msgspec

from miner_ctrl.api.live.messages import ASKED, SAID
from miner_ctrl.api.live.websocket import PATH

_REF = "#/components/schemas/{name}"
_PATCHES = {"FleetDelta": "RigSummary", "AlertsDelta": "Alert", "JobsDelta": "JobView", "EventsDelta": "EventRow"}


def described(base_path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the components, and what ``x-websocket`` says."""
    _, found = msgspec.json.schema_components([*SAID, *ASKED], schema_hook=_anything, ref_template=_REF)
    ours = {kind.__name__ for kind in (*SAID, *ASKED)}
    components = {name: schema for name, schema in found.items() if name not in ours}
    for delta, row in _PATCHES.items():
        patch = f"{row}Patch"
        components[patch] = {**found[row], "title": patch, "required": ["id"]}
        found[delta]["properties"]["changed"]["items"] = {"$ref": _REF.format(name=patch)}
    components |= {f"Live{name}": {**found[name], "title": f"Live{name}"} for name in ours}
    for name, kinds in (("LiveSaid", SAID), ("LiveHeard", ASKED)):
        components[name] = {"oneOf": [{"$ref": _REF.format(name=f"Live{kind.__name__}")} for kind in kinds]}
    websocket = {
        base_path + PATH: {
            "description": "Text messages, each one JSON object: a snapshot of each topic, then what changes.",
            "sends": {"$ref": _REF.format(name="LiveSaid")},
            "hears": {"$ref": _REF.format(name="LiveHeard")},
        }
    }
    return components, websocket


def _anything(kind: type) -> dict[str, Any]:
    if kind is object:
        return {"description": "Any JSON value."}
    raise TypeError(f"{kind} has no JSON schema")
