"""Programs of ``web/browser`` that look at the page in a real browser: ``python -m scripts.in_browser screenshots …``.

``screenshots`` takes pictures of every page; ``figures`` measures them. Further words are the program's own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from tests.browser.scenes import environment
from tests.components import chromium, node_js
from tests.components.packages import CannotHave

PROGRAMS = ("screenshots", "figures")


def main(words: Sequence[str]) -> int:
    """Run one, and return its exit code."""
    if not words or words[0] not in PROGRAMS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        tools, browser = node_js.obtain(), chromium.obtain()
    except CannotHave as reason:
        print(f"The page cannot be looked at here: {reason}.", file=sys.stderr)
        return 1
    command = [str(tools.node), "browser/run.mjs", f"{words[0]}.ts", *words[1:]]
    done = subprocess.run(command, cwd=tools.folder, env=environment(tools, browser), check=False)  # noqa: S603 - ours
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
