"""``/info`` and ``/doctor``: this machine. Fields in snake case, as clients of the first ``miner-ctrl`` know them."""

from __future__ import annotations

from miner_ctrl.api.faces import DoctorFace
from miner_ctrl.api.resource import Resource
from miner_ctrl.model.doctor import Diagnosis, MachineInfo

DOCTOR = Resource("doctor")


@DOCTOR.get("/info")
async def machine_info(doctor: DoctorFace) -> MachineInfo:
    """Return this machine, and the miner programs it has."""
    return await doctor.info()


@DOCTOR.post("/doctor", changes=False)
async def examine_machine(doctor: DoctorFace) -> Diagnosis:
    """Look at this machine now: what it lacks for mining, what that would bring, and how to get it."""
    return await doctor.examine()
