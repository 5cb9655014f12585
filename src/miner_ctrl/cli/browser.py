"""Opening the page for who sits in front of this machine."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from pathlib import PurePath

_IN_THE_TERMINAL = frozenset({"www-browser", "links", "elinks", "lynx", "w3m"})


def has_display(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a browser would have somewhere to open."""
    return sys.platform in ("win32", "darwin") or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def open_page(address: str) -> None:
    """Open ``address`` in this user's browser, if there is one that leaves the terminal alone; waits for nothing."""
    import webbrowser  # noqa: PLC0415 - for who wants it

    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    name = str(getattr(browser, "name", ""))
    if PurePath(name).name not in _IN_THE_TERMINAL:
        threading.Thread(target=browser.open, args=(address,), name="browser", daemon=True).start()
