"""One miner instance: what it runs, who keeps it, what it last said, and why it is down."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from miner_ctrl.errors import MinerCtrlError, Unreachable
from miner_ctrl.miners.contract import Adapter, Reading
from miner_ctrl.miners.keeper_link import KeeperFacts, KeeperLink
from miner_ctrl.miners.log_file import LogFile
from miner_ctrl.miners.log_words import api_port_taken, pool_words
from miner_ctrl.miners.port_owner import answers_for_another
from miner_ctrl.miners.process import end_process_group, is_stopped, memory_kills, process_start, signal_name
from miner_ctrl.miners.record import RECORD_FILE, Record
from miner_ctrl.model.miners import MinerState, MinerStats, WatchStats
from miner_ctrl.model.profiles import Profile
from miner_ctrl.model.text import one_line
from miner_ctrl.storage.atomic import write_atomic

STATE_FILE = "state.json"
READ_WITHIN_S = 3.0
KNOCKS = 10
KNOCK_EVERY_S = 0.2
TAKES_INPUT = "input"
STARTS_WITHIN_S = 60.0
"""How long a miner may take to answer for the first time before it counts as unresponsive."""
SIGKILL = 9


class Instance:
    """A miner in its folder. ``changed`` is called whenever its state is another one."""

    def __init__(
        self, folder: Path, record: Record, adapter: Adapter, *, now_ms: Callable[[], int], changed: Callable[[], None]
    ) -> None:
        self.folder = folder
        self.record = record
        self.adapter = adapter
        self.log = LogFile(folder)
        self.busy = asyncio.Lock()
        self.state = MinerState.STARTING
        self._now_ms = now_ms
        self._changed = changed
        self._facts: KeeperFacts | None = None
        self._link: KeeperLink | None = None
        self._rejoining: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._reading: Reading | None = None
        self._sampled_ms = 0
        self._reason = ""
        self._followers: set[asyncio.Event] = set()
        self._stopping = False
        self._memory_kills = 0
        self._answered_for = False
        self.fell_unseen = False
        """It ended by no fault of its own: the machine went down, or its keeper was told to end."""
        self.watch: WatchStats | None = None
        self._hashed: tuple[Profile, str] | None = None
        self.remark = ""
        """What supervision has to say of it, in the place of its own reason."""

    # --- keeper -----------------------------------------------------------------------------------------

    async def attach(self) -> None:
        """Take the miner over from its keeper, or find out how it ended while nobody looked.

        A miner whose keeper was killed is ended: it has no terminal, no log and nobody who would notice.
        """
        self._ended.clear()
        self._facts = self._reading = None
        self._stopping = self.fell_unseen = self._answered_for = False
        self._memory_kills = memory_kills()
        self._set(MinerState.STARTING, "")
        if not await self._connect() and not await self._connect_again():
            self._read_end_from_disk()

    async def _connect(self) -> bool:
        link = KeeperLink(Path(self.record.socket), on_facts=self._heard, on_gone=self._keeper_gone)
        self._link = link
        try:
            await link.open()
        except Unreachable:
            self._link = None
            return False
        if self._followers:
            link.watch(log=True)
        return True

    async def _connect_again(self) -> bool:
        """Have a keeper that lives make its socket anew: runtime directories are cleared at logouts."""
        facts = self._facts_on_disk()
        if sys.platform == "win32" or facts is None or facts.ended_ms is not None:
            return False
        for _ in range(KNOCKS):
            if process_start(facts.keeper_pid) != facts.keeper_start or not facts.keeper_start:
                return False
            with suppress(ProcessLookupError, PermissionError):  # it ended this very moment
                os.kill(facts.keeper_pid, signal.SIGHUP)
            await asyncio.sleep(KNOCK_EVERY_S)
            if await self._connect():
                return True
        return False

    async def found(self) -> bool:
        """Take over a keeper that came up after nobody was found: one that the last agent had begun to start."""
        if self._link is not None or self.state.alive or not await self._connect():
            return False
        if self._facts is None or self._facts.ended_ms is not None:
            await self.detach()
            return False
        self._ended.clear()
        self._stopping = self.fell_unseen = False
        self._set(MinerState.STARTING, "")
        return True

    async def detach(self) -> None:
        """Let go; miner and keeper go on."""
        if self._rejoining is not None:
            self._rejoining.cancel()
            await asyncio.gather(self._rejoining, return_exceptions=True)
            self._rejoining = None
        if self._link is not None:
            await self._link.close()
            self._link = None

    async def stop(self, grace_s: float) -> None:
        """End the miner: SIGTERM, SIGKILL after ``grace_s``; returns when it has ended."""
        await self.found()
        self._stopping = True
        if self._rejoining is not None:
            await asyncio.wait((self._rejoining,))
        if self._link is None or not self.state.alive:
            return
        self._set(MinerState.STOPPING, "")
        self._link.stop(grace_s)
        await self._ended.wait()
        await self.detach()

    async def ended_within(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for the miner's end; whether it came."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        return self._ended.is_set()

    def type(self, line: str) -> bool:
        """Type a line at the miner's terminal; whether there is a keeper that can."""
        if self._link is None or self._facts is None or TAKES_INPUT not in self._facts.takes or not self.state.alive:
            return False
        self._link.type(line)
        return True

    def not_started(self, reason: str) -> None:
        """Have it known that it does not run, though it should."""
        self._gone(reason)

    def follow(self) -> asyncio.Event:
        """Return an event that is set whenever the log has grown, and at the end; give it back to ``unfollow``.

        Each follower has its own: one that clears it must not make another miss the end."""
        grown = asyncio.Event()
        self._followers.add(grown)
        if self._link is not None and len(self._followers) == 1:
            self._link.watch(log=True)
        return grown

    def unfollow(self, grown: asyncio.Event) -> None:
        """Forget a follower; the keeper tells of growth only while there are any."""
        self._followers.discard(grown)
        if self._link is not None and not self._followers:
            self._link.watch(log=False)

    def save(self, **changes: object) -> None:
        """Change the record and write it."""
        self.record = msgspec.structs.replace(self.record, **changes)
        write_atomic(self.folder / RECORD_FILE, msgspec.json.encode(self.record))

    # --- what it says -----------------------------------------------------------------------------------

    async def sample(self) -> None:
        """Ask the miner; never raises: what went wrong becomes its state."""
        if not self.is_up:
            return
        if self._facts is not None and is_stopped(self._facts.pid):
            self._set(MinerState.UNRESPONSIVE, "The process is stopped (SIGSTOP): it hashes nothing until SIGCONT.")
            return
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                reading = await self.adapter.read(self.record.api, log=self.log)
        except (MinerCtrlError, TimeoutError) as error:
            await self._missed(error)
            return
        if await self._is_answered_for(self._reading is None):
            self._answered_for = True
            self._set(
                MinerState.UNRESPONSIVE, f"A program of another user answers on its API's port {self.record.api.port}."
            )
            return
        reason = reading.reason
        if reading.pool_connected is False and reason:
            words = await asyncio.to_thread(pool_words, self.log)
            reason = f"{reason} {words}".strip()
        if self.is_up:
            self._reading, self._sampled_ms = reading, self._now_ms()
            self._memory_kills = memory_kills()
            self._set(reading.state, one_line(reason, 900))

    async def port_is_taken(self) -> bool:
        """Return whether another program has its API's port: it has said so, or another user's answers in its place."""
        return self._reading is None and (self._answered_for or await asyncio.to_thread(api_port_taken, self.log))

    async def _is_answered_for(self, first: bool) -> bool:
        """Whether its first answer came from another user's program. One look is enough: while it has the port, it
        keeps it."""
        return first and await asyncio.to_thread(answers_for_another, self.record.api.port)

    @property
    def reading(self) -> Reading | None:
        """What it said last, while that is true."""
        return self._reading if self.state in (MinerState.MINING, MinerState.PAUSED, MinerState.STARTING) else None

    @property
    def reason(self) -> str:
        """What is wrong with it, by what was seen; one sentence or empty."""
        return self._reason

    @property
    def log_lost_bytes(self) -> int:
        """How much of its log the disk did not take."""
        return self._facts.log_lost_bytes if self._facts else 0

    def stats(self) -> MinerStats:
        """Return the miner as it was when it was last asked, in its present state."""
        reading = self._reading or Reading(state=self.state)
        live = self.reading is not None
        facts, record = self._facts, self.record
        profile = record.profile
        return MinerStats(
            name=record.name,
            type=self.adapter.type,
            state=self.state,
            sampled_at_ms=self._sampled_ms,
            version=reading.version,
            hashrate_hps=reading.hashrates_hps.s10 if live else None,
            hashrates_hps=reading.hashrates_hps if live else None,
            threads_hps=reading.threads_hps if live else (),
            devices=reading.devices if live else (),
            accepted=reading.accepted,
            rejected=reading.rejected,
            stale=reading.stale,
            invalid=reading.invalid,
            uptime_s=self._uptime_s(),
            pool=reading.pool,
            pool_ping_ms=reading.pool_ping_ms,
            pool_failures=reading.pool_failures,
            algorithm=reading.algorithm,
            difficulty=reading.difficulty,
            huge_pages=reading.huge_pages if live else None,
            msr=reading.msr if live else None,
            profile_id=profile.id,
            profile_name=profile.name,
            profile_hash=self.content_hash,
            pid=facts.pid if facts and self.state.alive else None,
            exit_code=facts.exit_code if facts and not self.state.alive else None,
            reason=self.remark or self._reason,
            adopted=record.adopted,
            part=record.part,
            wanted=record.wanted,
            resume_at_ms=record.resume_at_ms,
            watch=self.watch,
        )

    @property
    def content_hash(self) -> str:
        """That of its profile; reckoned once for each."""
        if self._hashed is None or self._hashed[0] is not self.record.profile:
            self._hashed = (self.record.profile, self.record.profile.content_hash)
        return self._hashed[1]

    @property
    def is_up(self) -> bool:
        """Whether its process lives and is not about to end."""
        return self.state.alive and self.state is not MinerState.STOPPING

    def _uptime_s(self) -> int:
        if self._facts is None:
            return 0
        return max(0, ((self._facts.ended_ms or self._now_ms()) - self._facts.started_ms) // 1000)

    async def _missed(self, error: MinerCtrlError | TimeoutError) -> None:
        if self._reading is None and await self.port_is_taken():
            self._set(MinerState.UNRESPONSIVE, f"Another program has its API's port {self.record.api.port}.")
            return
        if self.state is MinerState.STARTING and self._uptime_s() < STARTS_WITHIN_S:
            return
        if self.is_up:
            why = error.message if isinstance(error, MinerCtrlError) else f"no answer within {READ_WITHIN_S:g} s"
            self._set(MinerState.UNRESPONSIVE, one_line(f"The process lives, but its API fails: {why}", 500))

    # --- its end ----------------------------------------------------------------------------------------

    def _heard(self, facts: KeeperFacts) -> None:
        grew = self._facts is None or facts.log_end > self._facts.log_end
        self._facts = facts
        if facts.ended_ms is not None:
            self._has_ended(facts)
        if grew:
            self._wake_followers()

    def _keeper_gone(self) -> None:
        self._link = None
        if not self._ended.is_set():
            self._rejoining = asyncio.get_running_loop().create_task(self._rejoin(), name=f"rejoin-{self.record.name}")

    async def _rejoin(self) -> None:
        """The connection broke: a keeper that lives is called again, and of one that does not, the end is found."""
        if not await self._connect_again():
            self._read_end_from_disk()

    def _read_end_from_disk(self) -> None:
        facts = self._facts_on_disk()
        if facts is None:
            self.fell_unseen = True
            self._gone("It was never started, or its state file is gone.")
            return
        self._facts = facts
        if facts.ended_ms is not None:
            self._has_ended(facts)
            return
        if process_start(facts.pid) == facts.start != 0:
            with suppress(ProcessLookupError, PermissionError):
                end_process_group(facts.pid)
            self.fell_unseen = True
            self._gone("Its keeper was killed, so it was ended too.")
        else:
            self.fell_unseen = True
            self._gone("It ended unseen: the machine was restarted, or its keeper was killed.")

    def _facts_on_disk(self) -> KeeperFacts | None:
        try:
            return msgspec.json.decode((self.folder / STATE_FILE).read_bytes(), type=KeeperFacts)
        except (OSError, msgspec.DecodeError):
            return None

    def _has_ended(self, facts: KeeperFacts) -> None:
        if facts.asked and (self._stopping or self.record.stopped):
            self._end(MinerState.STOPPED, "")
            return
        if facts.asked:
            self.fell_unseen = True
            self._gone("It was ended from outside: its keeper was told to end, as at a shutdown.")
            return
        words = self.log.last_words()
        self._gone(
            _how_it_ended(facts, memory_kills() - self._memory_kills) + (f" Its last words: {words}" if words else "")
        )

    def _gone(self, reason: str) -> None:
        self._end(MinerState.CRASHED, one_line(reason, 900))

    def _end(self, state: MinerState, reason: str) -> None:
        self._ended.set()
        self._wake_followers()
        self._set(state, reason)

    def _wake_followers(self) -> None:
        for grown in self._followers:
            grown.set()

    def _set(self, state: MinerState, reason: str) -> None:
        if (state, reason) != (self.state, self._reason):
            self.state, self._reason = state, reason
            self._changed()


def _how_it_ended(facts: KeeperFacts, killed_for_memory: int) -> str:
    if facts.signal == SIGKILL and killed_for_memory > 0:
        return "The machine ran out of memory: the kernel has killed it, as it seems (signal 9)."
    if facts.signal == SIGKILL:
        return f"It was killed by {signal_name(SIGKILL)}."
    if facts.signal is not None:
        return f"It crashed: ended by {signal_name(facts.signal)}."
    return f"It ended by itself with exit code {facts.exit_code}."
