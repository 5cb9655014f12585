"""House rules that a linter does not know."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import miner_ctrl
from miner_ctrl import errors
from tests.house.tree import ROOT, SOURCE, modules, texts, tracked

MAX_LINES = 600
FORBIDDEN_NAMES = re.compile(r"(manager|helper|util|service|client)s?")
REGISTRIES = re.compile(
    "|".join(("pypi" + r"\.org", "python" + r"hosted\.", r"registry\.n" + "pmjs", r"deb\.deb" + "ian"))
)
LOCAL_PATHS = re.compile(r"file:/{3}|(?<![\w.~}$-])/(?:root|home/\w+|Users/\w+|work|workspace|builds)/")


def test_no_module_is_longer_than_anyone_reads() -> None:
    lengths = {path: len(text.splitlines()) for path, text in texts(".py")}
    assert {str(path): lines for path, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_module_is_named_after_nothing_in_particular() -> None:
    names = [path for path in SOURCE.rglob("*") if FORBIDDEN_NAMES.fullmatch(path.stem)]
    assert names == []


def test_every_task_is_named_and_held() -> None:
    assert [f"{path}:{line}: {why}" for path, tree in modules() for line, why in loose_tasks(tree)] == []


def loose_tasks(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the tasks of a module that nobody holds or that have no name (a task group holds its own)."""
    dropped = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value.attr if isinstance(node.func.value, ast.Attribute) else ast.unparse(node.func.value)
        if node.func.attr not in ("create_task", "ensure_future"):
            continue
        if node in dropped and ("loop" in owner or owner == "asyncio"):
            yield node.lineno, "nobody holds this task"
        if node.func.attr == "create_task" and not any(each.arg == "name" for each in node.keywords):
            yield node.lineno, "this task has no name"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("asyncio.create_task(work(), name='w')", ["nobody holds this task"]),
        ("self._loop.create_task(work(), name='w')", ["nobody holds this task"]),
        ("task = asyncio.create_task(work())", ["this task has no name"]),
        ("group.create_task(work(), name='w')", []),
        ("task = asyncio.create_task(work(), name='w')", []),
    ],
)
def test_a_loose_task_is_noticed(source: str, said: list[str]) -> None:
    assert [why for _, why in loose_tasks(ast.parse(source))] == said


def test_nothing_is_left_over_in_the_product() -> None:
    mark = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b|pragma: no cover")
    found = [str(path) for path, text in texts(".py") if path.is_relative_to("src") and mark.search(text)]
    assert found == []


def test_tracked_files_name_no_registry_and_no_place_of_one_machine() -> None:
    found = [
        f"{path}:{number}: {match[0]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        for match in [REGISTRIES.search(line) or LOCAL_PATHS.search(line)]
        if match
    ]
    assert found == []


@pytest.mark.parametrize(
    "parts",
    [
        ("file:/", "", "opt", "x"),
        ("see ", "home", "ann", "miner"),
        ("'", "root", ".cache"),
        ("", "work", "main"),
        ("", "Users", "ann", "x"),
    ],
)
def test_such_a_place_is_noticed(parts: tuple[str, ...]) -> None:
    assert LOCAL_PATHS.search("/".join(parts))  # in parts, or this file would be noticed itself


def test_nothing_built_or_private_is_tracked() -> None:
    unwanted = re.compile(r"(^|/)(__pycache__|node_modules|dist|build|\.venv)/|\.(pyc|whl|db|sqlite3|key|pem|log)$")
    recorded = Path("tests")
    assert [str(path) for path in tracked() if unwanted.search(str(path)) and recorded not in path.parents] == []


# --- the error tree -------------------------------------------------------------------------------------


def drawn_tree(drawing: str) -> dict[str, str]:
    """Return child → parent of the tree that the docstring of ``errors`` draws."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in drawing.splitlines():
        match = re.match(r"    ((?:[│ ] {3})*)(?:[├└]── )?([A-Z]\w+) {2,}\S", line)
        if match is None:
            continue
        depth = 0 if "── " not in line else len(match[1]) // 4 + 1
        path[depth:] = [match[2]]
        if depth:
            parents[match[2]] = path[depth - 1]
    return parents


def test_every_error_stands_in_the_drawn_tree_where_it_belongs() -> None:
    real = {
        kind.__name__: kind.__mro__[1].__name__
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.MinerCtrlError) and kind is not errors.MinerCtrlError
    }
    assert drawn_tree(errors.__doc__ or "") == real


# --- versions and locks ---------------------------------------------------------------------------------


def test_changelog_and_package_agree_on_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == miner_ctrl.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## \[?{re.escape(miner_ctrl.__version__)}\b", changelog, re.MULTILINE)


def locked(name: str) -> dict[str, tuple[str, int]]:
    """Return package → (version, number of hashes) of a lock file."""
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements" / name).read_text("utf-8").strip())
    parsed = [(re.match(r"([a-z0-9-]+)==(\S+)", entry), entry.count("--hash=sha256:")) for entry in entries]
    assert all(match for match, _ in parsed)
    return {match[1]: (match[2], hashes) for match, hashes in parsed if match}


def declared() -> dict[str, list[str]]:
    """Return lock file → the requirements of ``pyproject.toml`` that it has to satisfy."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    runtime, build = project["project"]["dependencies"], [*groups["build"], *project["build-system"]["requires"]]
    return {"runtime.txt": runtime, "build.txt": build, "dev.txt": [*runtime, *build, *groups["dev"]]}


@pytest.mark.parametrize("name", ["runtime.txt", "build.txt", "dev.txt"])
def test_lock_satisfies_what_is_declared(name: str) -> None:
    pinned = locked(name)
    assert all(hashes for _, hashes in pinned.values())
    for each in map(Requirement, declared()[name]):
        assert each.name in pinned, f"{each} is not in {name}: make lock"
        assert each.specifier.contains(pinned[each.name][0]), f"{name} has another {each.name}: make lock"


def test_locks_agree_with_each_other() -> None:
    dev = locked("dev.txt")
    for name in ("runtime.txt", "build.txt"):
        assert {package: version for package, (version, _) in locked(name).items() if dev[package][0] != version} == {}
