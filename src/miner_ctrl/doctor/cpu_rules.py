"""The CPU: instructions, registers, frequency, heat."""

from __future__ import annotations

from collections.abc import Iterator

from miner_ctrl.doctor.snapshot import Snapshot
from miner_ctrl.model.doctor import Finding, Severity

HOT_C, WARM_C = 95.0, 85.0
_HARDWARE_VENDORS = ("AuthenticAMD", "GenuineIntel")


def cpu_rules(seen: Snapshot) -> Iterator[Finding]:
    """Judge the CPU."""
    yield from _aes(seen)
    if seen.linux and seen.cpu_vendor in _HARDWARE_VENDORS:
        yield _msr(seen)
    yield from _governor(seen)
    yield from _temperature(seen)


def _aes(seen: Snapshot) -> Iterator[Finding]:
    if "aes" in seen.hardware.features:
        yield Finding(id="aes", severity=Severity.OK, title="AES", what="The CPU has AES instructions.")
    elif seen.linux:
        yield Finding(
            id="aes",
            severity=Severity.WARNING,
            title="The CPU has no AES instructions",
            what="RandomX and CryptoNight have to compute them in software.",
            gain="Several times the hashrate on RandomX and CryptoNight.",
            fix=(
                ("In the virtual machine's settings, choose the CPU model `host` (libvirt: host-passthrough).",)
                if seen.virtual
                else ("See whether the firmware's setup has AES switched off; if not, mine something else here.",)
            ),
        )


def _msr(seen: Snapshot) -> Finding:
    gain = "About 10 to 15 % more hashrate on RandomX."
    if seen.virtual:
        return Finding(
            id="msr",
            severity=Severity.HINT,
            title="A virtual machine cannot set the CPU's registers (MSR)",
            what="RandomX gains from switching prefetchers off, and only the host can do that.",
            gain=gain,
            fix=("On the host: sudo modprobe msr allow_writes=on, then run randomx_boost.sh of XMRig's sources.",),
        )
    if seen.lockdown not in ("", "none"):
        return Finding(
            id="msr",
            severity=Severity.HINT,
            title="Secure Boot locks the CPU's registers (MSR)",
            what=f"The kernel's lockdown is {seen.lockdown}: no program may write them.",
            gain=gain,
            fix=("Switch Secure Boot off in the firmware's setup.",),
        )
    if not seen.msr_device:
        return Finding(
            id="msr",
            severity=Severity.WARNING,
            title="The kernel module msr is not loaded",
            what="Miners cannot switch the CPU's prefetchers off, as RandomX wants it.",
            gain=gain,
            fix=(
                "sudo modprobe msr allow_writes=on",
                "echo msr | sudo tee /etc/modules-load.d/60-miner-ctrl.conf",
                "echo options msr allow_writes=on | sudo tee /etc/modprobe.d/60-miner-ctrl.conf",
            ),
        )
    if seen.msr_writes == "off":
        return Finding(
            id="msr",
            severity=Severity.WARNING,
            title="The kernel does not allow writes to the CPU's registers (MSR)",
            what="The module msr is loaded with allow_writes=off.",
            gain=gain,
            fix=("echo on | sudo tee /sys/module/msr/parameters/allow_writes",),
        )
    if not seen.root:
        return Finding(
            id="msr",
            severity=Severity.HINT,
            title="Only root may set the CPU's registers (MSR)",
            what=f"Miners that {seen.user or 'this user'} starts run with the registers as they are.",
            gain=gain,
            fix=(
                "sudo miner-ctrl service install --system",
                "or, at each boot: sudo randomx_boost.sh of XMRig's sources",
            ),
        )
    return Finding(id="msr", severity=Severity.OK, title="MSR", what="Miners may set the CPU's registers.")


def _governor(seen: Snapshot) -> Iterator[Finding]:
    slow = [name for name in seen.governors if name in ("powersave", "conservative", "ondemand", "userspace")]
    if not seen.governors:
        return
    if not slow:
        yield Finding(
            id="governor", severity=Severity.OK, title="CPU governor", what=f"It is {', '.join(seen.governors)}."
        )
        return
    yield Finding(
        id="governor",
        severity=Severity.HINT,
        title=f"The CPU's governor is {', '.join(slow)}",
        what="It decides how fast the CPU runs. Under full load most reach their full speed with it, some do not.",
        gain="Full speed at once, and a hashrate that does not vary.",
        fix=("echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",),
    )


def _temperature(seen: Snapshot) -> Iterator[Finding]:
    now = seen.stats.cpu_temperature_c
    if now is None:
        if seen.linux and not seen.virtual and not seen.container:
            module = "k10temp" if seen.cpu_vendor == "AuthenticAMD" else "coretemp"
            yield Finding(
                id="temperature",
                severity=Severity.HINT,
                title="No temperature sensor of the CPU was found",
                what="Without one the watchdog cannot pause a miner when the CPU gets too hot.",
                gain="A CPU that is protected, and its temperature in `remote status`.",
                fix=(f"sudo modprobe {module}",) if seen.cpu_vendor in _HARDWARE_VENDORS else (),
            )
        return
    if now < WARM_C:
        yield Finding(id="temperature", severity=Severity.OK, title="Temperature", what=f"The CPU has {now:.0f} °C.")
        return
    yield Finding(
        id="temperature",
        severity=Severity.PROBLEM if now >= HOT_C else Severity.WARNING,
        title=f"The CPU is {'too hot' if now >= HOT_C else 'hot'}: {now:.0f} °C",
        what="CPUs slow down from about 90 °C, and age faster.",
        gain="A steady hashrate, and a longer life.",
        fix=("Clean the cooler, see to its paste and the air around it, or give the profile fewer threads.",),
    )
