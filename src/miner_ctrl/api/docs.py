"""``/docs``: a page to read the API's description. Its own files only, nothing inline, no other host."""

from __future__ import annotations

from importlib import resources

from miner_ctrl.api.resource import Resource
from miner_ctrl.api.routes import Asset
from miner_ctrl.errors import NotFound

DOCS = Resource("meta")
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    b" frame-ancestors 'none'"
)
_HEADERS = ((b"content-security-policy", POLICY), (b"referrer-policy", b"no-referrer"))
_KINDS = {
    "docs.html": "text/html; charset=utf-8",
    "docs.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
}


@DOCS.get("/docs", media_types=("text/html; charset=utf-8",))
async def docs_page() -> Asset:
    """Return a page to read this description."""
    return _file("docs.html")


@DOCS.get("/docs/{file}", media_types=("text/css; charset=utf-8", "text/javascript; charset=utf-8"))
async def docs_file(file: str) -> Asset:
    """Return the style or the script of that page."""
    if file not in _KINDS or file == "docs.html":
        raise NotFound("That page has no such file.", suggestion="Open /api/v1/mining/docs.", code="FILE_NOT_FOUND")
    return _file(file)


def _file(name: str) -> Asset:
    """Return a file of the page. ``name`` is one of ``_KINDS``."""
    content = (resources.files("miner_ctrl.api") / "docs_page" / name).read_bytes()
    return Asset(_KINDS[name], content, _HEADERS)
