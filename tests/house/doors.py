"""Which room imports which, read from the source (nothing is executed), and the rules it is held to.

A room is a folder or a module directly under ``src/miner_ctrl``. Every import counts: at the top, inside a function,
under ``TYPE_CHECKING``, relative ones, and ``import_module`` of a constant.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

PACKAGE = "miner_ctrl"
FREE = frozenset({"model", "errors", "__init__"})
"""What every room but ``keeper`` may import; ``__init__`` is the package itself, which holds the version alone."""

DOORS: Mapping[str, frozenset[str]] = {
    room: frozenset(allowed.split())
    for room, allowed in {
        "__init__": "",
        "__main__": "cli",
        "errors": "",
        "model": "",
        "storage": "",
        "identity": "storage",
        "protocol": "",
        "session": "identity protocol",
        "transport": "session protocol identity",
        "peers": "identity storage",
        "pairing": "peers transport session identity protocol storage",
        "miners": "storage",
        "profiles": "storage",
        "deploy": "storage",
        "history": "storage",
        "lock": "identity storage",
        "audit": "storage",
        "metrics": "",
        "access": "storage",
        "telemetry": "",
        "doctor": "telemetry",
        "keeper": "",
        "worker": "transport protocol miners profiles deploy lock telemetry storage",
        "controller": "transport protocol peers profiles deploy history storage",
        "api": "controller worker peers pairing profiles access telemetry metrics storage",
        "config": "storage",
        "rig_settings": "storage",
        "run": "config storage identity",
        "late": "",
        "agent": "cli config late",
        "cli": "agent audit config deploy lock storage",
    }.items()
}
CLOSED = frozenset({"keeper", "errors", "__init__"})
"""Rooms that import nothing of ours at all: not even what is free."""

WIRES = "app"
WHOLE_NODE = frozenset({WIRES, "run"})
MAY_SERVE = frozenset({"run.py", "agent.py", "cli/local_node.py", "cli/demo.py"})
"""Who may import the whole node: ``run``, which gives it a process, and the commands that serve."""

MAX_APP_LINES = 200


class Import(NamedTuple):
    """``module`` (a path below the package) imports ``target`` (a room) at ``line``."""

    module: str
    line: int
    target: str


def imports(package: Path) -> Iterator[Import]:
    """Yield every import of one room by another in the package's source folder."""
    for path in sorted(package.rglob("*.py")):
        module = path.relative_to(package).as_posix()
        for line, name in _imported_names(ast.parse(path.read_text("utf-8")), module):
            target = _room_of(name, package)
            if target is not None and target != room(module):
                yield Import(module, line, target)


def room(module: str) -> str:
    """Return the room that a module (a path below the package) belongs to."""
    return module.partition("/")[0].removesuffix(".py")


def violations(package: Path) -> list[str]:
    """Return one sentence for each import that goes through a wall, and for each room without doors."""
    rooms = {room(path.relative_to(package).as_posix()) for path in package.rglob("*.py")}
    found = [f"{name}/ is in no rule: add it to DOORS" for name in sorted(rooms - DOORS.keys() - {WIRES})]
    found += [
        f"{each.module}:{each.line}: {room(each.module)} must not import {each.target}"
        for each in imports(package)
        if not _may(each)
    ]
    for path in sorted([*package.glob(f"{WIRES}.py"), *package.glob(f"{WIRES}/*.py")]):
        if (lines := len(path.read_text("utf-8").splitlines())) >= MAX_APP_LINES:
            found.append(f"{path.relative_to(package)} has {lines} lines: it wires, in under {MAX_APP_LINES}")
    return found


def _may(each: Import) -> bool:
    origin = room(each.module)
    if origin == WIRES:
        return True
    if origin in CLOSED:
        return False
    if each.target in WHOLE_NODE:
        return each.module in MAY_SERVE
    return each.target in FREE or each.target in DOORS.get(origin, frozenset())


def _imported_names(tree: ast.Module, module: str) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of what is imported; ``from a import b`` is ``a.b``, whatever ``b`` is."""
    parents = [PACKAGE, *module.split("/")[:-1]]
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom():
                base = parents[: len(parents) - node.level + 1] if node.level else []
                prefix = ".".join([*base, *([node.module] if node.module else [])])
                yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name
            case _:
                pass


def _room_of(name: str, package: Path) -> str | None:
    """Return the room of a dotted name; ``None`` for what is not ours."""
    top, _, rest = name.partition(".")
    if top != PACKAGE:
        return None
    first = rest.partition(".")[0]
    is_room = (package / first).is_dir() or (package / f"{first}.py").is_file() if first else False
    return first if is_room else "__init__"
