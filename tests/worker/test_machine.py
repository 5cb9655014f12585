"""The watch: its readings go on whatever a driver does."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from miner_ctrl.model.machine import GpuStats, Hardware
from miner_ctrl.model.rig import RigSettings
from miner_ctrl.telemetry import GpuReading, StatsReader
from miner_ctrl.worker import machine as machine_module
from miner_ctrl.worker.machine import MachineWatch
from tests.telemetry.trees import RYZEN, amd_gpu, plant


class Driver(StatsReader):
    """A GPU driver that answers, hangs or fails, over a machine that is there."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.answers = threading.Event()
        self.answers.set()
        self.error: Exception | None = None
        self.asked = 0

    def may_have_gpus(self) -> bool:
        return True

    def read_gpus(self) -> GpuReading:
        self.asked += 1
        self.answers.wait()
        if self.error is not None:
            raise self.error
        return GpuReading((GpuStats(index=0, temperature_c=60.0),))


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def watch_of(tmp_path: Path, reader: StatsReader, clock: Clock) -> MachineWatch:
    return MachineWatch(tmp_path, settings=RigSettings(disk_reserve_bytes=0), clock=clock, reader=reader)


async def test_it_reads_at_once_and_goes_on(tmp_path: Path) -> None:
    reader = StatsReader(plant(tmp_path, {**RYZEN, **amd_gpu()}))
    watch = MachineWatch(tmp_path, settings=RigSettings(sample_every_s=1), clock=Clock(), reader=reader)
    assert watch.facts() == (None, (), "", False)
    read = asyncio.Queue[None]()
    watch.on_read = lambda: read.put_nowait(None)
    watch.start()
    try:
        async with asyncio.timeout(30):
            await read.get()
            await read.get()
    finally:
        await watch.close()
    assert watch.stats is not None
    assert watch.stats.cpu_temperature_c == 71.125
    assert watch.stats.gpus[0].temperature_c == 61.0


async def test_a_driver_that_hangs_holds_up_nothing_and_becomes_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_module, "ANSWERS_WITHIN_S", 0.01)
    driver, clock = Driver(plant(tmp_path, RYZEN)), Clock()
    watch = watch_of(tmp_path, driver, clock)
    while watch.stats is None or not watch.stats.gpus:
        await watch.tick()
    asked = driver.asked
    driver.answers.clear()
    try:
        await watch.tick()
        assert watch.stats.cpu_temperature_c == 71.125
        assert not watch.problems
        clock.now_s = 61
        await watch.tick()
        await watch.tick()
        assert list(watch.problems) == ["The GPUs' driver has stopped answering: restart the rig."]
        assert not watch.stats.gpus
        assert driver.asked == asked + 1, "one question is open, never a second one"
        await watch.close()
    finally:
        driver.answers.set()
    async with asyncio.timeout(30):
        while watch.problems:
            await watch.tick()
    assert watch.stats.gpus[0].temperature_c == 60.0


async def test_a_reading_that_fails_is_not_the_last(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    driver = Driver(plant(tmp_path, RYZEN))
    driver.error = RuntimeError("nothing foresaw this")
    watch = MachineWatch(tmp_path, settings=RigSettings(sample_every_s=1), clock=Clock(), reader=driver)
    read = asyncio.Event()
    watch.on_read = read.set
    watch.start()
    try:
        async with asyncio.timeout(30):
            while "nothing foresaw this" not in caplog.text:  # noqa: ASYNC110 - the log has no event to wait for
                await asyncio.sleep(0.01)
            driver.error = None
            await read.wait()
    finally:
        await watch.close()


async def test_hardware_is_read_once_and_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_module, "HARDWARE_WITHIN_S", 0.05)
    go = threading.Event()
    calls: list[int] = []

    def read() -> Hardware:
        calls.append(1)
        go.wait()
        return Hardware(cpu="slow")

    watch = MachineWatch(
        tmp_path, settings=RigSettings(), clock=Clock(), reader=StatsReader(tmp_path), read_hardware=read
    )
    try:
        assert await watch.hardware() is None
    finally:
        go.set()
    async with asyncio.timeout(30):
        while (found := await watch.hardware()) is None:
            pass
    assert (found.cpu, len(calls)) == ("slow", 1)


async def test_what_begins_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = RigSettings(disk_reserve_bytes=2**52)
    watch = MachineWatch(tmp_path, settings=settings, clock=Clock(), reader=StatsReader(plant(tmp_path, RYZEN)))
    for _ in range(3):
        await watch.tick()
    assert len(watch.problems) == 1
    assert caplog.text.count("logs and state cannot be kept") == 1
