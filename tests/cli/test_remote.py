"""``remote``: tables, exit codes, JSON, logs, against a node's API on a real socket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.fake_node import FakeNode, command, ended_after, environment, run, run_on_terminal

HOSTILE = "\x1b]0;owned\x07evil\x1b[2J\u202egnp"


def miner(**changed: Any) -> dict[str, Any]:
    return {
        "name": "xmrig-1",
        "type": "xmrig",
        "state": "mining",
        "hashrate": 12_512.3,
        "shares": 120,
        "rejected": 2,
        "uptime": 8000,
        "pool": "pool.example:3333",
        "algorithm": "rx/0",
        **changed,
    }


def rig(name: str, **changed: Any) -> dict[str, Any]:
    return {
        "nodeId": name.encode().hex()[:16].ljust(16, "0"),
        "nodeName": name,
        "connected": True,
        "ageS": 12.2,
        "error": "",
        "errorCode": "",
        "miners": [miner()],
        **changed,
    }


GONE = rig("rig-gamma", connected=False, ageS=None, error="Nobody answers at 10.0.0.3:9091.", errorCode="NEVER_SEEN")


def fleet(*rigs: dict[str, Any]) -> dict[str, Any]:
    return {one["nodeId"]: one for one in rigs}


def row(output: str, start: str) -> str:
    return next(line for line in output.splitlines() if line.startswith(start))


def test_status_shows_numbers_as_people_read_them_and_names_why_a_rig_is_missing(node: FakeNode, home: Path) -> None:
    kawpow = rig("rig-beta", miners=[miner(hashrate=45_230_000, algorithm="kawpow")])
    small = rig("rig-delta", miners=[miner(hashrate=1000)])
    node.on("GET", "/remote/stats", fleet(GONE, rig("rig-alpha"), kawpow, small))
    ended = run(home, "remote", "status")
    assert ended.code == 0
    assert node.asked[-1].query == {"refresh": "true"}
    alpha = row(ended.out, "rig-alpha")
    assert all(part in alpha for part in ("mining", "xmrig-1", "12.5 kH/s", "rx/0", "120/2", "2 h", "12 s ago"))
    assert "45.2 MH/s" in row(ended.out, "rig-beta")
    gone = row(ended.out, "rig-gamma ")
    assert "offline" in gone
    assert "never" in gone
    assert "rig-gamma: Nobody answers at 10.0.0.3:9091." in ended.out
    assert "4 rigs, 3 connected, 45.2 MH/s kawpow, 13.5 kH/s rx/0" in ended.out
    assert "\x1b" not in ended.out


def test_a_command_to_many_rigs_is_one_job_and_says_who_did_not_do_it(node: FakeNode, home: Path) -> None:
    job = {"id": "j1", "total": 3, "counts": {"done": 2}}
    failed = {"name": f"rig-beta{HOSTILE}", "state": "failed", "error": {"error": "Nobody is there.", "code": "X"}}
    node.on("POST", "/remote/pause", job, 202)
    node.on("GET", "/jobs/j1", job)
    node.streams["/jobs/j1"] = lambda: iter(
        [("peer", {"name": "rig-alpha", "state": "done"}), ("peer", failed), ("end", {"reason": "There is no more."})]
    )
    ended = run(home, "remote", "pause", "--tag", "cellar", "--for", "2h")
    assert (ended.code, ended.out) == (1, "Paused for 2h on 2 of 3 rigs.\n")
    assert "Nobody is there." in ended.err
    assert "\x1b" not in ended.err
    assert node.asked[0].body == {"filter": {"tags": ["cellar"]}, "resumeAfterS": 7200}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--tag", "cellar"), "No rig has the tag cellar."),
        (("--tag", "cellar", "--tag", "x"), "No rig has all of the tags cellar, x."),
        (("--all",), "This node knows no rigs."),
    ],
)
def test_a_command_for_nobody_says_so_in_words_of_the_command_line(
    node: FakeNode, home: Path, words: tuple[str, ...], says: str
) -> None:
    node.on("POST", "/remote/stop", {"error": "For no rig.", "code": "NO_RIGS"}, 400)
    ended = run(home, "remote", "stop", *words)
    assert ended.code == 2
    assert says in ended.err
    assert "miner-ctrl peer" in ended.err


@pytest.mark.parametrize("words", [(), ("rig-alpha", "--all"), ("--all", "--tag", "x"), ("rig-alpha", "--tag", "x")])
def test_a_command_says_for_whom_it_is_once(node: FakeNode, home: Path, words: tuple[str, ...]) -> None:
    ended = run(home, "remote", "stop", *words)
    assert ended.code == 2
    assert "--all" in ended.err
    assert node.asked == []


def test_status_shows_temperature_and_lock_where_there_are_any(node: FakeNode, home: Path) -> None:
    node.on("GET", "/remote/stats", fleet(rig("rig-alpha")))
    assert row(run(home, "remote", "status").out, "RIG").split()[-2:] == ["POOL", "SEEN"]
    hot = rig("rig-beta", locked=True, machine={"cpuTemperatureC": 71.6, "gpus": [{"index": 0, "temperatureC": 54.0}]})
    gpu = rig(
        "rig-delta", machine={"cpuTemperatureC": 71.6}, miners=[miner(devices=[{"index": 0, "temperatureC": 83}])]
    )
    node.on("GET", "/remote/stats", fleet(rig("rig-alpha"), hot, gpu))
    printed = run(home, "remote", "status").out
    assert row(printed, "RIG").split()[4] == "TEMP"
    assert "72 °C" in row(printed, "rig-beta")
    assert " yes " in row(printed, "rig-beta")
    assert "83 °C" in row(printed, "rig-delta")
    assert " yes " not in row(printed, "rig-alpha")


def test_a_paused_miner_has_no_hashrate_and_an_absent_rig_no_news(node: FakeNode, home: Path) -> None:
    resting = rig("rig-alpha", schedule="pause", miners=[miner(state="paused", wanted="paused")])
    away = rig("rig-beta", connected=False, error="It is away.", problems=["Its disk is full."])
    node.on("GET", "/remote/stats", fleet(resting, {**away, "miners": [miner(reason="It hung.")]}))
    printed = run(home, "remote", "status").out
    assert "kH/s" not in printed
    assert "rig-alpha, xmrig-1: paused by the schedule" in printed
    assert "rig-beta: It is away." in printed
    assert "It hung." not in printed
    assert "disk" not in printed


def test_the_status_of_one_rig_has_its_machine_schedule_and_lock(node: FakeNode, home: Path) -> None:
    gpu = {"index": 0, "name": "RTX", "temperatureC": 54.2, "powerW": 120.0}
    machine = {"load1M": 1.25, "diskFreeBytes": 5_000_000_000, "cpuTemperatureC": 60.0, "gpus": [gpu]}
    one = rig("rig-alpha", machine=machine, schedule="profile:night", locked=True, version="0.1.0")
    node.on("GET", "/remote/rig-alpha/stats", one)
    printed = run(home, "remote", "status", "rig-alpha").out
    assert row(printed, "Machine").split(maxsplit=1)[1] == "CPU 60 °C, load 1.2, disk 5.0 GB free"
    assert row(printed, "GPU 0").endswith("RTX, 54 °C, 120 W")
    assert row(printed, "Schedule").endswith("profile:night now")
    assert "alone" in row(printed, "Lock")


def test_a_rig_that_refuses_is_not_shown_as_mining(node: FakeNode, home: Path) -> None:
    closed = rig("rig-alpha", error="rig-alpha has not granted this node to watch it.", errorCode="NOT_ALLOWED")
    node.on("GET", "/remote/stats", fleet(closed))
    printed = run(home, "remote", "status").out
    assert " refused " in row(printed, "rig-alpha  ")
    assert printed.count("rig-alpha") == 2
    assert row(printed, "rig-alpha has not granted")


def test_status_as_json_is_the_answer_to_the_letter(node: FakeNode, home: Path) -> None:
    answer = '{"b":  {"nodeName":"x"},"unknown":1.50}'
    node.on("GET", "/remote/stats", answer)
    for arguments in (("remote", "status", "--json"), ("--json", "remote", "status"), ("remote", "--json", "status")):
        assert run(home, *arguments).out == answer + "\n"


def test_status_on_a_terminal_has_colours_and_fits_80_columns(node: FakeNode, home: Path) -> None:
    long_name = rig("a-rig-with-a-name-that-is-rather-long-for-any-table", miners=[miner(name="n" * 63)])
    node.on("GET", "/remote/stats", fleet(rig("rig-alpha"), long_name, GONE))
    shown = run_on_terminal(home, "remote", "status", columns=80)
    assert shown.code == 0
    assert "\x1b[32mmining" in shown.out
    assert "\x1b[31moffline" in shown.out
    bare = [line for line in _without_colours(shown.out).splitlines() if "kH/s" in line or line.startswith("RIG")]
    assert bare
    assert max(len(line) for line in bare) <= 80
    assert "12.5 kH/s" in shown.out
    wide = run_on_terminal(home, "remote", "status", columns=200)
    assert "pool.example:3333" in wide.out


def _without_colours(text: str) -> str:
    import re  # noqa: PLC0415

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_what_a_rig_says_cannot_drive_the_terminal(node: FakeNode, home: Path) -> None:
    hostile = rig("rig-a", error=HOSTILE, miners=[miner(name=HOSTILE, pool=HOSTILE, algorithm=HOSTILE, reason=HOSTILE)])
    node.on("GET", "/remote/stats", fleet(hostile))
    for ended in (run(home, "remote", "status"), run_on_terminal(home, "remote", "status", columns=300)):
        bare = _without_colours(ended.out)
        assert "evil" in bare
        assert not any(char in bare for char in "\x1b\x07\u202e")


def test_without_rigs_it_says_what_to_do(node: FakeNode, home: Path) -> None:
    node.on("GET", "/remote/stats", {})
    ended = run(home, "remote", "status")
    assert ended.code == 0
    assert "peer invite" in ended.out


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (400, "BAD_INPUT", 2),
        (403, "REFUSED", 4),
        (403, "PENDING_APPROVAL", 4),
        (403, "IDENTITY_MISMATCH", 4),
        (404, "NOT_FOUND", 1),
        (409, "CONFLICT", 1),
        (429, "RATE_LIMITED", 4),
        (502, "OPERATION_FAILED", 1),
        (503, "STATE_DAMAGED", 1),
        (504, "PEER_UNREACHABLE", 3),
        (500, "INTERNAL_ERROR", 1),
    ],
)
def test_an_error_of_the_node_is_one_sentence_and_its_exit_code(
    node: FakeNode, home: Path, status: int, code: str, exit_code: int
) -> None:
    node.fails("GET", "/remote/rig-a/stats", status, code, "It did\x1b[2J not work.", "Do this next.")
    ended = run(home, "remote", "status", "rig-a")
    assert ended.code == exit_code
    assert ended.out == ""
    assert ended.err == "Error: It did not work. Do this next.\n"


def test_an_error_as_json_is_the_envelope_on_stderr(node: FakeNode, home: Path) -> None:
    node.fails("POST", "/remote/rig-a/stop", 504, "PEER_UNREACHABLE", "Nobody there.", "Switch it on.")
    ended = run(home, "--json", "remote", "stop", "rig-a")
    assert ended.code == 3
    assert ended.out == ""
    expected = {"error": "Nobody there.", "code": "PEER_UNREACHABLE", "suggestion": "Switch it on."}
    assert json.loads(ended.err) == expected


@pytest.mark.parametrize(
    ("changed", "exit_code"),
    [
        ({"connected": False, "errorCode": "PEER_UNREACHABLE"}, 3),
        ({"connected": True, "errorCode": "PEER_TIMED_OUT"}, 3),
        ({"connected": False, "errorCode": "PENDING_APPROVAL"}, 4),
        ({"connected": False, "errorCode": "IDENTITY_MISMATCH"}, 4),
    ],
)
def test_the_one_rig_asked_for_decides_the_exit_code(
    node: FakeNode, home: Path, changed: dict[str, Any], exit_code: int
) -> None:
    node.on("GET", "/remote/rig-a/stats", rig("rig-a", error="It is so.", **changed))
    ended = run(home, "remote", "status", "rig-a")
    assert ended.code == exit_code
    assert "rig-a" in ended.out
    assert ended.err.startswith("Error: It is so. ")


def test_a_peer_is_one_part_of_the_path_whatever_it_is_called(node: FakeNode, home: Path) -> None:
    run(home, "remote", "stop", "a/../b?c", "m")
    assert node.asked[-1].path == "/remote/a%2F..%2Fb%3Fc/stop"
    assert node.asked[-1].body == {"minerName": "m"}


def test_start_stop_and_the_rest_ask_for_what_they_say(node: FakeNode, home: Path) -> None:
    done = {"status": "started", "minerName": "xmrig-1", "miners": ["xmrig-1"]}
    for verb in ("start", "stop", "restart", "pause", "resume"):
        node.on("POST", f"/remote/rig-a/{verb}", done)
    started = run(home, "remote", "start", "rig-a", "--profile", "local:p")
    assert (started.code, node.asked[-1].body) == (0, {"profileId": "local:p"})
    assert "xmrig-1 runs on rig-a" in started.out
    for verb in ("stop", "restart", "pause", "resume"):
        ended = run(home, "remote", verb, "rig-a")
        assert (ended.code, node.asked[-1].body) == (0, {})
        assert "rig-a: xmrig-1" in ended.out


def test_a_miner_is_replaced_and_a_pause_ends_by_itself(node: FakeNode, home: Path) -> None:
    done = {"status": "started", "minerName": "xmrig-1", "miners": ["xmrig-1"]}
    for verb in ("start", "pause"):
        node.on("POST", f"/remote/rig-a/{verb}", done)
    for words, replace in (((), "*"), (("xmrig-1",), "xmrig-1")):
        started = run(home, "remote", "start", "rig-a", "--profile", "p", "--replace", *words)
        assert (started.code, node.asked[-1].body) == (0, {"profileId": "p", "replace": replace})
        assert "xmrig-1 runs p on rig-a." in started.out
    for length, seconds in (("45s", 45), ("90m", 5400), ("2h", 7200), ("366d", 366 * 86_400)):
        paused = run(home, "remote", "pause", "rig-a", "xmrig-1", "--for", length)
        assert node.asked[-1].body == {"minerName": "xmrig-1", "resumeAfterS": seconds}
        assert f"Paused for {length} on rig-a: xmrig-1." in paused.out


@pytest.mark.parametrize("length", ["", "2", "0h", "-1h", "1w", "367d", "99999999999h", "1h30m", "1.5h"])
def test_a_pause_has_a_length_that_can_be(node: FakeNode, home: Path, length: str) -> None:
    asked = len(node.asked)
    refused = run(home, "remote", "pause", "rig-a", f"--for={length}")
    assert refused.code == 2
    assert "is no length of time" in refused.err
    assert len(node.asked) == asked


def test_status_says_what_the_watchdog_does(node: FakeNode, home: Path) -> None:
    now_ms = int(time.time() * 1000)
    miners = [
        miner(reason="It was killed.", state="crashed", watch={"nextTryAtMs": now_ms + 250_000}),
        miner(reason="The watchdog has given up after 5 restarts: It was killed.", watch={"gaveUp": True}),
        miner(watch={"restarts": 2, "lastReason": "It was slow.", "lastAtMs": now_ms - 3_700_000}),
        miner(state="paused", wanted="paused", resumeAtMs=now_ms + 7_300_000),
        miner(watch={"restarts": 0, "baselineHps": 1000.0}),
    ]
    miners = [{**each, "name": f"xmrig-{number}"} for number, each in enumerate(miners)]
    rig = {"nodeId": "1" * 16, "nodeName": "rig-a", "connected": True, "ageS": 1.0, "miners": miners, "error": ""}
    node.on("GET", "/remote/rig-a/stats", rig)
    node.on("GET", "/remote/stats", {"1" * 16: rig})
    for words in (["rig-a"], []):
        said = run(home, "remote", "status", *words).out.splitlines()
        assert [line for line in said if line.startswith("rig-a, ")] == [
            "rig-a, xmrig-0: It was killed. Restarted in 4 min.",
            "rig-a, xmrig-1: The watchdog has given up after 5 restarts: It was killed.",
            "rig-a, xmrig-2: 2 restarts by the watchdog, last 1 h ago: It was slow.",
            "rig-a, xmrig-3: paused, goes on by itself in 2 h",
        ]
    seen = run_on_terminal(home, "remote", "status", columns=80)
    assert "goes on by itself in 2 h" in seen.out
    assert all(len(line) <= 80 for line in _without_colours(seen.out).splitlines())


def test_stopping_nothing_says_so(node: FakeNode, home: Path) -> None:
    node.on("POST", "/remote/rig-a/stop", {"status": "stopped", "minerName": None, "miners": []})
    assert "No miner ran on rig-a" in run(home, "remote", "stop", "rig-a").out


def test_deploy_goes_to_all_and_fails_as_its_first_failure(node: FakeNode, home: Path) -> None:
    node.on("POST", "/remote/a/deploy", {"status": "deployed"})
    node.fails("POST", "/remote/b/deploy", 403, "REFUSED", "Not allowed.")
    node.on("POST", "/remote/c/deploy", {"status": "deployed"})
    ended = run(home, "remote", "deploy", "a", "b", "c", "--profile", "p")
    assert ended.code == 4
    assert [line.split()[0] for line in ended.out.splitlines()] == ["a", "c", "2"]
    assert ended.out.endswith("2 of 3 rigs have it.\n")
    assert "Not allowed." in ended.err
    assert [asked.body for asked in node.asked if asked.method == "POST"] == [{"profileId": "p"}] * 3


COLOURED = "\x1b[1;32maccepted\x1b[0m (1/0)\x1b]0;owned\x07\x1b[2J\x07 done"


def test_log_lines_keep_their_colours_only_on_a_terminal(node: FakeNode, home: Path) -> None:
    node.on("GET", "/remote/rig-a/logs/xmrig-1", [COLOURED, "\x1b[31mred to the end"])
    piped = run(home, "remote", "logs", "rig-a", "xmrig-1", "--lines", "7")
    assert piped.out == "accepted (1/0)  done\nred to the end\n"
    assert node.asked[-1].query == {"lines": "7"}
    shown = run_on_terminal(home, "remote", "logs", "rig-a", "xmrig-1")
    assert "\x1b[1;32maccepted\x1b[0m" in shown.out
    assert "owned" not in shown.out
    assert "\x1b[2J" not in shown.out
    assert "\x1b[31mred to the end\x1b[0m\n" in shown.out


def test_following_a_log_ends_as_the_stream_does(node: FakeNode, home: Path) -> None:
    def ends_well() -> Iterator[tuple[str, object]]:
        yield "lines", {"lines": ["one"], "skipped": 0}
        yield "lines", {"lines": ["two"], "skipped": 4000}
        yield "end", {"reason": "xmrig-1 has ended."}

    def ends_badly() -> Iterator[tuple[str, object]]:
        yield "lines", {"lines": ["one"], "skipped": 0}
        yield "end", {"error": "The link went.", "code": "PEER_UNREACHABLE", "suggestion": "Wait.", "status": 504}

    path = "/remote/rig-a/logs/xmrig-1"
    node.stream(path, ends_well)
    ended = run(home, "remote", "logs", "rig-a", "xmrig-1", "--follow")
    assert (ended.code, ended.out) == (0, "one\ntwo\n")
    assert "4000 bytes are missing" in ended.err
    assert "xmrig-1 has ended." in ended.err
    assert node.asked[-1].query == {"lines": "100", "follow": "true"}
    node.stream(path, ends_badly)
    ended = run(home, "remote", "logs", "rig-a", "xmrig-1", "--follow")
    assert (ended.code, ended.out) == (3, "one\n")
    assert ended.err == "Error: The link went. Wait.\n"


def test_ctrl_c_while_following_is_quiet(node: FakeNode, home: Path) -> None:
    over = threading.Event()

    def endless() -> Iterator[tuple[str, object]]:
        yield "lines", {"lines": ["one"], "skipped": 0}
        over.wait(60)

    node.stream("/remote/rig-a/logs/xmrig-1", endless)
    with ended_after(
        subprocess.Popen(
            command(home, "remote", "logs", "rig-a", "xmrig-1", "--follow"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(PYTHONUNBUFFERED="1"),
            text=True,
        )
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "one\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read().strip() == ""
    over.set()


def test_a_reader_that_goes_is_not_an_error_message(node: FakeNode, home: Path) -> None:
    node.on("GET", "/remote/rig-a/logs/xmrig-1", ["x" * 4000] * 1000)
    with ended_after(
        subprocess.Popen(
            command(home, "remote", "logs", "rig-a", "xmrig-1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        os.read(process.stdout.fileno(), 10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 141
