"""What a rig has to have to run unattended: room, a right clock, a start after a reboot, a program to run."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from miner_ctrl.doctor.snapshot import Snapshot
from miner_ctrl.model.doctor import Finding, Severity

RESERVE_BYTES = 256 * 1024 * 1024
LOW_BYTES = 2 * 1024**3
FEW_FILES = 4096
FIRST_YEARS_S = 1_735_689_600.0
"""2025: no machine that runs this program lives before it."""
_OLDEST = {"xmrig": ((6, 22), "older ones lack parts of the API, and algorithms that pools ask for")}


def system_rules(seen: Snapshot) -> Iterator[Finding]:
    """Judge the system."""
    yield from _disk(seen)
    yield from _clock(seen)
    if seen.mines:
        yield from _programs(seen)
    yield from _unattended(seen)
    if seen.run_dir_problem:
        yield Finding(
            id="run-dir",
            severity=Severity.PROBLEM,
            title="The folder for sockets cannot be used",
            what=f"{seen.run_dir}: {seen.run_dir_problem}. Miners cannot be started, nor those that run be found.",
            gain="Miners that start.",
            fix=(f"sudo chown $(id -u) {quote(seen.run_dir)} && chmod 700 {quote(seen.run_dir)}",),
        )
    if seen.max_files is not None and seen.max_files != -1 and seen.max_files < FEW_FILES:
        yield Finding(
            id="open-files",
            severity=Severity.HINT,
            title=f"Only {seen.max_files} files may be open at once",
            what="Each peer is one, and each miner a few.",
            gain="Room for many peers.",
            fix=(
                f"echo {quote(seen.user or '*')} - nofile 65536 | sudo tee /etc/security/limits.d/61-miner-ctrl.conf",
            ),
        )


def _disk(seen: Snapshot) -> Iterator[Finding]:
    free = seen.stats.disk_free_bytes
    if seen.disk_read_only:
        yield Finding(
            id="disk",
            severity=Severity.PROBLEM,
            title="The disk of the node's data takes no writes",
            what=f"{seen.data_dir} is on a read-only file system; after errors of a disk the kernel makes it so.",
            gain="Logs, state and deploys.",
            fix=("sudo dmesg | grep -i -e error -e remount",),
        )
    elif free is not None and free >= LOW_BYTES:
        yield Finding(id="disk", severity=Severity.OK, title="Disk space", what=f"{free / 1024**3:.1f} GB are free.")
    elif free is not None:
        yield Finding(
            id="disk",
            severity=Severity.PROBLEM if free < RESERVE_BYTES else Severity.WARNING,
            title=f"The disk has {free // 1024**2} MB left",
            what=f"It holds {seen.data_dir}; under {RESERVE_BYTES // 1024**2} MB no program is taken, and logs stop.",
            gain="Logs, state and deploys.",
            fix=("sudo du -xh / | sort -h | tail -20", "sudo journalctl --vacuum-size=100M"),
        )


def _clock(seen: Snapshot) -> Iterator[Finding]:
    if seen.now_s < FIRST_YEARS_S:
        severity, title = Severity.PROBLEM, "The clock is years behind"
        what = "Pools with TLS are refused, and the history of this rig is filed under the wrong days."
    elif seen.clock_synchronised is False and not seen.container:
        severity, title = Severity.WARNING, "Nothing keeps the clock right"
        what = "The kernel knows of no time daemon. Schedules and history go by this clock."
    else:
        if seen.clock_synchronised:
            yield Finding(id="clock", severity=Severity.OK, title="Clock", what="It is kept right.")
        return
    fix = ("sudo apt-get install systemd-timesyncd", "sudo timedatectl set-ntp true")
    yield Finding(id="clock", severity=severity, title=title, what=what, gain="Times that are true.", fix=fix)


def _programs(seen: Snapshot) -> Iterator[Finding]:
    real = [miner for miner in seen.miners if miner.installed and not miner.simulated]
    if not real:
        yield Finding(
            id="miner-programs",
            severity=Severity.PROBLEM,
            title="There is no miner program",
            what="Nothing can be mined until there is one.",
            gain="Mining.",
            fix=(
                "miner-ctrl install xmrig --system",
                "miner-ctrl install xmrig --file xmrig-VERSION-linux-static-x64.tar.gz",
            ),
        )
        return
    named = ", ".join(f"{miner.type} {miner.version}".strip() for miner in real)
    yield Finding(id="miner-programs", severity=Severity.OK, title="Miner programs", what=f"{named}."[:1000])
    for miner in real:
        oldest, why = _OLDEST.get(miner.type, ((), ""))
        if oldest and (version := version_of(miner.version)) and version < oldest:
            yield Finding(
                id=f"old-{miner.type}",
                severity=Severity.WARNING,
                title=f"{miner.type} {miner.version} is old",
                what=f"{'.'.join(map(str, oldest))} or later is needed: {why}.",
                gain="All that miner-ctrl can do with it.",
                fix=("miner-ctrl update", f"miner-ctrl install {miner.type} --file ARCHIVE"),
            )


def version_of(text: str) -> tuple[int, ...]:
    """Return ``6.22.2`` as numbers, so that 6.9 is before 6.10; empty for what does not begin with one."""
    numbers: list[int] = []
    for part in text.split("."):
        digits = part[: next((at for at, char in enumerate(part) if not ("0" <= char <= "9")), len(part))]
        if not digits or len(digits) > 9:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)


def _unattended(seen: Snapshot) -> Iterator[Finding]:
    if not seen.linux:
        return
    unit = seen.unit
    if unit is None:
        what_stops = "this rig mines nothing" if seen.mines else "the rigs have no controller"
        how = "sudo miner-ctrl service install --system" if seen.root else "miner-ctrl service install"
        yield Finding(
            id="unattended",
            severity=Severity.HINT if seen.container else Severity.WARNING,
            title="miner-ctrl does not start by itself",
            what=f"After a reboot or a power cut {what_stops} until somebody starts it.",
            gain="A node that goes on by itself.",
            fix=(how,)
            if seen.systemd
            else ("miner-ctrl service print", "Have this machine's own init start that command."),
        )
    elif not unit.enabled:
        user = " --user" if unit.user else ""
        yield Finding(
            id="unattended",
            severity=Severity.WARNING,
            title="The unit is there, and not enabled",
            what=f"{unit.path} is not started at boot.",
            gain="A node that goes on by itself.",
            fix=(f"{'' if unit.user else 'sudo '}systemctl{user} enable --now miner-ctrl",),
        )
    elif unit.user and not unit.linger:
        yield Finding(
            id="unattended",
            severity=Severity.WARNING,
            title=f"The unit runs only while {seen.user or 'its user'} is logged in",
            what="Units of a user begin with the first login and end with the last logout, unless the user lingers.",
            gain="A node that goes on by itself.",
            fix=(f"sudo loginctl enable-linger {quote(seen.user)}".rstrip(),),
        )
    else:
        yield Finding(id="unattended", severity=Severity.OK, title="Unattended start", what=f"By {unit.path}.")
    if seen.panic_s == 0 and not seen.container:
        yield Finding(
            id="kernel-panic",
            severity=Severity.HINT,
            title="After a kernel panic the machine stays down",
            what="kernel.panic is 0: it waits for a person.",
            gain="A node that comes back by itself.",
            fix=("sudo sysctl -w kernel.panic=10", "echo kernel.panic=10 | sudo tee /etc/sysctl.d/61-miner-ctrl.conf"),
        )
    if seen.restart_required:
        yield Finding(
            id="restart-required",
            severity=Severity.HINT,
            title="The system waits for a restart",
            what="Updates are installed that count only after one.",
            gain="The newer kernel or libraries.",
            fix=("sudo reboot",),
        )
