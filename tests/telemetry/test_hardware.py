"""What a machine is made of, from recorded trees and from this one."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from miner_ctrl.model.machine import Hardware
from miner_ctrl.telemetry import StatsReader, read_hardware
from miner_ctrl.telemetry.procfs import cpu_list
from tests.telemetry.trees import RYZEN, amd_gpu, cpus, plant


def test_a_ryzen_with_two_dies(tmp_path: Path) -> None:
    hardware = read_hardware(plant(tmp_path, {**RYZEN, **cpus(8), **amd_gpu()}))
    assert hardware.cpu == "AMD Ryzen 9 5950X 16-Core Processor"
    assert (hardware.packages, hardware.cores, hardware.threads, hardware.numa_nodes) == (1, 4, 8, 1)
    assert hardware.l2_cache_bytes == 4 * 512 * 1024, "once a core, not once a thread"
    assert hardware.l3_cache_bytes == 2 * 32 * 1024**2, "once a die"
    assert hardware.features == ("aes", "avx2", "pdpe1gb", "vaes")
    assert hardware.memory_total_bytes == 32784116 * 1024
    (gpu,) = hardware.gpus
    assert (gpu.name, gpu.memory_total_bytes) == ("AMD GPU 0x73bf", 17163091968)
    assert (gpu.temperature_c, gpu.power_w) == (None, None), "nothing that changes"


def test_two_sockets_with_two_numa_nodes_each(tmp_path: Path) -> None:
    plant(tmp_path, {**RYZEN, **cpus(16, siblings=1, packages=2, l3_shared_by=8)})
    plant(tmp_path, {"sys/devices/system/node/online": "0-3\n"})
    hardware = read_hardware(tmp_path)
    assert (hardware.packages, hardware.cores, hardware.threads, hardware.numa_nodes) == (2, 16, 16, 4)


def test_a_raspberry_pi_has_features_and_few_facts(tmp_path: Path) -> None:
    plant(tmp_path, {"proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd aes pmull sha1\nModel\t: Raspberry Pi 5\n"})
    plant(tmp_path, {"sys/devices/system/cpu/online": "0-3\n"})
    hardware = read_hardware(tmp_path)
    assert (hardware.features, hardware.threads) == (("aes",), 4)
    assert (hardware.cores, hardware.l3_cache_bytes, hardware.numa_nodes) == (None, None, None)


def test_nothing_and_nonsense_are_absence_that_can_be_sent(tmp_path: Path) -> None:
    assert read_hardware(tmp_path).threads is None
    plant(tmp_path, dict.fromkeys([*RYZEN, *cpus(2)], "9" * 3000 + "\0\x1b[31m\n"))
    plant(
        tmp_path, {"sys/devices/system/cpu/online": "0-1", "proc/cpuinfo": "model name\t: \x1b[31mred\n" + "x" * 70_000}
    )
    hardware = read_hardware(tmp_path)
    assert msgspec.json.decode(msgspec.json.encode(hardware), type=Hardware) == hardware
    assert (hardware.l3_cache_bytes, hardware.memory_total_bytes) == (None, None)
    assert "\x1b" not in hardware.cpu


def test_lists_of_cpus() -> None:
    assert cpu_list("0-2,5\n") == [0, 1, 2, 5]
    for broken in ("", "a", "0-", "0-99999", "-1", "3,,4", "0-8191,0-8191"):
        assert cpu_list(broken) == []


def test_this_machine() -> None:
    hardware = read_hardware()
    assert hardware.threads == os.cpu_count()
    assert hardware.memory_total_bytes == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert hardware.cpu


def test_whether_there_is_aes(tmp_path: Path) -> None:
    assert StatsReader(tmp_path).has_aes() is None
    assert StatsReader(plant(tmp_path, RYZEN)).has_aes() is True
    plant(tmp_path, {"proc/cpuinfo": "flags\t\t: fpu avx2\n"})
    assert StatsReader(tmp_path).has_aes() is False
