"""NVIDIA GPUs through the real ``nvidia-ml-py`` and a library of the driver's name, built for the test.

The reading runs in a process of its own: a library once loaded stays.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.telemetry import StatsReader

LOST, NOT_SUPPORTED, MISMATCH, UNKNOWN, NO_DRIVER = 15, 3, 18, 999, 9
READER = """
import json, os, sys, msgspec
from pathlib import Path
from miner_ctrl.telemetry import StatsReader, read_hardware
root, answers = sys.argv[1], Path(os.environ["NVML_ANSWERS"])
if sys.argv[3:]:
    import miner_ctrl.telemetry.nvidia_gpus as module
    module.LOOK_AGAIN_AFTER = 0
reader = StatsReader(root)
for text in json.loads(sys.argv[2]):
    answers.write_text(text)
    print(msgspec.json.encode(reader.read_gpus()).decode())
print(msgspec.json.encode(read_hardware(root)).decode())
"""
Read = Callable[..., list[Any]]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a stand-in ``libnvidia-ml.so.1``."""
    pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("cc: this machine has no C compiler")
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).with_name("fake_nvml.c")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(folder / "libnvidia-ml.so.1"), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture
def read(library: Path, tmp_path: Path) -> Read:
    """Read once for each of the ``answers`` of the library; then the hardware."""
    version = tmp_path / "root/proc/driver/nvidia/version"
    version.parent.mkdir(parents=True)
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14\n")

    def run(*answers: str, again: bool = False) -> list[Any]:
        done = subprocess.run(
            [sys.executable, "-c", READER, str(tmp_path / "root"), json.dumps(answers), *(["again"] if again else [])],
            env={**os.environ, "LD_LIBRARY_PATH": str(library), "NVML_ANSWERS": str(tmp_path / "answers")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def test_a_gpu_tells_all_it_has(read: Read) -> None:
    (gpus, problems), hardware = read("gpus 2")
    assert problems == []
    assert gpus[0] == {
        "index": 0,
        "name": "NVIDIA GeForce RTX 3080",
        "uuid": "GPU-1",
        "driver": "550.54.14",
        "temperatureC": 64.0,
        "fanPercent": 70.0,
        "powerW": 223.456,
        "powerLimitW": 230.0,
        "coreMhz": 1440.0,
        "memoryMhz": 9251.0,
        "memoryUsedBytes": 5368709120,
        "memoryTotalBytes": 10737418240,
        "loadPercent": 100.0,
    }
    assert gpus[1]["index"] == 1
    assert "\x1b" not in gpus[1]["name"]
    lasting = {"index", "name", "uuid", "driver", "memoryTotalBytes"}
    assert [set(gpu) for gpu in hardware["gpus"]] == [lasting, lasting]


def test_what_a_gpu_does_not_tell_is_absent_and_the_rest_is_there(read: Read) -> None:
    # mining cards have no fan of their own to read, old ones no power
    ((gpu,), problems), _ = read(
        "\n".join(f"{each}.code {NOT_SUPPORTED}" for each in ("fan", "power", "limit", "load"))
    )
    assert problems == []
    assert gpu["temperatureC"] == 64.0
    assert {"fanPercent", "powerW", "powerLimitW", "loadPercent"}.isdisjoint(gpu)


def test_a_value_that_no_gpu_can_have_is_absent(read: Read) -> None:
    ((gpu,), _), _ = read("temperature 4294967295")
    assert "temperatureC" not in gpu


def test_a_gpu_that_is_lost_is_named_and_stays_in_the_list(read: Read) -> None:
    first, second, third, _ = read("gpus 1", f"gpus 1\ntemperature.code {LOST}", "gpus 1", again=True)
    assert first[1] == []
    (gpu,), (sentence,) = second
    assert (gpu["name"], gpu["uuid"]) == ("NVIDIA GeForce RTX 3080", "GPU-1")
    assert "temperatureC" not in gpu
    assert sentence.startswith("GPU 0 (NVIDIA GeForce RTX 3080) is lost")
    assert "Restart the rig" in sentence
    assert third[1] == []
    assert third[0][0]["temperatureC"] == 64.0, "the driver found it again"


def test_one_gpu_that_cannot_be_opened_does_not_hide_the_others(read: Read) -> None:
    (gpus, problems), _ = read(f"gpus 2\nhandle.code {LOST}")
    assert [gpu["index"] for gpu in gpus] == [0, 1]
    assert len(problems) == 2


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (MISMATCH, ["driver was updated"]),
        (UNKNOWN, ["NVML_ERROR_UNKNOWN"]),
        (12345, ["does not answer"]),
        (NO_DRIVER, []),
    ],
)
def test_a_driver_that_cannot_be_opened_says_why(read: Read, code: int, said: list[str]) -> None:
    (gpus, problems), hardware = read(f"init.code {code}")
    assert gpus == []
    assert len(problems) == len(said)
    assert all(words in problems[0] for words in said)
    assert "gpus" not in hardware


def test_a_driver_that_comes_up_later_is_found_then(read: Read) -> None:
    before, after, _ = read(f"init.code {NO_DRIVER}", "gpus 1", again=True)
    assert before == [[], []]
    assert len(after[0]) == 1


def test_without_a_driver_nothing_is_loaded(tmp_path: Path) -> None:
    probe = (
        "import sys; from miner_ctrl.telemetry import StatsReader, read_hardware; "
        f"reader = StatsReader({str(tmp_path)!r}); reader.read_gpus(); read_hardware({str(tmp_path)!r}); "
        "print([name for name in sys.modules if name in ('pynvml', 'ctypes', 'psutil')])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert not StatsReader(tmp_path).may_have_gpus()
