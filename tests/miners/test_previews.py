"""What is shown of a miner's start is what the code that starts it makes."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner_ctrl.errors import BadInput, MinerCtrlError, NotFound
from miner_ctrl.miners.adapters import default_adapters
from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.previews import API, ON_LINUX, Previews, quoted_for_windows
from miner_ctrl.miners.xmrig import PROGRAM_VARIABLE, XmrigAdapter
from miner_ctrl.model.profile_views import PreviewPartView, ProfilePreviewView
from miner_ctrl.profiles import validate
from tests.profiles.half_written import configs

PREVIEWS = Previews(default_adapters)
SECRET = "hunter2"
WHOLE: dict[str, Any] = {
    "pool": "stratum+ssl://a.example:443",
    "wallet": "48ab.{rig}",
    "password": SECRET,
    "rigId": "{rig}",
    "failover": [{"pool": "b.example:1", "password": "hunter3"}],
    "threads": 4,
    "extraArgs": ["--cpu-no-yield"],
    "donateLevel": 2,
}


def preview(
    miner_type: str = "xmrig", *, rig_name: str | None = None, hide: bool = False, **config: Any
) -> ProfilePreviewView:
    return PREVIEWS.preview(miner_type, validate(miner_type, config), rig_name=rig_name, hide=hide)


def only(view: ProfilePreviewView) -> PreviewPartView:
    (part,) = view.parts
    return part


async def test_the_file_that_is_shown_is_the_one_that_a_real_xmrig_is_started_with(
    tmp_path: Path, xmrig_program: Path
) -> None:
    adapter = XmrigAdapter(environ={PROGRAM_VARIABLE: str(xmrig_program)})
    config = validate("xmrig", WHOLE)
    shown = only(preview(rig_name="rig-1", **WHOLE))
    plan = adapter.plan(config, folder=tmp_path, rig_name="rig-1", api=API)
    assert {file.name: file.text.encode() for file in shown.files} == dict(plan.files)
    assert shown.command.argv[0] == "xmrig"
    for file in shown.files:
        (tmp_path / file.name).write_text(file.text)
    await adapter.check(plan, tmp_path)
    assert [word.replace(str(ON_LINUX), str(tmp_path)) for word in shown.command.argv[1:]] == list(plan.argv[1:])


def test_the_draft_of_xmrig_has_everything_of_the_profile_and_no_token() -> None:
    view = preview(rig_name="rig-1", **WHOLE)
    file = json.loads(only(view).files[0].text)
    assert [(pool["url"], pool["user"], pool["pass"], pool["rig-id"]) for pool in file["pools"]] == [
        ("a.example:443", "48ab.rig-1", SECRET, "rig-1"),
        ("b.example:1", "48ab.rig-1", "hunter3", "rig-1"),
    ]
    assert (file["cpu"]["*"]["threads"], file["cpu"]["yield"], file["donate-level"]) == (4, False, 2)
    assert file["http"]["access-token"] == "MADE-AT-EACH-START"
    assert any("MADE-AT-EACH-START" in each for each in view.depends)
    assert not any("{rig}" in each for each in view.depends)
    assert view.hidden is False
    unnamed = preview(**WHOLE)
    assert "48ab.{rig}" in only(unnamed).files[0].text
    assert any("{rig}" in each for each in unnamed.depends)


def test_whoever_may_not_see_passwords_sees_none_and_everything_else() -> None:
    view = preview(hide=True, **WHOLE)
    text = only(view).files[0].text
    assert SECRET not in text
    assert "hunter3" not in text
    assert view.hidden
    assert [pool["pass"] for pool in json.loads(text)["pools"]] == ["********"] * 2
    shown = json.loads(only(preview(**WHOLE)).files[0].text)
    for pool in shown["pools"]:
        pool["pass"] = "********"
    assert json.loads(text) == shown
    plain = preview(hide=True, **{**WHOLE, "password": "x", "failover": []})
    assert (plain.hidden, '"pass": "x"' in only(plain).files[0].text) == (False, True)


def test_options_in_a_password_that_is_an_argument_are_hidden_too() -> None:
    config: dict[str, Any] = {"pool": "a.example:1", "wallet": "w", "coin": "RVN", "password": "c=BTC"}
    assert "c=BTC" in only(preview("tt-miner", **config)).command.argv
    hidden = preview("tt-miner", hide=True, **config)
    assert "c=BTC" not in str(hidden)
    assert "********" in only(hidden).command.argv
    config |= {"failover": ["b.example:1"], "password": "anything"}
    assert "w:********@b.example:1" in only(preview("tt-miner", hide=True, **config)).command.linux
    with pytest.raises(BadInput, match="password"):
        preview("tt-miner", **{**config, "password": SECRET})


def test_a_profile_of_two_miners_shows_both() -> None:
    view = preview(**WHOLE, opencl=True, gpuPool={"pool": "g.example:1", "coin": "ravencoin"})
    assert [part.part for part in view.parts] == ["cpu", "gpu"]
    files = [json.loads(part.files[0].text) for part in view.parts]
    assert [[pool["url"] for pool in file["pools"]] for file in files] == [
        ["a.example:443", "b.example:1"],
        ["g.example:1"],
    ]
    assert [(file["cpu"]["enabled"], file["opencl"]["enabled"]) for file in files] == [(True, False), (False, True)]


def test_a_command_line_is_quoted_for_each_shell() -> None:
    part = only(preview(**WHOLE))
    assert shlex.split(part.command.linux) == list(part.command.argv)
    assert part.command.linux.startswith("xmrig --config=/FOLDER/config.json")
    assert part.command.windows == "xmrig --config=C:\\FOLDER\\config.json --data-dir=C:\\FOLDER"
    assert quoted_for_windows(("a b", 'say "hi"', "C:\\x y\\", "", "a&b", "plain")) == (
        '"a b" "say \\"hi\\"" "C:\\x y\\\\" "" "a&b" plain'
    )


@pytest.mark.parametrize("adapter", default_adapters(), ids=lambda adapter: adapter.type)
def test_every_type_can_be_shown_without_its_program(adapter: Any) -> None:
    config: dict[str, Any] = {"pool": "a.example:1", "wallet": "w", "algo": "rx/0"}
    view = preview(adapter.type, **config)
    assert view.depends[0].startswith("The program: ")
    assert "a.example" in str(view.parts)
    assert str(Path.home()) not in str(view)
    assert str(Path.cwd()) not in str(view)


def test_complaints_are_every_field_that_is_not_heeded() -> None:
    config = validate("tt-miner", {"pool": "a.example:1", "wallet": "w", "threads": 2, "proxy": "127.0.0.1:1"})
    assert [error.details["field"] for error in PREVIEWS.complaints("tt-miner", config)] == ["proxy", "threads"]
    plain = validate("tt-miner", {"pool": "a.example:1", "wallet": "w"})
    assert [error.details["field"] for error in PREVIEWS.complaints("tt-miner", plain)] == ["algo"]
    gpu = validate("tt-miner", {"pool": "a.example:1", "wallet": "w", "gpuPool": "b.example:1"})
    assert [error.details["field"] for error in PREVIEWS.complaints("tt-miner", gpu)] == ["gpuPool"]
    wrong = validate("xmrig", {"pool": "a.example:1", "wallet": "w", "extraArgs": ["--donate-level=9"]})
    assert [error.code for error in PREVIEWS.complaints("xmrig", wrong)] == ["BAD_EXTRA_ARGUMENT"]
    (unknown,) = PREVIEWS.complaints("nobodys", wrong)
    assert (unknown.code, unknown.details["field"]) == ("MINER_TYPE_UNKNOWN", "minerType")
    with pytest.raises(NotFound):
        PREVIEWS.preview("nobodys", wrong, rig_name=None, hide=False)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([adapter.type for adapter in default_adapters()]), configs())
def test_there_is_a_complaint_exactly_where_a_miner_would_not_start(miner_type: str, config: dict[str, Any]) -> None:
    try:
        checked = validate(miner_type, config)
    except BadInput:
        return
    (adapter,) = (each for each in default_adapters() if each.type == miner_type)
    refused: MinerCtrlError | None = None
    try:
        for _, own in checked.parts:
            adapter.plan(own, folder=Path("/nowhere"), rig_name="rig", api=MinerApi(port=1, token="t"))
    except NotFound:
        pass  # its program is not here
    except BadInput as error:
        refused = error
    complaints = PREVIEWS.complaints(miner_type, checked)
    assert bool(complaints) == (refused is not None)
    if not complaints:
        assert PREVIEWS.preview(miner_type, checked, rig_name=None, hide=True).parts
