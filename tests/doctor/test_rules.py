"""The rules over snapshots: what is well, what is missing, and the commands that bring it. Values in, findings out."""

from __future__ import annotations

from shlex import quote
from typing import Any

import msgspec
import pytest

from miner_ctrl.doctor import Snapshot, examine
from miner_ctrl.doctor.snapshot import PciGpu, Unit
from miner_ctrl.doctor.system_rules import version_of
from miner_ctrl.model.doctor import Finding, Severity
from miner_ctrl.model.machine import GpuStats, Hardware, MachineStats
from miner_ctrl.model.miners import InstalledMiner

GB = 1024**3
XMRIG = InstalledMiner(type="xmrig", installed=True, version="6.26.0", path="/usr/bin/xmrig")
WELL = Snapshot(
    root=True,
    user="root",
    hardware=Hardware(cpu="AMD Ryzen 9 5950X", threads=32, cores=16, numa_nodes=1, features=("aes", "avx2", "pdpe1gb")),
    stats=MachineStats(
        memory_total_bytes=32 * GB,
        disk_free_bytes=100 * GB,
        cpu_temperature_c=71.0,
        huge_pages_total=1280,
        huge_pages_free=80,
    ),
    cpu_vendor="AuthenticAMD",
    gigabyte_pages=3,
    msr_device=True,
    msr_writes="on",
    governors=("performance",),
    swap_used_bytes=0,
    max_locked_bytes=-1,
    max_files=65536,
    panic_s=10,
    clock_synchronised=True,
    now_s=1_790_000_000.0,
    data_dir="/var/lib/miner-ctrl/data",
    run_dir="/var/lib/miner-ctrl/run",
    systemd=True,
    unit=Unit("/etc/systemd/system/miner-ctrl.service", enabled=True, user=False, linger=False),
    miners=(XMRIG, InstalledMiner(type="simulated", installed=True, simulated=True)),
)


def a_rig(**changes: Any) -> Snapshot:
    """A rig that is well but for ``changes``; those named as a field of its hardware or stats go there."""
    parts: dict[str, Any] = {}
    for part in ("stats", "hardware"):
        held = getattr(WELL, part)
        inner = {name: changes.pop(name) for name in held.__struct_fields__ if name in changes}
        parts[part] = msgspec.structs.replace(held, **inner)
    return msgspec.structs.replace(WELL, **parts, **changes)


def found(seen: Snapshot) -> dict[str, Finding]:
    """Return what is not well, by id."""
    findings = examine(seen)
    assert len({finding.id for finding in findings}) == len(findings)
    return {finding.id: finding for finding in findings if finding.severity is not Severity.OK}


def test_a_rig_that_is_well_lacks_nothing_and_says_what_was_looked_at() -> None:
    assert found(WELL) == {}
    titles = [finding.title for finding in examine(WELL)]
    assert titles == [
        "Disk space", "Clock", "Miner programs", "Unattended start", "Huge pages", "1 GB pages", "AES", "MSR",
        "CPU governor", "Temperature",
    ]  # fmt: skip


P, W, H = Severity.PROBLEM, Severity.WARNING, Severity.HINT
CASES: list[tuple[str, dict[str, Any], Severity, str]] = [
    ("huge-pages", {"huge_pages_total": 0}, W, "sudo sysctl -w vm.nr_hugepages=1200"),
    ("huge-pages", {"huge_pages_total": 1199}, W, "vm.nr_hugepages=1200"),
    ("huge-pages", {"huge_pages_total": 0, "numa_nodes": 4, "threads": 128}, W, "vm.nr_hugepages=4800"),
    ("huge-pages", {"huge_pages_total": 0, "container": True}, W, "host that reserves"),
    ("huge-pages", {"huge_pages_total": 0, "memory_total_bytes": 3 * GB}, H, "Add memory"),
    ("huge-pages", {"huge_pages_total": None}, H, "CONFIG_HUGETLBFS"),
    ("1gb-pages", {"gigabyte_pages": 0}, H, "hugepages=3 hugepagesz=2M hugepages=160"),
    ("1gb-pages", {"gigabyte_pages": 2}, H, "Too few"),
    ("memory", {"memory_total_bytes": 2 * GB, "gigabyte_pages": None, "huge_pages_total": 1280}, W, "Light mode"),
    (
        "locked-memory",
        {"root": False, "user": "ann", "max_locked_bytes": 65536, "msr_device": False},
        H,
        "ann - memlock",
    ),
    ("swap", {"swap_used_bytes": 2 * GB}, W, "2048 MB are swapped"),
    ("memory-channels", {"memory_channels": 1}, H, "both channels"),
    ("aes", {"features": ("avx2", "pdpe1gb")}, W, "firmware"),
    ("aes", {"features": (), "virtual": True}, W, "host-passthrough"),
    ("msr", {"msr_device": False}, W, "sudo modprobe msr allow_writes=on"),
    ("msr", {"msr_writes": "off"}, W, "echo on | sudo tee"),
    ("msr", {"virtual": True}, H, "On the host"),
    ("msr", {"lockdown": "integrity"}, H, "Secure Boot"),
    ("msr", {"root": False, "user": "ann"}, H, "service install --system"),
    ("governor", {"governors": ("powersave",)}, H, "echo performance"),
    ("temperature", {"cpu_temperature_c": 88.4}, W, "88 °C"),
    ("temperature", {"cpu_temperature_c": 97.0}, P, "too hot"),
    ("temperature", {"cpu_temperature_c": None}, H, "sudo modprobe k10temp"),
    ("temperature", {"cpu_temperature_c": None, "cpu_vendor": "GenuineIntel"}, H, "sudo modprobe coretemp"),
    ("nvidia-driver", {"pci_gpus": (PciGpu("0x10de", "0x2206", "nouveau"),)}, W, "nouveau has neither CUDA"),
    ("nvidia-driver", {"pci_gpus": (PciGpu("0x10de", "0x2206", ""),) * 6}, W, "6 NVIDIA GPUs without"),
    ("nvidia-driver", {"pci_gpus": (PciGpu("0x10de", "0x2206", "vfio-pci"),)}, W, "belong to vfio-pci"),
    ("amd-driver", {"pci_gpus": (PciGpu("0x1002", "0x73bf", ""),)}, W, "firmware-amd-graphics"),
    ("gpu", {"gpu_problems": ("GPU 0 is lost.",)}, P, "GPU 0 is lost."),
    ("gpu-1-temperature", {"gpus": (GpuStats(index=1, temperature_c=94.0),)}, P, "GPU 1 is too hot: 94 °C"),
    ("disk", {"disk_free_bytes": GB}, W, "1024 MB left"),
    ("disk", {"disk_free_bytes": 12 * 1024**2}, P, "12 MB left"),
    ("disk", {"disk_read_only": True}, P, "takes no writes"),
    ("clock", {"clock_synchronised": False}, W, "set-ntp true"),
    ("clock", {"now_s": 86400.0}, P, "years behind"),
    ("miner-programs", {"miners": ()}, P, "miner-ctrl install xmrig"),
    ("miner-programs", {"miners": (InstalledMiner(type="simulated", installed=True, simulated=True),)}, P, "no miner"),
    (
        "old-xmrig",
        {"miners": (InstalledMiner(type="xmrig", installed=True, version="6.9.0"),)},
        W,
        "xmrig 6.9.0 is old",
    ),
    ("unattended", {"unit": None}, W, "sudo miner-ctrl service install --system"),
    ("unattended", {"unit": None, "systemd": False, "container": True}, H, "miner-ctrl service print"),
    ("unattended", {"unit": Unit("/u", enabled=False, user=False, linger=False)}, W, "sudo systemctl enable --now"),
    ("unattended", {"unit": Unit("/u", enabled=True, user=True, linger=False)}, W, "loginctl enable-linger root"),
    ("kernel-panic", {"panic_s": 0}, H, "kernel.panic=10"),
    ("restart-required", {"restart_required": True}, H, "sudo reboot"),
    ("run-dir", {"run_dir_problem": "it belongs to another user"}, P, "chmod 700"),
    ("open-files", {"max_files": 1024}, H, "nofile 65536"),
]


@pytest.mark.parametrize(
    ("id_", "changes", "severity", "said"), CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)]
)
def test_one_thing_that_is_missing_is_found_with_its_remedy(
    id_: str, changes: dict[str, Any], severity: Severity, said: str
) -> None:
    finding = found(a_rig(**changes))[id_]
    assert finding.severity is severity
    assert said in "\n".join((finding.title, finding.what, *finding.fix))
    assert finding.what.endswith(".")
    assert finding.gain.endswith(".") or id_ == "gpu"


@pytest.mark.parametrize(
    "changes",
    [
        {"features": ("aes", "avx2"), "gigabyte_pages": 0},  # a CPU without pages of 1 GB
        {"gigabyte_pages": None},
        {"gigabyte_pages": 0, "memory_total_bytes": 4 * GB, "huge_pages_total": 1280},  # they would not fit
        {"memory_channels": 1, "threads": 4, "huge_pages_total": 1280},
        {"memory_channels": 2},
        {"cpu_temperature_c": None, "container": True},
        {"clock_synchronised": None},
        {"panic_s": 0, "container": True},
        {"unit": Unit("/u", enabled=True, user=True, linger=True)},
        {"miners": (InstalledMiner(type="xmrig", installed=True, version="6.22.0"),)},
        {"miners": (InstalledMiner(type="xmrig", installed=True, version="6.100.1-mo2"),)},
        {"governors": ()},
        {"pci_gpus": (PciGpu("0x8086", "0x9bc5", ""), PciGpu("0x1a03", "0x2000", "ast"))},
        {"pci_gpus": (PciGpu("0x10de", "0x2206", "nvidia"),), "gpus": (GpuStats(index=0, driver="550.54.14"),)},
        {"linux": False, "unit": None, "huge_pages_total": None, "features": ()},
    ],
)
def test_what_is_no_fault_is_not_found(changes: dict[str, Any]) -> None:
    assert found(a_rig(**changes)) == {}


def test_a_controller_does_not_miss_what_only_miners_need() -> None:
    seen = a_rig(mines=False, miners=(), huge_pages_total=0, features=(), msr_device=False, unit=None)
    assert list(found(seen)) == ["unattended"]
    assert "the rigs have no controller" in found(seen)["unattended"].what


def test_the_worst_comes_first_and_everything_can_be_sent() -> None:
    findings = examine(a_rig(disk_free_bytes=1, huge_pages_total=0, panic_s=0, miners=(), cpu_temperature_c=99.0))
    order = list(Severity)
    ranks = [order.index(finding.severity) for finding in findings]
    assert ranks == sorted(ranks)
    assert findings[0].severity is Severity.PROBLEM
    sent = msgspec.json.encode(findings)
    assert msgspec.json.decode(sent, type=tuple[Finding, ...]) == findings


def test_names_of_people_and_folders_are_words_of_a_shell_and_no_more() -> None:
    evil = "$(reboot) 'x"
    seen = a_rig(
        root=False, user=evil, max_locked_bytes=1, max_files=1, run_dir=f"/tmp/{evil}", run_dir_problem="no",
        unit=Unit("/u", enabled=True, user=True, linger=False),
    )  # fmt: skip
    lines = [line for finding in found(seen).values() for line in finding.fix]
    assert sum("$(reboot)" in line for line in lines) >= 4
    for line in lines:
        assert "$(reboot)" not in line.replace(quote(f"/tmp/{evil}"), "").replace(quote(evil), "")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("6.22.2", (6, 22, 2)), ("6.9", (6, 9)), ("6.22.2-mo1", (6, 22, 2)), ("simulated", ()), ("", ()), ("6.x", (6,))],
)
def test_versions_are_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert version_of(text) == numbers
