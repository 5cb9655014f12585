"""The reader, over recorded trees and this machine."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from miner_ctrl.doctor import Snapshot, examine, take_snapshot
from miner_ctrl.doctor.snapshot import PciGpu, Unit
from miner_ctrl.model.doctor import Finding
from miner_ctrl.model.miners import InstalledMiner
from tests.telemetry.trees import RYZEN, amd_gpu, cpus, plant

RIG = {
    **RYZEN,
    **cpus(4),
    "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages": "3\n",
    "sys/module/msr/parameters/allow_writes": "on\n",
    "sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
    "sys/devices/system/edac/mc/mc0/dimm0/size": "16384\n",
    "sys/devices/system/edac/mc/mc0/dimm0/dimm_location": "channel 0 slot 0\n",
    "sys/devices/system/edac/mc/mc0/dimm1/size": "16384\n",
    "sys/devices/system/edac/mc/mc0/dimm1/dimm_location": "channel 1 slot 0\n",
    "sys/devices/system/edac/mc/mc0/dimm2/size": "0\n",
    "sys/devices/system/edac/mc/mc0/dimm2/dimm_location": "channel 2 slot 0\n",
    "sys/bus/pci/devices/0000:01:00.0/class": "0x030000\n",
    "sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
    "sys/bus/pci/devices/0000:01:00.0/device": "0x2206\n",
    "sys/bus/pci/devices/0000:02:00.0/class": "0x020000\n",
    "proc/sys/kernel/panic": "0\n",
    "run/reboot-required": "",
    "run/systemd/system/x": "",
    "etc/systemd/system/miner-ctrl.service": "[Unit]\n",
    "etc/systemd/system/multi-user.target.wants/miner-ctrl.service": "",
}


def snapshot(root: Path, tmp_path: Path, *miners: InstalledMiner) -> Snapshot:
    return take_snapshot(data_dir=tmp_path, run_dir=tmp_path / "run", miners=lambda: miners, root=root)


def test_a_rig_is_read_as_it_is(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", RIG)
    drivers = root / "sys/bus/pci/drivers/nouveau"
    drivers.mkdir(parents=True)
    (root / "sys/bus/pci/devices/0000:01:00.0/driver").symlink_to(drivers)
    seen = snapshot(root, tmp_path, InstalledMiner(type="xmrig", installed=True, version="6.26.0"))
    assert seen.gigabyte_pages == 3
    assert (seen.msr_device, seen.msr_writes, seen.lockdown) == (True, "on", "integrity")
    assert seen.governors == ("performance", "powersave")
    assert seen.memory_channels == 2, "a slot without a module is no channel in use"
    assert seen.pci_gpus == (PciGpu("0x10de", "0x2206", "nouveau"),)
    assert (seen.panic_s, seen.restart_required, seen.systemd) == (0, True, True)
    assert seen.unit is not None
    assert (seen.unit.enabled, seen.unit.user) == (True, False)
    assert seen.stats.huge_pages_total == 1280
    assert seen.hardware.threads == 4
    assert seen.cpu_vendor == "AuthenticAMD"
    assert not seen.virtual
    assert {"restart-required", "kernel-panic", "nvidia-driver", "msr"} <= {each.id for each in examine(seen)}


def test_a_users_unit_and_its_lingering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/cfg")
    monkeypatch.setenv("LOGNAME", "ann")
    root = plant(tmp_path / "root", {"cfg/systemd/user/miner-ctrl.service": "", "var/lib/systemd/linger/ann": ""})
    unit = snapshot(root, tmp_path).unit
    assert unit == Unit(str(root / "cfg/systemd/user/miner-ctrl.service"), enabled=False, user=True, linger=True)


@pytest.mark.parametrize("text", ["", "\0" * 100, "9" * 5000, "\x1b[31m\u202e" * 50, "channel 99999999999999999999"])
def test_broken_files_are_absence_and_the_findings_can_be_sent(tmp_path: Path, text: str) -> None:
    root = plant(tmp_path / "root", dict.fromkeys([*RIG, *amd_gpu()], text))
    findings = examine(snapshot(root, tmp_path))
    assert msgspec.json.decode(msgspec.json.encode(findings), type=tuple[Finding, ...]) == findings
    assert all("\x1b" not in finding.title + finding.what + "".join(finding.fix) for finding in findings)


def test_an_empty_machine_can_be_examined(tmp_path: Path) -> None:
    assert examine(snapshot(tmp_path / "nothing", tmp_path))


def test_the_sockets_folder_is_looked_at(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    assert snapshot(tmp_path, tmp_path).run_dir_problem == ""
    run.chmod(0o755)
    assert snapshot(tmp_path, tmp_path).run_dir_problem == "other users can reach into it"
    run.rmdir()
    run.write_text("")
    assert snapshot(tmp_path, tmp_path).run_dir_problem == "it is no folder"


def test_this_machine_can_be_examined(tmp_path: Path) -> None:
    seen = snapshot(Path("/"), tmp_path)
    assert seen.clock_synchronised in (True, False, None)
    assert seen.now_s > 1_700_000_000
    assert seen.max_files
    assert {"miner-programs", "disk"} <= {finding.id for finding in examine(seen)}
