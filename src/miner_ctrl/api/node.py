"""``/health``, ``/ready`` and ``/node``: this node itself."""

from __future__ import annotations

import msgspec

from miner_ctrl.api.faces import MetricsFace, NodeFace
from miner_ctrl.api.resource import Resource
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.nodes import Role, check_name
from miner_ctrl.model.values import ShortText
from miner_ctrl.model.views import IdentityView, NodeInfoView, ReadyView, StatusView, TlsView

NODE = Resource("node")


class NewIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``name`` left out: this machine's. ``trust``: the whole fingerprint of a controller to trust from the start,
    with ``@HOST:PORT`` behind it if this node is to dial it."""

    name: ShortText | None = None
    role: Role | None = None
    trust: ShortText | None = None


@NODE.get("/health")
async def health() -> StatusView:
    """Return that this process answers: nothing else is looked at, no disk and no peer."""
    return StatusView(status="ok")


@NODE.get("/ready", errors=(503,))
async def ready(node: NodeFace, metrics: MetricsFace) -> ReadyView:
    """Return whether this node can do its work: it has an identity. What is wrong without keeping it from that (the
    history cannot be written) is in `problems`.
    """
    if not node.info().has_identity:
        raise MinerCtrlError(
            "This node is not ready: it has no identity yet.",
            suggestion="Make one with `miner-ctrl node init --name NAME`, or POST /api/v1/mining/node/init.",
            code="NOT_READY",
        )
    return ReadyView(status="ready", problems=tuple(metrics.problems()))


@NODE.get("/node/info")
async def node_info(node: NodeFace) -> NodeInfoView:
    """Return this node's identity, its addresses and how many peers it has."""
    return node.info()


@NODE.post("/node/init", errors=(409,), role=AccessRole.ADMIN)
async def init_node(node: NodeFace, body: NewIdentity) -> IdentityView:
    """Make this node's identity."""
    return await node.init(check_name(body.name) if body.name else None, body.role, body.trust)


@NODE.post("/node/tls", errors=(409,), role=AccessRole.ADMIN)
async def tls(node: NodeFace) -> TlsView:
    """Return the certificate for this node's listener, made if there is none."""
    return node.tls()
