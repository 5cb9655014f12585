"""All rules over one snapshot. Pure."""

from __future__ import annotations

from miner_ctrl.doctor.cpu_rules import cpu_rules
from miner_ctrl.doctor.gpu_rules import gpu_rules
from miner_ctrl.doctor.memory_rules import memory_rules
from miner_ctrl.doctor.snapshot import Snapshot
from miner_ctrl.doctor.system_rules import system_rules
from miner_ctrl.model.doctor import Finding, Severity

_ORDER = tuple(Severity)


def examine(seen: Snapshot) -> tuple[Finding, ...]:
    """Return what was found, the worst first; within a severity, what brings most first."""
    found = list(system_rules(seen))
    if seen.mines:
        found += [*memory_rules(seen), *cpu_rules(seen), *gpu_rules(seen)]
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity)))
