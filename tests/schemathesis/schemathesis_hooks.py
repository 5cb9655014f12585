"""What a run aims at: things that are there, and nothing that does not end or that is not this test's."""

from __future__ import annotations

import os
import zlib
from typing import Any

import schemathesis

KNOWN = {
    name: tuple(values.split(","))
    for name, _, values in (part.partition("=") for part in os.environ.get("API_KNOWN", "").split(";") if part)
}
"""Names of things that are there, by what they are called in paths."""


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    query: Any = case.query
    if isinstance(query, dict) and "follow" in query:
        query["follow"] = "false"  # a log that is followed does not end
    body: Any = case.body
    if case.path.endswith("/adopt") and isinstance(body, dict):
        body.update({name: 1 for name in ("port",) if isinstance(body.get(name), int)})  # nothing of this machine's
    removes = case.method == "DELETE" or case.path.endswith(("/disconnect", "/uninstall"))
    if removes or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    values: Any = case.path_parameters
    for name, value in (values or {}).items():
        known = KNOWN.get(name)
        chance = zlib.crc32(str(value).encode())
        if known and chance % 2:
            values[name] = known[chance // 2 % len(known)]
