"""The machine from ``/proc`` and ``/sys`` as recorded on real ones, and as no machine should have them."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import psutil
import pytest

from miner_ctrl.model.machine import MachineStats
from miner_ctrl.telemetry import StatsReader, is_read_only, read_stats
from miner_ctrl.telemetry import sensors as sensors_module
from tests.telemetry.trees import RYZEN, STAT_LATER, amd_gpu, plant


def test_a_ryzen_rig_is_read_as_it_is(tmp_path: Path) -> None:
    reader = StatsReader(plant(tmp_path, RYZEN))
    stats = reader.read(tmp_path)
    assert (stats.uptime_s, stats.load_1m) == (86461, 15.92)
    assert stats.memory_total_bytes == 32784116 * 1024
    assert stats.memory_available_bytes == 27012360 * 1024
    assert (stats.huge_pages_total, stats.huge_pages_free) == (1280, 96)
    assert stats.cpu_temperature_c == 71.125, "the hottest of the CPU, and not the disk's 91.85"
    assert stats.disk_total_bytes == os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize
    assert stats.disk_free_bytes is not None
    assert 0 <= stats.disk_free_bytes <= (stats.disk_total_bytes or 0)
    assert stats.gpus == ()


def test_cpu_percent_is_the_share_of_the_time_between_two_readings(tmp_path: Path) -> None:
    reader = StatsReader(plant(tmp_path, RYZEN))
    assert reader.read(tmp_path).cpu_percent is None, "nothing to compare with yet"
    plant(tmp_path, {"proc/stat": STAT_LATER})
    assert reader.read(tmp_path).cpu_percent == 100.0
    plant(tmp_path, {"proc/stat": "cpu  300 150 150 1000 200 0 0 0 0 0\n"})
    assert reader.read(tmp_path).cpu_percent == 0.0
    plant(tmp_path, {"proc/stat": "cpu  350 200 150 1100 300 0 0 0 0 0\n"})
    assert reader.read(tmp_path).cpu_percent == pytest.approx(33.3)
    assert reader.read(tmp_path).cpu_percent is None, "no time has passed"
    plant(tmp_path, {"proc/stat": "cpu  1 1 1 1 1 0 0 0 0 0\n"})
    assert reader.read(tmp_path).cpu_percent is None, "counters that went back are no share"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # Intel: the package alone is asked, not its cores
        (
            {
                "sys/class/hwmon/hwmon2/name": "coretemp\n",
                "sys/class/hwmon/hwmon2/temp1_input": "66000\n",
                "sys/class/hwmon/hwmon2/temp1_label": "Package id 0\n",
                "sys/class/hwmon/hwmon2/temp2_input": "99000\n",
                "sys/class/hwmon/hwmon2/temp2_label": "Core 0\n",
            },
            66.0,
        ),
        # two sockets: the hotter one
        (
            {
                "sys/class/hwmon/hwmon2/name": "coretemp\n",
                "sys/class/hwmon/hwmon2/temp1_input": "66000\n",
                "sys/class/hwmon/hwmon2/temp1_label": "Package id 0\n",
                "sys/class/hwmon/hwmon10/name": "coretemp\n",
                "sys/class/hwmon/hwmon10/temp1_input": "72000\n",
                "sys/class/hwmon/hwmon10/temp1_label": "Package id 1\n",
            },
            72.0,
        ),
        # Threadripper: Tctl is 27 degrees above the truth
        (
            {
                "sys/class/hwmon/hwmon0/name": "k10temp\n",
                "sys/class/hwmon/hwmon0/temp1_input": "89000\n",
                "sys/class/hwmon/hwmon0/temp1_label": "Tctl\n",
                "sys/class/hwmon/hwmon0/temp2_input": "62000\n",
                "sys/class/hwmon/hwmon0/temp2_label": "Tdie\n",
            },
            62.0,
        ),
        # a Raspberry Pi, and a machine that has a thermal zone alone
        ({"sys/class/hwmon/hwmon0/name": "cpu_thermal\n", "sys/class/hwmon/hwmon0/temp1_input": "48312\n"}, 48.312),
        ({"sys/class/thermal/thermal_zone0/type": "acpitz\n", "sys/class/thermal/thermal_zone0/temp": "99000\n"}, None),
        (
            {
                "sys/class/thermal/thermal_zone1/type": "x86_pkg_temp\n",
                "sys/class/thermal/thermal_zone1/temp": "55000\n",
            },
            55.0,
        ),
        # sensors that tell nonsense
        ({"sys/class/hwmon/hwmon0/name": "k10temp\n", "sys/class/hwmon/hwmon0/temp1_input": "0\n"}, None),
        ({"sys/class/hwmon/hwmon0/name": "k10temp\n", "sys/class/hwmon/hwmon0/temp1_input": "-128000\n"}, None),
        ({"sys/class/hwmon/hwmon0/name": "k10temp\n", "sys/class/hwmon/hwmon0/temp1_input": "4294967295\n"}, None),
        ({"sys/class/hwmon/hwmon0/name": "k10temp\n", "sys/class/hwmon/hwmon0/temp1_input": "hot\n"}, None),
        ({"sys/class/hwmon/hwmon0/name": "k10temp\n"}, None),
        ({}, None),
    ],
)
def test_the_cpus_hottest_sensor_is_found(tmp_path: Path, files: dict[str, str], expected: float | None) -> None:
    assert StatsReader(plant(tmp_path, files)).read(tmp_path).cpu_temperature_c == expected


def test_a_sensor_whose_driver_is_loaded_later_is_found_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors_module, "LOOK_AGAIN_AFTER", 2)
    reader = StatsReader(tmp_path)
    assert reader.read(tmp_path).cpu_temperature_c is None
    plant(tmp_path, RYZEN)
    assert [reader.read(tmp_path).cpu_temperature_c for _ in range(3)] == [None, None, 71.125]
    (tmp_path / "sys/class/hwmon/hwmon1").rename(tmp_path / "sys/class/hwmon/hwmon7")  # the driver was loaded anew
    assert [reader.read(tmp_path).cpu_temperature_c for _ in range(2)] == [None, 71.125]


def test_other_default_huge_pages_do_not_count_as_those_of_2_mb(tmp_path: Path) -> None:
    plant(tmp_path, {"proc/meminfo": "HugePages_Total: 3\nHugePages_Free: 1\nHugepagesize: 1048576 kB\n"})
    assert StatsReader(tmp_path).read(tmp_path).huge_pages_total is None
    pages = "sys/kernel/mm/hugepages/hugepages-2048kB"
    plant(tmp_path, {f"{pages}/nr_hugepages": "1168\n", f"{pages}/free_hugepages": "8\n"})
    stats = StatsReader(tmp_path).read(tmp_path)
    assert (stats.huge_pages_total, stats.huge_pages_free) == (1168, 8)


HOSTILE = [
    "",
    "\0\0\0",
    "\n" * 5000,
    "cpu",
    "cpu a b c d e",
    "9" * 5000,
    "-1",
    "nan inf 1e999",
    "\u202e⁉",
    "cpu " + "9" * 40,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_broken_files_are_absence_and_every_answer_can_be_sent(tmp_path: Path, text: str) -> None:
    plant(tmp_path, dict.fromkeys([*RYZEN, *amd_gpu()], text))
    plant(tmp_path, {"sys/class/drm/card0/device/vendor": "0x1002", "sys/class/hwmon/hwmon1/name": "k10temp"})
    plant(
        tmp_path, {"proc/meminfo": f"MemTotal: {text[:200]} kB\nHugePages_Total: {text[:200]}\nHugepagesize: 2048 kB\n"}
    )
    reader = StatsReader(tmp_path)
    reader.read(tmp_path)
    stats = reader.read(tmp_path, gpus=reader.read_gpus().gpus)
    sent = msgspec.msgpack.encode(stats)
    assert msgspec.msgpack.decode(sent, type=MachineStats) == stats
    assert stats.memory_total_bytes is None
    assert stats.cpu_percent is None
    assert stats.cpu_temperature_c is None


def test_nothing_there_folders_for_files_and_pipes_are_absence_too(tmp_path: Path) -> None:
    (tmp_path / "proc/meminfo").mkdir(parents=True)
    os.mkfifo(tmp_path / "proc/stat")  # opening one without care waits for a writer for ever
    stats = StatsReader(tmp_path).read(tmp_path / "not there")
    assert stats == MachineStats()


def test_this_machine_agrees_with_psutil(tmp_path: Path) -> None:
    stats = read_stats(tmp_path)
    assert stats.memory_total_bytes == psutil.virtual_memory().total
    assert stats.disk_total_bytes == psutil.disk_usage(str(tmp_path)).total
    assert stats.uptime_s > 0
    assert stats.load_1m is not None
    read_stats(tmp_path)
    assert not is_read_only(tmp_path)
    assert not is_read_only(tmp_path / "not there")


def test_a_read_only_file_system_is_seen_as_one() -> None:
    read_only = [each.mountpoint for each in psutil.disk_partitions(all=True) if "ro" in each.opts.split(",")]
    for mountpoint in read_only:
        if os.access(mountpoint, os.X_OK):
            assert is_read_only(Path(mountpoint)), mountpoint


# --- AMD GPUs -------------------------------------------------------------------------------------------


def test_an_amd_gpu_tells_what_its_driver_does(tmp_path: Path) -> None:
    reader = StatsReader(plant(tmp_path, amd_gpu()))
    assert reader.may_have_gpus()
    (gpu,) = reader.read_gpus().gpus
    assert (gpu.index, gpu.name, gpu.uuid) == (0, "AMD GPU 0x73bf", "8a3c5e2f00c1d2e3")
    assert (gpu.temperature_c, gpu.fan_percent, gpu.load_percent) == (61.0, 40.0, 99.0)
    assert (gpu.power_w, gpu.power_limit_w) == (118.0, 145.0)
    assert (gpu.core_mhz, gpu.memory_mhz) == (1285.0, 1074.0)
    assert (gpu.memory_used_bytes, gpu.memory_total_bytes) == (4294967296, 17163091968)


def test_cards_are_in_order_and_those_of_others_are_left_out(tmp_path: Path) -> None:
    for card in (10, 2):
        plant(tmp_path, amd_gpu(card, {"device": f"0x{card}\n"}))
    plant(tmp_path, amd_gpu(3, {"vendor": "0x8086\n"}))
    plant(tmp_path, {"sys/class/drm/card2-DP-1/device/vendor": "0x1002\n"})
    gpus = StatsReader(tmp_path).read_gpus().gpus
    assert [(gpu.index, gpu.name) for gpu in gpus] == [(0, "AMD GPU 0x2"), (1, "AMD GPU 0x10")]


def test_a_card_that_sleeps_is_not_woken_and_one_without_sensors_is_still_there(tmp_path: Path) -> None:
    plant(tmp_path, amd_gpu(changes={"power/runtime_status": "suspended\n"}))
    plant(tmp_path, {"sys/class/drm/card1/device/vendor": "0x1002\n", "sys/class/drm/card1/device/device": "0x1\n"})
    sleeping, bare = StatsReader(tmp_path).read_gpus().gpus
    assert (sleeping.name, sleeping.temperature_c, sleeping.power_w) == ("AMD GPU 0x73bf", None, None)
    assert (bare.name, bare.temperature_c, bare.fan_percent, bare.core_mhz) == ("AMD GPU 0x1", None, None, None)


def test_a_machine_without_gpus_has_none(tmp_path: Path) -> None:
    reader = StatsReader(plant(tmp_path, RYZEN))
    assert not reader.may_have_gpus()
    assert reader.read_gpus() == ((), ())
