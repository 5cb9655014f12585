"""What the local API reaches of a node, put together when the first request comes."""

from __future__ import annotations

from miner_ctrl.api.faces import AccessFace, Faces, NodeFace
from miner_ctrl.app.controller import ControllerHalf
from miner_ctrl.app.own_machine import OwnMachine
from miner_ctrl.app.rig import RigHalf
from miner_ctrl.config import Home
from miner_ctrl.pairing import Pairing
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.worker.lock_desk import LockDesk
from miner_ctrl.worker.lock_face import LockFace


def faces_of(
    node: NodeFace,
    own: OwnMachine,
    *,
    pairing: Pairing,
    profiles: ProfileStore,
    controller: ControllerHalf,
    rig: RigHalf,
    lock: LockDesk | None,
    home: Home,
    fingerprint: str,
    access: AccessFace,
) -> Faces:
    """Return everything."""
    return Faces(
        node,
        doctor=own.doctor,
        installs=own.installs,
        pairing=pairing,
        commands=controller.commands,
        deploys=controller.deploys,
        jobs=controller.jobs,
        fleet=controller.fleet,
        history=controller.history,
        profiles=profiles,
        rig=rig.local,
        access=access,
        lock=LockFace(lock, file=home.lock_json, fingerprint=fingerprint),
    )
