"""Descriptions whose author means harm, or made a mistake: refused with a sentence, and nothing is started."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.errors import BadInput
from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.described import DescribedAdapter
from miner_ctrl.miners.description_check import MAX_BYTES, read_description
from miner_ctrl.miners.description_files import described_miners
from miner_ctrl.miners.patterns import LinePattern
from miner_ctrl.model.profiles import MinerConfig
from tests.miners.test_xmrig import script

GOOD = """
type = "some-miner"
title = "SomeMiner"
description = "A miner"
programs = ["someminer"]
[start]
arguments = ["-o", "{pool}", "-u", "{wallet}", "-b", "{api}"]
[read]
kind = "http"
path = "/summary"
[read.values]
hashrate = "/hashrate"
"""


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


ARGUMENTS = 'arguments = ["-o", "{pool}", "-u", "{wallet}", "-b", "{api}"]'


def with_arguments(*more: str) -> str:
    words = ", ".join(repr(each) for each in ("-o", "{pool}", "-u", "{wallet}", "-b", "{api}", *more))
    return changed(ARGUMENTS, f"arguments = [{words}]")


HOSTILE: dict[str, tuple[str, str]] = {
    "program by traversal": (changed('["someminer"]', '["../../bin/miner"]'), "programs"),
    "program by absolute path": (changed('["someminer"]', '["/bin/miner"]'), "programs"),
    "a shell for a program": (changed('["someminer"]', '["bash"]'), "bash runs other programs"),
    "an interpreter": (changed('["someminer"]', '["python3.11"]'), "python3.11 runs other programs"),
    "a way to become root": (changed('["someminer"]', '["sudo"]'), "sudo runs other programs"),
    "a hidden program": (changed('["someminer"]', '[".miner"]'), "programs"),
    "no program": (changed('["someminer"]', "[]"), "programs"),
    "absolute path as argument": (with_arguments("/etc/passwd"), "is a path"),
    "path after an equals sign": (with_arguments("--log=/etc/cron.d/x"), "is a path"),
    "path of the home": (with_arguments("--config=~/.ssh/id"), "is a path"),
    "traversal as argument": (with_arguments("--log=../../x"), "is a path"),
    "path on another system": (with_arguments("C:\\Windows\\x"), "is a path"),
    "API for everybody": (with_arguments("--api=0.0.0.0:4000"), "open the local API to everybody"),
    "API for everybody, joined": (changed('"{api}"', '"0.0.0.0:{api_port}"'), "open the local API to everybody"),
    "API for everybody, IPv6": (with_arguments("[::]:4000"), "open the local API to everybody"),
    "API with an address unsaid": (changed('"{api}"', '"{api_port}"'), "say listens"),
    "no API": (changed(', "-b", "{api}"', ""), "no argument holds {api}"),
    "no wallet": (changed('"{wallet}"', '"44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQ"'), "somebody else"),
    "no pool": (changed('"{pool}"', '"evil.example:1"'), "no argument holds the pool"),
    "unknown placeholder": (with_arguments("{home}"), "is no placeholder"),
    "placeholder within a placeholder": (with_arguments("{{pool}}"), "brace"),
    "format specification": (with_arguments("{pool.__class__}"), "is no placeholder"),
    "the API's token": (with_arguments("{token}"), "is no placeholder"),
    "control character": (changed('"-b"', '"-b\\u001b[2J"'), "no argument has"),
    "line break": (changed('"-b"', '"-b\\nx"'), "no argument has"),
    "unknown field": (GOOD + 'run = "rm"\n', "run"),
    "unknown table": (GOOD + '[shell]\ncommand = "rm"\n', "shell"),
    "wrong type": (changed('"/hashrate"', "5"), "read.values.hashrate"),
    "arguments as one text": (changed(ARGUMENTS, 'arguments = "-o {pool}"'), "start.arguments"),
    "type of another form": (changed('"some-miner"', '"Some/Miner"'), "type"),
    "pointer that is none": (changed('"/hashrate"', '"hashrate"'), "does not begin with /"),
    "pointer of many stars": (changed('"/hashrate"', '"/*/*/*/*/*"'), "stars"),
    "endless pointer": (changed('"/hashrate"', f'"{"/a" * 120}"'), "characters"),
    "path with a query": (changed('"/summary"', '"/control?command=stop"'), "read.path"),
    "path with a line break": (changed('"/summary"', '"/a\\r\\nX-Evil: 1"'), "read.path"),
    "path to another host": (changed('"/summary"', '"http://evil.example/"'), "read.path"),
    "unknown way of reading": (changed('"http"', '"exec"'), "read.kind"),
    "a log without lines": (changed('kind = "http"', 'kind = "log"'), "a log needs lines"),
    "a pattern without holes": (changed('kind = "http"', 'kind = "log"\nlines = ["(a+)+$"]'), "has a hole"),
    "a pattern of stars": (changed('kind = "http"', f'kind = "log"\nlines = ["{"*a" * 20}{{hashrate}}"]'), "stars"),
    "extra argument of the template": (GOOD + '[extra_args]\n"-o" = "value"\n', "template's own"),
    "extra argument that is no option": (GOOD + '[extra_args]\n"x; rm" = "flag"\n', "extra_args"),
    "version by running a script": (GOOD + '[version]\narguments = ["-c", "rm -r x"]\n', "is no option"),
    "condition on what is no field": (
        changed('"-b", "{api}"', '"-b", "{api}", {when = "home", add = ["x"]}'), "when cannot be"
    ),
    "algorithm that is an option": (GOOD + '[algorithms]\nx = "-o evil"\n', "is no algorithm's name"),
    "scheme that is more": (changed("[read]", 'scheme = "http://evil/"\n[read]'), "scheme"),
    "no TOML": ("type = ", "is not TOML"),
    "deep nesting": ("a = " + "[" * 5000 + "]" * 5000, "is not TOML"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_with_a_sentence(name: str) -> None:
    written, words = HOSTILE[name]
    with pytest.raises(BadInput) as caught:
        read_description(written.encode(), name="some.toml")
    message = caught.value.message
    assert words in message, message
    assert message.startswith("The description some.toml cannot be used: ")
    assert message.isprintable()
    assert len(message) < 450
    assert caught.value.suggestion


def test_what_they_are_made_of_is_good() -> None:
    assert read_description(GOOD.encode(), name="some.toml").type == "some-miner"


def test_a_mistake_in_the_file_names_its_line() -> None:
    with pytest.raises(BadInput, match="line 3"):
        read_description(b'type = "a"\ntitle = "b"\nprograms = \n', name="some.toml")


@pytest.mark.parametrize("raw", [b"#" * (MAX_BYTES + 1), b"\xff\xfe\x00", b"\0" * 10])
def test_bytes_that_are_no_description(raw: bytes) -> None:
    with pytest.raises(BadInput):
        read_description(raw, name="some.toml")


def test_shell_characters_are_harmless(tmp_path: Path) -> None:
    program = script(tmp_path / "someminer", "echo 'SomeMiner 1.2'")
    written = with_arguments("$(touch x); `id` | & > y * ? ~!", "--flag={rig} && reboot")
    adapter = DescribedAdapter(
        read_description(written.encode(), name="some.toml"), environ={"MINER_CTRL_SOME_MINER": str(program)}
    )
    plan = adapter.plan(
        MinerConfig(pool="p.example:1", wallet="w"), folder=tmp_path, rig_name="rig", api=MinerApi(port=1, token="t")
    )
    assert plan.argv[-2:] == ("$(touch x); `id` | & > y * ? ~!", "--flag=rig && reboot")


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("(a+)+$ {hashrate}", "a" * 100_000),
        ("*{hashrate} *{accepted} *{rejected} *{stale}z", "1 " * 50_000),
        ("{hashrate} {unit}x", "9" * 100_000),
        ("* * * * * * * {hashrate}!", "1" * 100_000),
    ],
)
def test_no_pattern_takes_long(pattern: str, line: str) -> None:
    holes = dict.fromkeys(("hashrate", "accepted", "rejected", "stale"), "number") | {"unit": "unit"}
    began = time.process_time()
    for _ in range(20):
        assert LinePattern(pattern, holes).find(line) is None
    assert time.process_time() - began < 20, "a pattern took a second of the processor"


# --- the owner's folder ---------------------------------------------------------------------------------


def folder_with(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "miners"
    folder.mkdir()
    for name, written in files.items():
        (folder / f"{name}.toml").write_text(written)
    return folder


def described(folder: Path) -> dict[str, Any]:
    return {adapter.type: adapter for adapter in described_miners(folder).adapters}


def test_a_file_in_the_folder_is_a_miner(tmp_path: Path) -> None:
    assert "some-miner" in described(folder_with(tmp_path, mine=GOOD))


def test_a_broken_one_stops_nothing_and_says_what_is_wrong(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, broken=changed('"someminer"', '"sudo"'), mine=GOOD)
    adapters = described(folder)
    assert {"some-miner", "lolminer"} <= adapters.keys()
    found = adapters["broken"].locate()
    assert not found.installed
    assert "sudo runs other programs" in found.description
    with pytest.raises(BadInput, match=r"broken\.toml"):
        adapters["broken"].plan(
            MinerConfig(pool="p:1"), folder=tmp_path, rig_name="rig", api=MinerApi(port=1, token="t")
        )
    assert len(described_miners(folder).problems) == 1


def test_the_owners_goes_before_the_shipped_one(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, mine=changed('"some-miner"', '"lolminer"').replace("A miner", "Mine"))
    assert described(folder)["lolminer"].description == "Mine"


@pytest.mark.parametrize("miner_type", ["xmrig", "simulated", "tt-miner"])
def test_what_is_built_in_is_not_replaced(tmp_path: Path, miner_type: str) -> None:
    folder = folder_with(tmp_path, **{miner_type: changed('"some-miner"', f'"{miner_type}"')})
    found = described_miners(folder)
    assert miner_type not in {adapter.type for adapter in found.adapters}
    assert "is built in" in found.problems[0]


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    (folder / "folder.toml").mkdir()
    os.mkfifo(folder / "pipe.toml")
    (folder / "gone.toml").symlink_to(tmp_path / "nowhere")
    (folder / "readme.txt").write_text("not one")
    assert len(described_miners(folder).problems) == 3


def test_no_folder_is_no_problem(tmp_path: Path) -> None:
    assert described_miners(tmp_path / "none").problems == ()
    assert described_miners(None).problems == ()
