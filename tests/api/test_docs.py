"""The page to read the API: its own files, nothing inline, nothing of another host."""

from __future__ import annotations

import re

import pytest

from tests.api.in_memory import Client

TRIED = {("GET", "/docs"), ("GET", "/docs/{file}")}


async def test_the_page_loads_its_own_files_only(client: Client) -> None:
    page = await client("GET", "/docs")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    text = page.text.decode()
    named = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert {"docs/docs.css", "docs/docs.js", "openapi.json"} == set(named)
    assert not re.search(r"<style|style=|\bon[a-z]+=|<script(?![^>]*src=)|https?:", text)
    for name in named:
        assert (await client("GET", f"/{name}")).status == 200


@pytest.mark.parametrize(("name", "kind"), [("docs.css", "text/css"), ("docs.js", "text/javascript")])
async def test_its_files_have_their_types_and_make_no_markup_of_text(client: Client, name: str, kind: str) -> None:
    answer = await client("GET", f"/docs/{name}")
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?:", answer.text)
