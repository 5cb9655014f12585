"""Graphics devices on the bus, and whether their drivers let miners use them."""

from __future__ import annotations

from collections.abc import Iterator

from miner_ctrl.doctor.snapshot import AMD, NVIDIA, PciGpu, Snapshot
from miner_ctrl.model.doctor import Finding, Severity

HOT_C = 90.0


def gpu_rules(seen: Snapshot) -> Iterator[Finding]:
    """Judge the GPUs."""
    nvidia = [gpu for gpu in seen.pci_gpus if gpu.vendor == NVIDIA]
    amd = [gpu for gpu in seen.pci_gpus if gpu.vendor == AMD]
    if nvidia:
        yield _nvidia(nvidia, seen)
    bare = [gpu for gpu in amd if not gpu.driver]
    if bare:
        yield Finding(
            id="amd-driver",
            severity=Severity.WARNING,
            title=f"{_counted(bare, 'AMD GPU')} without a driver",
            what="Miners cannot see what no driver has.",
            gain="These GPUs can mine.",
            fix=("sudo apt-get install firmware-amd-graphics && sudo reboot",),
        )
    for sentence in seen.gpu_problems:
        yield Finding(id="gpu", severity=Severity.PROBLEM, title="A GPU does not answer", what=sentence)
    for gpu in seen.stats.gpus:
        if gpu.temperature_c is not None and gpu.temperature_c >= HOT_C:
            yield Finding(
                id=f"gpu-{gpu.index}-temperature",
                severity=Severity.PROBLEM,
                title=f"GPU {gpu.index} is too hot: {gpu.temperature_c:.0f} °C",
                what=gpu.name or "Its name is not known.",
                gain="A steady hashrate, and a longer life.",
                fix=("See to its fans and the air around it, or lower its power limit: sudo nvidia-smi -pl WATTS",),
            )


def _nvidia(gpus: list[PciGpu], seen: Snapshot) -> Finding:
    others = sorted({gpu.driver for gpu in gpus} - {"nvidia"})
    fix = ("sudo apt-get install nvidia-driver && sudo reboot",)
    if "nouveau" in others:
        return Finding(
            id="nvidia-driver",
            severity=Severity.WARNING,
            title=f"{_counted(gpus, 'NVIDIA GPU')} with the driver nouveau",
            what="nouveau has neither CUDA nor OpenCL that miners use; it has to make room for NVIDIA's own.",
            gain="These GPUs can mine.",
            fix=fix,
        )
    if others:
        return Finding(
            id="nvidia-driver",
            severity=Severity.WARNING,
            title=f"{_counted(gpus, 'NVIDIA GPU')} without NVIDIA's driver",
            what="Miners cannot see them." if others == [""] else f"They belong to {', '.join(filter(None, others))}.",
            gain="These GPUs can mine.",
            fix=fix,
        )
    version = next((gpu.driver for gpu in seen.stats.gpus if gpu.driver), "")
    return Finding(
        id="nvidia-driver",
        severity=Severity.OK,
        title="NVIDIA driver",
        what=f"{_counted(gpus, 'GPU')} with the driver {version}." if version else f"{_counted(gpus, 'GPU')} have it.",
    )


def _counted(gpus: list[PciGpu], noun: str) -> str:
    return f"{len(gpus)} {noun}{'' if len(gpus) == 1 else 's'}"
