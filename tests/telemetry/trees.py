"""Copies of ``/proc`` and ``/sys`` as real machines have them, made under a temporary root."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

MEMINFO = """\
MemTotal:       32784116 kB
MemFree:         1203884 kB
MemAvailable:   27012360 kB
Buffers:          402312 kB
SwapTotal:       2097148 kB
AnonHugePages:    821248 kB
HugePages_Total:    1280
HugePages_Free:       96
HugePages_Rsvd:        0
HugePages_Surp:        0
Hugepagesize:       2048 kB
Hugetlb:         2621440 kB
"""
STAT = "cpu  100 50 50 700 100 0 0 0 0 0\ncpu0 50 25 25 350 50 0 0 0 0 0\nintr 1\n"
STAT_LATER = "cpu  300 150 150 700 100 0 0 0 0 0\ncpu0 150 75 75 350 50 0 0 0 0 0\nintr 1\n"
CPUINFO = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 33
model name\t: AMD Ryzen 9 5950X 16-Core Processor
cpu MHz\t\t: 3400.000
flags\t\t: fpu vme pse pdpe1gb aes avx avx2 vaes sha_ni

processor\t: 1
model name\t: a second name that must not count
flags\t\t: fpu avx512f
"""

RYZEN: Mapping[str, str] = {
    "proc/uptime": "86461.52 1382451.81\n",
    "proc/loadavg": "15.92 15.80 15.71 17/612 48211\n",
    "proc/meminfo": MEMINFO,
    "proc/stat": STAT,
    "proc/cpuinfo": CPUINFO,
    "sys/class/hwmon/hwmon0/name": "nvme\n",
    "sys/class/hwmon/hwmon0/temp1_input": "91850\n",
    "sys/class/hwmon/hwmon1/name": "k10temp\n",
    "sys/class/hwmon/hwmon1/temp1_input": "71125\n",
    "sys/class/hwmon/hwmon1/temp1_label": "Tctl\n",
    "sys/class/hwmon/hwmon1/temp3_input": "68500\n",
    "sys/class/hwmon/hwmon1/temp3_label": "Tccd1\n",
    "sys/devices/system/cpu/online": "0-3\n",
    "sys/devices/system/node/online": "0\n",
}


def plant(root: Path, files: Mapping[str, str]) -> Path:
    """Write ``files`` under ``root`` and return it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def cpus(number: int, *, siblings: int = 2, packages: int = 1, l3_shared_by: int = 4) -> dict[str, str]:
    """Return the topology and caches of ``number`` logical CPUs."""
    files = {"sys/devices/system/cpu/online": f"0-{number - 1}\n"}
    for cpu in range(number):
        at = f"sys/devices/system/cpu/cpu{cpu}"
        core, l3 = cpu // siblings * siblings, cpu // l3_shared_by * l3_shared_by
        shared_core, shared_l3 = f"{core}-{core + siblings - 1}", f"{l3}-{l3 + l3_shared_by - 1}"
        files |= {
            f"{at}/topology/physical_package_id": f"{cpu * packages // number}\n",
            f"{at}/topology/core_cpus_list": f"{shared_core}\n",
        }
        for index, (level, kind, size, shared) in enumerate(
            [
                ("1", "Data", "32K", shared_core),
                ("1", "Instruction", "32K", shared_core),
                ("2", "Unified", "512K", shared_core),
                ("3", "Unified", "32768K", shared_l3),
            ]
        ):
            cache = f"{at}/cache/index{index}"
            files |= {
                f"{cache}/level": f"{level}\n",
                f"{cache}/type": f"{kind}\n",
                f"{cache}/size": f"{size}\n",
                f"{cache}/shared_cpu_list": f"{shared}\n",
            }
    return files


def amd_gpu(card: int = 0, changes: Mapping[str, str] = {}) -> dict[str, str]:
    """Return what amdgpu tells of one card."""
    at = f"sys/class/drm/card{card}/device"
    files = {
        "vendor": "0x1002\n",
        "device": "0x73bf\n",
        "unique_id": "8a3c5e2f00c1d2e3\n",
        "mem_info_vram_total": "17163091968\n",
        "mem_info_vram_used": "4294967296\n",
        "gpu_busy_percent": "99\n",
        "power/runtime_status": "active\n",
        "hwmon/hwmon3/name": "amdgpu\n",
        "hwmon/hwmon3/temp1_input": "61000\n",
        "hwmon/hwmon3/temp2_input": "77000\n",
        "hwmon/hwmon3/pwm1": "102\n",
        "hwmon/hwmon3/power1_average": "118000000\n",
        "hwmon/hwmon3/power1_cap": "145000000\n",
        "hwmon/hwmon3/freq1_input": "1285000000\n",
        "hwmon/hwmon3/freq2_input": "1074000000\n",
    }
    return {f"{at}/{name}": text for name, text in (files | dict(changes)).items()}
