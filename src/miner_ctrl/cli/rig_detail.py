"""One rig beside its miners: its machine, its schedule, its lock. What ``remote status PEER`` shows below the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from miner_ctrl.cli.format import duration, milliseconds, shown
from miner_ctrl.cli.tables import pairs

_GB = 1e9


def detail(rig: Mapping[str, Any]) -> str:
    """Return ``label  value`` lines of a rig that is connected; what is not known is left out."""
    rows = [("Agent", ", ".join(_agent(rig)))]
    machine = rig.get("machine") or {}
    if machine:
        rows.append(("Machine", ", ".join(_machine(machine))))
    rows += [(f"GPU {gpu.get('index')}", ", ".join(_gpu(gpu))) for gpu in machine.get("gpus") or ()]
    asked = rig.get("schedule")
    rows.append(("Schedule", f"{shown(asked, 80)} now" if asked else "none"))
    rows.append(("Lock", "mines to its owner's wallets and pools alone" if rig.get("locked") else "none"))
    return pairs(rows)


def _agent(rig: Mapping[str, Any]) -> Iterator[str]:
    yield shown(rig.get("version"), 40)
    if _known(rig.get("uptime")):
        yield f"up {duration(rig['uptime'])}"
    if _known(rig.get("pingMs")):
        yield f"ping {milliseconds(rig['pingMs'])}"


def _machine(machine: Mapping[str, Any]) -> Iterator[str]:
    if _known(machine.get("cpuTemperatureC")):
        yield f"CPU {machine['cpuTemperatureC']:.0f} °C"
    if _known(machine.get("load1M")):
        yield f"load {machine['load1M']:.1f}"
    if _known(machine.get("memoryAvailableBytes")):
        yield f"memory {machine['memoryAvailableBytes'] / _GB:.1f} GB free"
    if _known(machine.get("diskFreeBytes")):
        yield f"disk {machine['diskFreeBytes'] / _GB:.1f} GB free"
    if _known(machine.get("uptime")):
        yield f"up {duration(machine['uptime'])}"


def _gpu(gpu: Mapping[str, Any]) -> Iterator[str]:
    yield shown(gpu.get("name"), 40)
    for field, form in (("temperatureC", "{:.0f} °C"), ("fanPercent", "fan {:.0f} %"), ("powerW", "{:.0f} W")):
        if _known(gpu.get(field)):
            yield form.format(gpu[field])


def _known(value: object) -> bool:
    return isinstance(value, int | float)
