"""The keeper seen from outside: a process that owns another, its files and its socket."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.keeper.keeping import Kept, lives, python, until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

FOR_EVER = "import time\nprint('up')\nwhile True: time.sleep(60)"
DEAF = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\nwhile True: time.sleep(60)"


# --- the miner's terminal -------------------------------------------------------------------------------


def test_the_miner_has_a_terminal_wide_enough_for_any_line(kept: Kept) -> None:
    code = "import os\nprint(all(map(os.isatty, (0, 1, 2))), os.get_terminal_size().columns >= 500)"
    kept.start(python(code)).until_ended()
    assert kept.log().split() == [b"True", b"True"]


def test_colours_and_every_byte_reach_the_log(kept: Kept) -> None:
    line = b"\x1b[1;32maccepted\x1b[0m \xe2\x82\xbf \xff\x00 end"
    kept.start(python(f"import sys\nsys.stdout.buffer.write({line!r} + b'\\n')")).until_ended()
    assert kept.log().rstrip() == line


def test_a_single_line_is_in_the_log_while_the_miner_goes_on(kept: Kept) -> None:
    kept.start(python(FOR_EVER))
    until(lambda: b"up" in kept.log(), "the first line")
    assert not kept.has_ended()


def test_the_miner_gets_the_environment_of_the_plan_and_no_other(kept: Kept) -> None:
    code = "import os\nprint(sorted(key for key in os.environ if key not in ('LC_CTYPE',)))"
    kept.start(python(code), env={"ONE": "1"}).until_ended()
    assert kept.log().split() == [b"['ONE']"]


def test_the_miner_starts_with_no_signal_ignored_or_blocked(kept: Kept) -> None:
    kept.start(["/bin/grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"]).until_ended()
    standard = 2**31 - 1  # signals from 32 on are the C library's own
    assert {int(line.split()[1], 16) & standard for line in kept.log().splitlines()} == {0}


def test_the_miner_has_no_file_of_the_keepers_open(kept: Kept) -> None:
    kept.start(["/bin/ls", "/proc/self/fd"]).until_ended()
    assert set(kept.log().split()) == {b"0", b"1", b"2", b"3"}  # 3: the listing itself


# --- how it ends ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "exit_code", "number"),
    [
        ("print('bye')", 0, None),
        ("raise SystemExit(2)", 2, None),
        ("import os\nos.kill(os.getpid(), 9)", None, 9),
        ("import os\nos.abort()", None, int(signal.SIGABRT)),
    ],
)
def test_how_it_ended_is_on_disk_though_nobody_listened(
    kept: Kept, code: str, exit_code: int | None, number: int | None
) -> None:
    state = kept.start(python(code)).until_ended()
    assert (state["exitCode"], state["signal"], state["asked"]) == (exit_code, number, False)
    assert state["endedMs"] >= state["startedMs"]
    assert not kept.socket_path.exists()


def test_the_last_words_are_in_the_log_when_the_end_is_on_disk(kept: Kept) -> None:
    kept.start(python("print('x' * 100_000)\nprint('last words')\nraise SystemExit(3)")).until_ended()
    assert kept.log().rstrip().endswith(b"last words")
    assert kept.log().count(b"x") == 100_000


def test_who_ignores_sigterm_is_killed_after_the_grace(kept: Kept) -> None:
    kept.start(python(DEAF))
    until(lambda: b"up" in kept.log(), "the miner's handler")
    kept.ask({"do": "stop", "graceS": 0.3})
    state = kept.until_ended()
    assert (state["signal"], state["asked"]) == (int(signal.SIGKILL), True)


def test_a_second_stop_can_shorten_the_grace(kept: Kept) -> None:
    kept.start(python(DEAF))
    until(lambda: b"up" in kept.log(), "the miner's handler")
    kept.ask({"do": "stop", "graceS": 500})
    kept.ask({"do": "stop", "graceS": 0.1})
    assert kept.until_ended()["signal"] == int(signal.SIGKILL)


def test_nothing_of_the_miners_group_is_left(kept: Kept) -> None:
    code = (
        "import os, signal, time\n"
        "if os.fork() == 0:\n"
        "    for number in (signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)\n"
        "    print('child', os.getpid(), flush=True)\n"
        "    while True: time.sleep(60)\n"
        "time.sleep(600)"
    )
    kept.start(python(code))
    until(lambda: kept.log().endswith(b"\n"), "the words of the miner's own child")
    child = int(kept.log().partition(b"child ")[2].split()[0])
    kept.ask({"do": "stop", "graceS": 5})
    kept.until_ended()
    until(lambda: not lives(child), "the end of the miner's child")


def test_who_left_the_miners_group_does_not_hold_up_its_end(kept: Kept) -> None:
    code = (
        "import os, signal, time\n"
        "if os.fork() == 0:\n"
        "    signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "    os.setsid()\n"
        "    print('child', os.getpid(), flush=True)\n"
        "    while True: print('.' * 1000, flush=True)\n"
        "time.sleep(600)"
    )
    kept.start(python(code), segment_bytes=100_000_000)
    until(lambda: b"." in kept.log(), "the words of the miner's own child")
    child = int(kept.log().partition(b"child ")[2].split()[0])
    try:
        kept.ask({"do": "stop", "graceS": 5})
        kept.until_ended()
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_program_that_is_not_there_is_said_and_leaves_nothing(kept: Kept) -> None:
    kept.start(["/nowhere/xmrig"])
    assert "No such file" in kept.report["error"]
    assert not kept.socket_path.exists()
    assert not (kept.folder / "state.json").exists()


# --- who owns it ----------------------------------------------------------------------------------------


def test_it_has_a_session_of_its_own_and_heeds_no_terminal_that_closes(kept: Kept) -> None:
    kept.start(python(FOR_EVER))
    assert os.getsid(kept.keeper_pid) not in (os.getsid(0), os.getsid(kept.pid))
    assert kept.report["pid"] == kept.pid
    for number in (signal.SIGHUP, signal.SIGPIPE):
        os.kill(kept.keeper_pid, number)
    assert kept.ask({"do": "status"})["pid"] == kept.pid
    assert lives(kept.pid)


def test_a_starter_that_is_killed_takes_nothing_along(kept: Kept) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from tests.keeper.keeping import Kept, python\n"
        f"Kept(Path({str(kept.folder)!r})).start(python({FOR_EVER!r}))\n"
        "print('started', flush=True)\ntime.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as starter:
        assert starter.stdout is not None
        try:
            assert starter.stdout.readline() == b"started\n"
        finally:
            os.killpg(starter.pid, signal.SIGKILL)
    assert kept.ask({"do": "status"})["pid"] == kept.pid
    assert lives(kept.pid)


def test_a_door_that_was_cleared_away_is_made_anew_on_a_hang_up(kept: Kept) -> None:
    kept.start(python(FOR_EVER))
    with kept.door() as held:
        for _ in range(2):
            kept.socket_path.unlink()
            os.kill(kept.keeper_pid, signal.SIGHUP)
            until(kept.socket_path.exists, "a new door")
            assert kept.ask({"do": "status"})["pid"] == kept.pid
        held.sendall(b'{"do": "status"}\n')
        assert json.loads(held.recv(4096))["pid"] == kept.pid


def test_a_killed_keeper_does_not_leave_the_miner_running_unseen(kept: Kept) -> None:
    kept.start(python(FOR_EVER))
    os.kill(kept.keeper_pid, signal.SIGKILL)
    until(lambda: not lives(kept.pid), "the miner's end: its terminal hung up")


def test_a_keeper_told_to_end_ends_its_miner_first(kept: Kept) -> None:
    kept.start(python(FOR_EVER))
    os.kill(kept.keeper_pid, signal.SIGTERM)
    assert kept.until_ended()["signal"] == int(signal.SIGTERM)


def test_the_plan_is_not_on_the_command_line(kept: Kept) -> None:
    kept.start(python(FOR_EVER), env={"TOKEN": "s3cret"})
    command_line = Path(f"/proc/{kept.keeper_pid}/cmdline").read_bytes()
    assert b"s3cret" not in command_line
    assert b"-c" not in command_line.split(b"\0")


def test_it_is_small_and_sleeps(kept: Kept) -> None:
    kept.start(python(FOR_EVER))
    until(lambda: b"up" in kept.log(), "the first line")
    status = Path(f"/proc/{kept.keeper_pid}/status")

    def field(name: str) -> int:
        return int(dict(line.split(":", 1) for line in status.read_text().splitlines())[name].split()[0])

    assert field("VmRSS") < 16_000  # kB
    before = field("voluntary_ctxt_switches")
    time.sleep(0.5)
    assert field("voluntary_ctxt_switches") - before <= 2


def test_it_ends_with_its_miner_though_its_folder_was_removed(kept: Kept) -> None:
    kept.start(python(FOR_EVER))
    pid, keeper_pid = kept.pid, kept.keeper_pid
    shutil.rmtree(kept.folder)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not lives(keeper_pid), "the keeper's end")


# --- its door -------------------------------------------------------------------------------------------


def test_door_and_state_are_for_the_owner_alone(kept: Kept) -> None:
    kept.start(python(FOR_EVER))
    assert kept.socket_path.stat().st_mode & 0o777 == 0o600
    assert (kept.folder / "state.json").stat().st_mode & 0o777 == 0o600


def test_who_watches_hears_of_growth_and_of_the_end(kept: Kept) -> None:
    kept.start(python("import time\nprint('one')\ntime.sleep(0.3)\nprint('two')\ntime.sleep(60)"))
    with kept.door() as door, door.makefile("rb") as lines:
        door.sendall(b'{"do": "watch"}\n')
        heard = [json.loads(lines.readline())]
        while heard[-1]["logEnd"] < len(b"one\r\ntwo\r\n"):
            heard.append(json.loads(lines.readline()))
        os.kill(kept.pid, signal.SIGKILL)
        while "endedMs" not in heard[-1]:
            heard.append(json.loads(lines.readline()))
        assert heard[-1]["signal"] == int(signal.SIGKILL)
        assert lines.readline() == b""


@pytest.mark.parametrize(
    "nonsense",
    [b"\n", b"{\n", b"[]\n", b"7\n", b'{"do": "dance"}\n', b'{"do": "stop", "graceS": "long"}\n', b"x" * 100_000,
     b'{"do": "stop", "graceS": NaN}\n', b"[" * 3000 + b"\n"],
)  # fmt: skip
def test_nonsense_ends_that_connection_and_nothing_else(kept: Kept, nonsense: bytes) -> None:
    kept.start(python(FOR_EVER))
    with kept.door() as door:
        try:
            door.sendall(nonsense)
            assert door.recv(100) == b""
        except (ConnectionResetError, BrokenPipeError):
            pass
    assert kept.ask({"do": "status"})["pid"] == kept.pid
    assert lives(kept.pid)


def test_more_connections_than_it_takes_are_hung_up_on(kept: Kept) -> None:
    kept.start(python(FOR_EVER))
    with contextlib.ExitStack() as doors:
        for number in range(17):
            door = doors.enter_context(kept.door())
            try:
                door.sendall(b'{"do": "status"}\n')
                answer = door.recv(4096)
            except (BrokenPipeError, ConnectionResetError):
                answer = b""
            assert bool(answer) == (number < 16)

    def answers() -> bool:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, json.JSONDecodeError):
            return bool(kept.ask({"do": "status"})["pid"] == kept.pid)
        return False

    until(answers, "an answer, once there is room again")


def test_a_watcher_that_does_not_read_never_blocks_the_miner(kept: Kept) -> None:
    lines = 30_000
    code = f"for number in range({lines}): print('x' * 80, number)"
    kept.start(["/bin/sh", "-c", 'sleep 0.2; exec "$@"', "sh", *python(code)], segment_bytes=16 * 1024 * 1024)
    with kept.door() as door:
        door.sendall(b'{"do": "watch"}\n')
        assert kept.until_ended()["exitCode"] == 0
    assert kept.log().count(b"\n") == lines


# --- the disk -------------------------------------------------------------------------------------------


def test_the_log_is_bounded_and_its_offsets_go_on(kept: Kept) -> None:
    code = "for number in range(20000): print(f'{number:08d}')"
    kept.start(python(code), segment_bytes=20_000, segments=3).until_ended()
    segments = kept.segments()
    assert len(segments) <= 3
    assert sum(path.stat().st_size for path in segments) < 3 * (20_000 + 65_536)
    line_bytes = len(b"00000000\r\n")
    for path in segments:
        offset = int(path.name.removeprefix("log-"))
        assert path.read_bytes().startswith(b"%08d\r\n" % (offset // line_bytes))
    assert kept.log().endswith(b"00019999\r\n")


def test_a_disk_that_takes_no_more_costs_log_and_never_the_miner(kept: Kept) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    code = "for number in range(5000): print(f'{number:08d}')\nraise SystemExit(5)"
    state = kept.start(python(code), limit=small_files).until_ended()
    assert state["exitCode"] == 5
    assert len(kept.log()) == 10_000
    assert state["logLostBytes"] == 5000 * len(b"00000000\r\n") - 10_000


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_loses_lines_says_so_and_keeps_the_end(kept: Kept) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(kept.folder)], check=True)
    try:
        filler = kept.folder / "filler"
        filler.write_bytes(b"x" * 100_000)
        code = (
            "import os, time\n"
            "for number in range(40000): print(f'{number:08d}')\n"
            f"os.unlink({str(filler)!r})\n"
            "print('room again')\nprint('the end')\nraise SystemExit(4)"
        )
        assert kept.start(python(code)).until_ended()["exitCode"] == 4
        assert b"were lost" in kept.log()
        assert kept.log().rstrip().endswith(b"the end")
    finally:
        kept.clean_up()
        subprocess.run(["umount", str(kept.folder)], check=True)
