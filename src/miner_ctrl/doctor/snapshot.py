"""The machine at the moment of the check: everything that the rules look at, read and not judged."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from miner_ctrl.doctor.clock import clock_is_synchronised
from miner_ctrl.model.machine import Hardware, MachineStats
from miner_ctrl.model.miners import InstalledMiner
from miner_ctrl.model.text import one_line
from miner_ctrl.telemetry import StatsReader, is_read_only, read_hardware
from miner_ctrl.telemetry.procfs import count, entries, key_values, read_count, read_line, read_text

UNIT = "miner-ctrl.service"
NVIDIA, AMD, INTEL = "0x10de", "0x1002", "0x8086"
_DISPLAY = "0x03"


class PciGpu(msgspec.Struct, frozen=True):
    """A graphics device on the bus. ``driver`` is the kernel's driver that has it; empty: none."""

    vendor: str
    device: str
    driver: str


class Unit(msgspec.Struct, frozen=True):
    """The systemd unit of this program, if there is one. ``user``: a unit of one user's, which needs ``linger`` to run
    while nobody is logged in."""

    path: str
    enabled: bool
    user: bool
    linger: bool


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules look at. ``None``: not known."""

    mines: bool = True
    """Whether this node is a rig: what only miners need is not missed on a controller."""
    linux: bool = True
    root: bool = False
    user: str = ""
    container: bool = False
    virtual: bool = False
    hardware: Hardware = Hardware()
    stats: MachineStats = MachineStats()
    gpu_problems: tuple[str, ...] = ()
    cpu_vendor: str = ""
    gigabyte_pages: int | None = None
    msr_device: bool | None = None
    msr_writes: str = ""
    lockdown: str = ""
    governors: tuple[str, ...] = ()
    swap_used_bytes: int | None = None
    memory_channels: int | None = None
    pci_gpus: tuple[PciGpu, ...] = ()
    max_locked_bytes: int | None = None
    """``-1``: without limit."""
    max_files: int | None = None
    panic_s: int | None = None
    restart_required: bool = False
    clock_synchronised: bool | None = None
    now_s: float = 0.0
    data_dir: str = ""
    disk_read_only: bool = False
    run_dir: str = ""
    run_dir_problem: str = ""
    systemd: bool = False
    unit: Unit | None = None
    miners: tuple[InstalledMiner, ...] = ()


def take_snapshot(
    *,
    data_dir: Path,
    run_dir: Path,
    miners: Callable[[], Sequence[InstalledMiner]],
    mines: bool = True,
    root: str | Path = "/",
    reader: StatsReader | None = None,
) -> Snapshot:
    """Read the machine under ``root``. ``miners`` asks each program for its version. Blocks: for a thread."""
    at = str(root).rstrip("/")
    reader = reader or StatsReader(root)
    gpus = reader.read_gpus() if reader.may_have_gpus() else None
    stats = reader.read(data_dir, gpus=gpus.gpus if gpus else ())
    cpuinfo = dict(reversed(list(key_values(read_text(f"{at}/proc/cpuinfo", 8192)))))
    user = _user_name()
    return Snapshot(
        mines=mines,
        linux=sys.platform.startswith("linux"),
        root=_is_root(),
        user=user,
        container=_in_container(at),
        virtual="hypervisor" in cpuinfo.get("flags", "").split(),
        hardware=read_hardware(root),
        stats=stats,
        gpu_problems=gpus.problems if gpus else (),
        cpu_vendor=cpuinfo.get("vendor_id", ""),
        gigabyte_pages=read_count(f"{at}/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"),
        msr_device=_exists(f"{at}/dev/cpu/0/msr") or _exists(f"{at}/sys/module/msr"),
        msr_writes=read_line(f"{at}/sys/module/msr/parameters/allow_writes", 20),
        lockdown=_chosen(read_line(f"{at}/sys/kernel/security/lockdown", 100)),
        governors=_governors(at),
        swap_used_bytes=_swap_used(at),
        memory_channels=_memory_channels(at),
        pci_gpus=_pci_gpus(at),
        max_locked_bytes=_limit("RLIMIT_MEMLOCK"),
        max_files=_limit("RLIMIT_NOFILE"),
        panic_s=read_count(f"{at}/proc/sys/kernel/panic"),
        restart_required=_exists(f"{at}/run/reboot-required"),
        clock_synchronised=clock_is_synchronised(),
        now_s=time.time(),
        data_dir=one_line(str(data_dir), 200),
        disk_read_only=is_read_only(data_dir),
        run_dir=one_line(str(run_dir), 200),
        run_dir_problem=_run_dir_problem(run_dir),
        systemd=_exists(f"{at}/run/systemd/system"),
        unit=_unit(at, user),
        miners=tuple(miners()),
    )


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def _user_name() -> str:
    import getpass  # noqa: PLC0415 - for the doctor alone

    try:
        return one_line(getpass.getuser(), 64)
    except (OSError, KeyError, ImportError):
        return ""


def _in_container(at: str) -> bool:
    return (
        _exists(f"{at}/run/.containerenv")
        or _exists(f"{at}/.dockerenv")
        or "container=" in read_text(f"{at}/proc/1/environ", 4096).replace("\0", "\n")
    )


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:
        return False


def _chosen(text: str) -> str:
    """Return the word in brackets of ``none [integrity] confidentiality``."""
    found = re.search(r"\[(\w+)\]", text)
    return found[1] if found else ""


def _governors(at: str) -> tuple[str, ...]:
    folder = f"{at}/sys/devices/system/cpu"
    cpus = [name for name in entries(folder) if re.fullmatch(r"cpu\d+", name)]
    found = {read_line(f"{folder}/{cpu}/cpufreq/scaling_governor", 30) for cpu in cpus}
    return tuple(sorted(found - {""}))


def _swap_used(at: str) -> int | None:
    known = {key: count(value.removesuffix("kB")) for key, value in key_values(read_text(f"{at}/proc/meminfo"))}
    total, free = known.get("SwapTotal"), known.get("SwapFree")
    return max(total - free, 0) * 1024 if total is not None and free is not None else None


def _memory_channels(at: str) -> int | None:
    """Return how many memory channels have a module, where the kernel's error detection tells it."""
    folder = f"{at}/sys/devices/system/edac/mc"
    found: set[tuple[str, str]] = set()
    for controller in entries(folder):
        for name in entries(f"{folder}/{controller}"):
            if name.startswith(("dimm", "rank")) and read_count(f"{folder}/{controller}/{name}/size"):
                place = re.search(r"channel (\d+)", read_line(f"{folder}/{controller}/{name}/dimm_location", 100))
                if place:
                    found.add((controller, place[1]))
    return len(found) or None


def _pci_gpus(at: str) -> tuple[PciGpu, ...]:
    folder = f"{at}/sys/bus/pci/devices"
    found = []
    for name in entries(folder):
        if not read_line(f"{folder}/{name}/class", 20).startswith(_DISPLAY):
            continue
        try:
            driver = Path(f"{folder}/{name}/driver").readlink().name
        except OSError:
            driver = ""
        vendor, device = read_line(f"{folder}/{name}/vendor", 20), read_line(f"{folder}/{name}/device", 20)
        found.append(PciGpu(vendor, device, one_line(driver, 40)))
    return tuple(found)


def _limit(name: str) -> int | None:
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - not on Windows

    return resource.getrlimit(getattr(resource, name))[1]


def _run_dir_problem(folder: Path) -> str:
    """Return why the sockets' folder cannot be used; empty when it can, or is not there yet."""
    if sys.platform == "win32":
        return ""
    try:
        status = folder.stat()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"it cannot be looked at ({error.strerror})"
    if not os.path.isdir(folder):  # noqa: PTH112 - stat has been asked
        return "it is no folder"
    if status.st_uid != os.geteuid():
        return "it belongs to another user"
    return "other users can reach into it" if status.st_mode & 0o077 else ""


def _unit(at: str, user: str) -> Unit | None:
    """Return the unit of this program that systemd would find; one of the whole system's counts first."""
    linger = bool(user) and _exists(f"{at}/var/lib/systemd/linger/{user}")
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    places = [(f"{at}/etc/systemd/system", False), (f"{at}/usr/lib/systemd/system", False)]
    places += [(f"{at}{config}/systemd/user", True), (f"{at}/etc/systemd/user", True)]
    for folder, is_users in places:
        if _exists(f"{folder}/{UNIT}"):
            wants = (f"{folder}/{target}.wants/{UNIT}" for target in ("multi-user.target", "default.target"))
            enabled = any(os.path.lexists(path) for path in wants)
            return Unit(path=f"{folder}/{UNIT}"[:255], enabled=enabled, user=is_users, linger=linger)
    return None
