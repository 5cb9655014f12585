"""Messages, error codes and limits of the peer-to-peer protocol as tables."""

from __future__ import annotations

import ast
import inspect

from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.protocol import codec, codes, limits, messages
from scripts.markdown import code, meaning, table


def message_table() -> str:
    """One row for each message type: its kind, whether it is signed at once, its payload's fields, its meaning."""
    types = {kind.__name__: name for kind, name in codec.TYPE_NAMES.items()}
    return table(
        ("type", "kind", "signed at once", "payload", "meaning"),
        (
            (
                code(name),
                _kind(payload),
                "yes" if payload in messages.SIGNED else "",
                " ".join(code(field) for field in payload.__struct_encode_fields__),
                meaning(payload, types),
            )
            for payload, name in codec.TYPE_NAMES.items()
        ),
    )


def _kind(payload: type[messages.Payload]) -> str:
    if payload in messages.COMMANDS:
        return "command"
    if payload in messages.REQUESTS:
        return "request"
    return "reply" if payload in messages.REPLIES else "session"


def error_code_table() -> str:
    """One row for each wire code, with the errors of ours that travel under it and the one it becomes."""
    sent: dict[int, list[str]] = {}
    for kind in _tree(MinerCtrlError):
        sent.setdefault(codes.wire_code(kind("")), []).append(kind.__name__)
    return table(
        ("code", "name", "stands for", "raised by the receiver as"),
        (
            (
                str(int(each)),
                each.name,
                ", ".join(code(name) for name in sent.get(each, [])),
                code(type(codes.error_from_wire(messages.Error(code=each, message=""))).__name__),
            )
            for each in codes.WireCode
        ),
    )


def _tree(kind: type[MinerCtrlError]) -> list[type[MinerCtrlError]]:
    children = (child for child in kind.__subclasses__() if child.__module__ == MinerCtrlError.__module__)
    return [kind, *(each for child in children for each in _tree(child))]


def limit_table() -> str:
    """One row for each constant of ``protocol/limits.py``, in its order."""
    assigned = (node for node in ast.parse(inspect.getsource(limits)).body if isinstance(node, ast.Assign))
    names = (target.id for node in assigned for target in node.targets if isinstance(target, ast.Name))
    return table(("limit", "value"), ((code(name), f"{getattr(limits, name):,}") for name in names))
