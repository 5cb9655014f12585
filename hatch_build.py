"""The package's build: it puts the page into what it builds, and fetches Node.js for that only where it has to."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from scripts import page
else:
    # by its path: in a build environment another package may be called "scripts"
    _spec = importlib.util.spec_from_file_location("_miner_ctrl_page", Path(__file__).parent / "scripts" / "page.py")
    page = importlib.util.module_from_spec(_spec)
    sys.modules[_spec.name] = page
    _spec.loader.exec_module(page)


class PageHook(BuildHookInterface[BuilderConfig]):
    """Builds the page before a wheel, an sdist or an editable install, if it is older than its sources: an sdist holds
    the built page, and a wheel made of that needs no Node.js."""

    def dependencies(self) -> list[str]:
        """Return what the build needs beside hatchling: Node.js, where the page has to be built and there is none."""
        root = Path(self.root)
        if page.is_fresh(root):
            return []
        try:
            page.find_node(root)
        except page.PageNotBuilt:
            project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
            return list(project["dependency-groups"]["node"])
        return []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page; a failure ends the build in its own words."""
        del version, build_data
        try:
            page.build(Path(self.root))
        except page.PageNotBuilt as error:
            self.app.abort(f"The page could not be built. {error}")
