"""The page at the port: its own files to everybody, and nothing else of this machine to anybody."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miner_ctrl.api import guard, page_files
from miner_ctrl.api.application import BASE_PATH, ROUTES
from miner_ctrl.api.openapi import document
from miner_ctrl.api.page import takes_gzip
from miner_ctrl.api.port import PortRules
from miner_ctrl.api.rates import Rate
from miner_ctrl.model.callers import AccessRole
from tests.api.open_port import Answer, OpenPort, opened, read_answer

INDEX = b"<!doctype html><title>miner-ctrl</title>" + b"<p>the page</p>" * 40
SCRIPT = b"export const words = ['a', 'b'];\n" * 40
STYLE = b"body{margin:0}"
SECRET = b"the secret beside the page"
FILES = {
    "index.html": INDEX,
    "favicon.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "manifest.webmanifest": b"{}",
    "assets/index-0a1b2c3d.js": SCRIPT,
    "assets/index-0a1b2c3d.js.map": b"{}",
    "assets/index-9f8e7d6c.css": STYLE,
    "assets/.hidden.js": SECRET,
    "assets/deeper/inner.js": SECRET,
    "sources.sha256": b"0123",
}
JS = "/assets/index-0a1b2c3d.js"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A page as the build leaves it, and around it what nobody may read."""
    made = tmp_path / "package" / "page"
    for name, content in FILES.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name in ("index.html", "assets/index-0a1b2c3d.js"):
        (made / f"{name}.gz").write_bytes(gzip.compress(FILES[name], 9, mtime=0))
    for name in ("secret.js", "secret.html", "secret"):
        (made.parent / name).write_bytes(SECRET)
    (made / "linked.html").symlink_to(made.parent / "secret.html")
    (made / "assets" / "linked.js").symlink_to(made.parent / "secret.js")
    return made


@pytest.fixture
async def port(tmp_path: Path, folder: Path) -> AsyncIterator[OpenPort]:
    """As it is open to a network: nobody gets anything of the API without credentials."""
    async with opened(tmp_path / "home", PortRules(needs_credentials=True), page=folder) as port:
        yield port


async def get(port: OpenPort, path: str, method: str = "GET", **headers: str) -> Answer:
    return await port(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}, base="")


DEEP = [
    "/", "/nodes", "/nodes/", "/rigs/0a1b2c3d", "/profiles/monero-1/edit", "/activity", "/settings", "/login",
    "/rigs/r%C3%A4chner", "/rigs/a.b/log", "/nodes?filter=a.b&sort=name", "/metricsview", "/apiary",
]  # fmt: skip


@pytest.mark.parametrize("path", DEEP)
async def test_every_address_of_the_page_is_its_first_file_and_needs_no_credentials(port: OpenPort, path: str) -> None:
    answer = await get(port, path)
    assert (answer.status, answer.body) == (200, INDEX)
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert answer.header("cache-control") == "no-cache"
    assert (await port("GET", "/peers")).status == 401, "what the page shows has to be asked for"


async def test_its_files_have_their_types_and_hashed_ones_last(port: OpenPort) -> None:
    for path, content, kind, lasts in (
        (JS, SCRIPT, "text/javascript; charset=utf-8", True),
        ("/assets/index-9f8e7d6c.css", STYLE, "text/css; charset=utf-8", True),
        ("/favicon.svg", FILES["favicon.svg"], "image/svg+xml", False),
        ("/manifest.webmanifest", FILES["manifest.webmanifest"], "application/manifest+json", False),
        ("/index.html", INDEX, "text/html; charset=utf-8", False),
    ):
        answer = await get(port, path)
        assert (answer.status, answer.body, answer.header("content-type")) == (200, content, kind)
        lasting = "public, max-age=31536000, immutable"
        assert answer.header("cache-control") == (lasting if lasts else "no-cache")
        assert answer.header("content-length") == str(len(content))


async def test_the_policy_lets_in_what_is_the_pages_own_and_nothing_inline(port: OpenPort) -> None:
    page, script = await get(port, "/rigs/0a1b"), await get(port, JS)
    policy = page.header("content-security-policy")
    for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"):
        assert f"{part};" in policy
    for answer in (page, script):
        assert "unsafe" not in answer.header("content-security-policy")
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("x-frame-options") == "DENY"
        assert answer.header("referrer-policy") == "no-referrer"


async def test_what_the_build_packed_is_sent_packed_to_who_takes_it(port: OpenPort) -> None:
    for path, content in (("/", INDEX), (JS, SCRIPT)):
        packed, plain = await get(port, path, Accept_Encoding="br, gzip;q=0.8"), await get(port, path)
        assert packed.header("content-encoding") == "gzip"
        assert gzip.decompress(packed.body) == content
        assert packed.header("content-length") == str(len(packed.body))
        assert plain.header("content-encoding") == ""
        assert plain.body == content
        assert packed.header("vary") == plain.header("vary") == "accept-encoding"
        assert packed.header("etag") != plain.header("etag")
        assert packed.header("content-type") == plain.header("content-type")
    style = await get(port, "/assets/index-9f8e7d6c.css", Accept_Encoding="gzip")
    assert (style.header("content-encoding"), style.header("vary"), style.body) == ("", "", STYLE)


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ([], False), ([b""], False), ([b"gzip"], True), ([b"GZIP"], True), ([b"br", b"gzip"], True), ([b"*"], True),
        ([b"gzip;q=0"], False), ([b"gzip; q=0.000"], False), ([b"gzip;q=0.001"], True), ([b"*;q=0"], False),
        ([b"identity, *;q=0"], False), ([b"gzip;q=0, *"], False), ([b"x-gzip"], False), ([b"\xff\xfe"], False),
    ],
)  # fmt: skip
def test_who_takes_gzip(said: list[bytes], taken: bool) -> None:
    assert takes_gzip(said) is taken


async def test_who_has_it_already_gets_nothing_again(port: OpenPort) -> None:
    for headers in ({}, {"Accept_Encoding": "gzip"}):
        first = await get(port, "/", **headers)
        again = await get(port, "/nodes", If_None_Match=first.header("etag"), **headers)
        assert (again.status, again.body) == (304, b"")
        assert again.header("etag") == first.header("etag")
        assert again.header("cache-control") == "no-cache"
        assert (again.header("content-type"), again.header("content-encoding")) == ("", "")
        assert (await get(port, "/", If_None_Match='"another"', **headers)).status == 200


async def test_head_says_what_get_would_and_the_connection_goes_on(port: OpenPort) -> None:
    reader, writer = await port.connect()
    for path in ("/", JS, "/assets/nothing.js"):
        writer.write(f"HEAD {path} HTTP/1.1\r\nHost: {port.place}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {port.place}\r\n\r\n".encode())
        answer = await read_answer(reader)
        assert f"content-length: {len(answer.body)}\r\n" in head
        assert head.startswith(f"HTTP/1.1 {answer.status} ")
    writer.close()


UNKNOWN = [
    "/assets/", "/assets/nothing.js", "/assets/index-0a1b2c3d.js/", "/assets/index-0a1b2c3d.js.gz",
    "/assets/index-0a1b2c3d.js.map", "/assets/.hidden.js", "/assets/deeper/inner.js", "/assets/linked.js",
]  # fmt: skip


@pytest.mark.parametrize("path", UNKNOWN)
async def test_an_asset_that_is_none_is_told_in_the_envelope(port: OpenPort, path: str) -> None:
    answer = await get(port, path)
    assert (answer.status, answer.code) == (404, "FILE_NOT_FOUND")
    assert answer.header("cache-control") == "no-store"


async def test_an_encoded_slash_is_a_slash(port: OpenPort) -> None:
    assert (await get(port, "/assets%2Findex-0a1b2c3d.js")).body == SCRIPT


HOSTILE = [
    "/../secret", "/../secret.js", "/assets/../../secret.js", "/assets/%2e%2e/%2e%2e/secret.js", "/%2e%2e/secret",
    "/assets/..%2f..%2fsecret.js", "/assets/%252e%252e/%252e%252e/secret.js", "/assets/..%5c..%5csecret.js",
    "/assets/..\\..\\secret.js", "/..%5csecret", "/assets/index-0a1b2c3d.js%00", "/%00", "/index.html%00.js",
    "/assets//../secret.js", "//etc/passwd", "//evil.example/nodes", "/./secret", "/assets/./linked.js", "/linked.html",
    "/sources.sha256", "/secret.html", "/.env", "/.git/config", "/nodes/.git", "/assets/%c0%ae%c0%ae/secret.js",
    "/nodes%00", "/page/index.html", "/wp-login.php", "/assets/\u00e9.js".encode().decode("latin-1"), "/a%0d%0ab",
    "/nodes/..",
    "/assets/" + "a" * 20_000, "/" + "../" * 2_000 + "secret",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path[:40])
async def test_nothing_outside_the_page_can_be_read(port: OpenPort, path: str) -> None:
    answer = await port.raw(f"GET {path} HTTP/1.1\r\nHost: {port.place}\r\n\r\n".encode("latin-1"))
    refused = {(404, "FILE_NOT_FOUND"), (404, "ROUTE_NOT_FOUND"), (400, "BAD_REQUEST")}
    assert (answer.status, answer.code) in refused
    assert SECRET not in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE"])
async def test_the_page_is_only_read(port: OpenPort, method: str) -> None:
    for path in ("/", "/nodes", JS, "/favicon.svg"):
        answer = await get(port, path, method)
        assert (answer.status, answer.code) == (405, "METHOD_NOT_ALLOWED")
        assert answer.header("allow") == "GET, HEAD"


async def test_the_api_stays_what_it_is(port: OpenPort) -> None:
    token = await port.token(AccessRole.VIEWER)
    for path in ("/api", "/api/", "/api/v2/peers", "/api/v1/mining", "/api/v1/mining/nowhere", "/metrics/x"):
        answer = await port("GET", path, token=token, base="")
        assert (answer.status, answer.code) == (404, "ROUTE_NOT_FOUND"), path
    assert (await port("GET", "/metrics", base="")).status == 401
    assert (await port("GET", "/metrics", token=token, base="")).status == 200
    assert (await port("GET", "/peers", token=token)).status == 200


async def test_the_guard_stands_before_the_page_too(port: OpenPort) -> None:
    assert (await get(port, "/", Host="evil.example")).code == "HOST_REFUSED"
    assert (await get(port, JS, Origin="http://evil.example")).code == "OTHER_SITE"
    assert (await get(port, JS, Sec_Fetch_Site="cross-site")).code == "OTHER_SITE"
    assert (await get(port, "/nodes", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")).status == 200
    assert (await get(port, "/login?token=mct_abc")).code == "TOKEN_IN_QUERY"
    assert (await get(port, "/", Cookie="miner-ctrl=" + "A" * 43)).status == 200, "a session that is over"


async def test_who_asks_for_the_page_too_often_is_held_back(
    port: OpenPort, monkeypatch: pytest.MonkeyPatch, answered_at_once: None
) -> None:
    monkeypatch.setattr(guard, "OF_STRANGER", Rate(burst=3, per_s=0.001))
    assert [(await get(port, "/")).status for _ in range(5)] == [200, 200, 200, 429, 429]


async def test_the_page_is_counted_by_kind_and_is_no_route_of_the_api(port: OpenPort) -> None:
    for path in ("/", "/rigs/hunter2", JS, "/assets/hunter2.js", "/favicon.svg"):
        await get(port, path)
    counted = {route for _, route, _ in port.world.metrics.requests.answers}
    assert counted == {"/{page}", "/assets/{file}", "/favicon.svg"}
    assert not [path for path in document(ROUTES, BASE_PATH)["paths"] if "page" in path or "assets" in path]


async def test_what_was_read_once_stays_as_it_was(port: OpenPort, folder: Path) -> None:
    assert (await get(port, "/")).body == INDEX
    shutil.rmtree(folder)
    assert (await get(port, "/nodes")).body == INDEX
    assert (await get(port, JS)).body == SCRIPT, "a page that somebody has open loads its other parts"


async def test_a_node_whose_page_nobody_asks_for_has_read_nothing(
    port: OpenPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_page(folder: Path) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr("miner_ctrl.api.page.load", no_page)
    assert (await port("GET", "/peers", token=await port.token(AccessRole.VIEWER))).status == 200
    assert (await get(port, "/")).status == 500, "now it would be"


# --- a checkout without the page -----------------------------------------------------------------------------


async def test_without_a_page_it_says_which_command_builds_it(tmp_path: Path, folder: Path) -> None:
    async with opened(tmp_path / "home", page=tmp_path / "nowhere") as port:
        for path in ("/", "/nodes"):
            answer = await get(port, path)
            assert (answer.status, answer.header("content-type")) == (503, "text/html; charset=utf-8")
            assert b"make page" in answer.body
            assert answer.header("cache-control") == "no-store"
            assert b"style" not in answer.body
            assert b"<script" not in answer.body
        assert (await get(port, JS)).code == "FILE_NOT_FOUND"
        assert (await get(port, "/", "POST")).status == 405
        assert (await port("GET", "/health")).status == 200
        shutil.move(folder, tmp_path / "nowhere")
        assert (await get(port, "/")).body == INDEX, "built in the meantime"


async def test_a_folder_without_a_first_file_is_no_page(tmp_path: Path, folder: Path) -> None:
    (folder / "index.html").unlink()
    async with opened(tmp_path / "home", page=folder) as port:
        assert (await get(port, "/")).status == 503


async def test_a_folder_that_is_too_large_for_a_page_is_not_kept(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_files, "MAX_BYTES", 4096)
    with (folder / "assets" / "huge.js").open("wb") as huge:
        os.ftruncate(huge.fileno(), 1 << 40)  # it would never be read to its end
    async with opened(tmp_path / "home", page=folder) as port:
        assert (await get(port, "/")).status == 503


async def test_linked_assets_are_no_assets(tmp_path: Path, folder: Path) -> None:
    (folder / "assets").rename(tmp_path / "elsewhere")
    (folder / "assets").symlink_to(tmp_path / "elsewhere")
    async with opened(tmp_path / "home", page=folder) as port:
        assert (await get(port, "/")).status == 200
        assert (await get(port, JS)).code == "FILE_NOT_FOUND"


async def test_the_local_socket_has_no_page(port: OpenPort, tmp_path: Path) -> None:
    async with opened(tmp_path / "other") as without:
        assert (await get(without, "/")).code == "ROUTE_NOT_FOUND"
