"""``/schedule``: when this machine mines, and a rig's schedule from afar."""

from __future__ import annotations

from miner_ctrl.api.faces import CommandsFace, RigFace
from miner_ctrl.api.resource import Resource
from miner_ctrl.model.rig import Schedule, ScheduleState
from miner_ctrl.model.times import time_text
from miner_ctrl.model.views import CommandView, ScheduleView

SCHEDULE = Resource("schedule")
_FAILURES = (403, 502, 504)


@SCHEDULE.get("/schedule", tag=lambda view: (view.rules, view.otherwise))
async def own_schedule(rig: RigFace) -> ScheduleView:
    """Return this machine's schedule, what it asks for now, and until when."""
    return _view(rig.schedule())


@SCHEDULE.put("/schedule", edits=own_schedule)
async def set_own_schedule(rig: RigFace, body: Schedule) -> ScheduleView:
    """Set this machine's schedule."""
    rig.set_schedule(body)
    return _view(rig.schedule())


@SCHEDULE.delete("/schedule", edits=own_schedule)
async def clear_own_schedule(rig: RigFace) -> ScheduleView:
    """Remove this machine's schedule; what it has paused or switched goes back."""
    rig.set_schedule(Schedule())
    return _view(rig.schedule())


@SCHEDULE.get("/remote/{peer}/schedule", errors=_FAILURES, tag=lambda view: (view.rules, view.otherwise))
async def rig_schedule(commands: CommandsFace, peer: str) -> ScheduleView:
    """Ask a rig for its schedule."""
    return _view(await commands.schedule(peer))


@SCHEDULE.post("/remote/{peer}/schedule", errors=_FAILURES, edits=rig_schedule, keyed=True)
async def set_rig_schedule(commands: CommandsFace, peer: str, body: Schedule) -> CommandView:
    """Set a rig's schedule; one without rules that says run removes it."""
    return await commands.deploy_schedule(peer, body)


def _view(state: ScheduleState | None) -> ScheduleView:
    if state is None:
        return ScheduleView()
    return ScheduleView(
        rules=state.schedule.rules,
        otherwise=state.schedule.otherwise,
        now=state.now,
        until=None if state.until_ms is None else time_text(state.until_ms),
        local_time=state.local_time,
        problem=state.problem,
    )
