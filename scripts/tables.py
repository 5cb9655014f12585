"""The tables in ``docs/`` that are generated from the code.

``python -m scripts.tables`` says which are stale (exit 1); with ``--write`` it writes them. A table stands between
``<!-- table: NAME -->`` and ``<!-- end -->``; what is around it is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from scripts import cli_table, metric_table, miner_table, profile_table, protocol_tables, rest_table

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_BLOCK = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

TABLES: Mapping[str, Callable[[], str]] = {
    "messages": protocol_tables.message_table,
    "error-codes": protocol_tables.error_code_table,
    "limits": protocol_tables.limit_table,
    "routes": rest_table.route_table,
    "structures": rest_table.view_table,
    "commands": cli_table.command_table,
    "profile-fields": profile_table.field_table,
    "miners": miner_table.miner_table,
    "metrics": metric_table.metric_table,
}


def render(text: str, tables: Mapping[str, Callable[[], str]] = TABLES) -> str:
    """Return ``text`` with each marked table as the code has it now.

    Raises:
        KeyError: a mark names a table that nobody generates.
    """
    return _BLOCK.sub(lambda block: f"{block[1]}{tables[block[2]]()}{block[3]}", text)


def marked(pages: Iterable[Path]) -> set[str]:
    """Return the names of the tables that the pages show."""
    return {block[2] for page in pages for block in _BLOCK.finditer(page.read_text("utf-8"))}


def stale(pages: Iterable[Path]) -> list[Path]:
    """Return the pages whose tables are not as the code has them."""
    return [page for page in pages if render(text := page.read_text("utf-8")) != text]


def main(arguments: Sequence[str]) -> int:
    pages = sorted(DOCS.rglob("*.md"))
    old = stale(pages)
    for page in old:
        print(f"{'written' if '--write' in arguments else 'stale'}: {page.relative_to(ROOT)}")
        if "--write" in arguments:
            page.write_text(render(page.read_text("utf-8")), "utf-8")
    return 1 if old and "--write" not in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
