"""What the local API reaches of a node, put together when the first request comes."""

from __future__ import annotations

from miner_ctrl.api.faces import AccessFace, AuditFace, Faces, NodeFace
from miner_ctrl.api.live.feed import Feed
from miner_ctrl.api.live.topics import events_topic, jobs_topic, overview_topics, pairing_topics
from miner_ctrl.app.controller import ControllerHalf
from miner_ctrl.app.own_machine import OwnMachine
from miner_ctrl.app.rig import RigHalf
from miner_ctrl.config import Home
from miner_ctrl.model.times import now_ms
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
    audit: AuditFace,
) -> Faces:
    """Return everything."""
    tables, states = overview_topics(controller.overview)
    live = Feed(
        tables={
            **tables,
            "jobs": jobs_topic(controller.jobs),
            "events": events_topic(controller.history),
            **pairing_topics(pairing),
        },
        states=states,
        fleet=controller.fleet,
        commands=controller.commands,
        pairing=pairing,
        now_ms=now_ms,
        holds=access.holds,
    )
    return Faces(
        node,
        doctor=own.doctor,
        installs=own.installs,
        metrics=own.metrics,
        pairing=pairing,
        commands=controller.commands,
        deploys=controller.deploys,
        jobs=controller.jobs,
        fleet=controller.fleet,
        overview=controller.overview,
        live=live,
        history=controller.history,
        profiles=profiles,
        miner_types=own.miner_types,
        assignments=controller.assignments,
        rig=rig.local,
        access=access,
        lock=LockFace(lock, file=home.lock_json, fingerprint=fingerprint),
        audit=audit,
    )
