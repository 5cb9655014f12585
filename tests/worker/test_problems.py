"""What is wrong with a rig: said once it is sure, unsaid once it is over, and quiet in between."""

from __future__ import annotations

from typing import Any

import pytest

from miner_ctrl.model.machine import GpuStats, MachineStats
from miner_ctrl.model.miners import MAX_PROBLEMS, HugePages, MinerState, MinerStats
from miner_ctrl.model.rig import RigSettings, WatchdogSettings
from miner_ctrl.worker.problems import Problems, Sight

MB = 1024 * 1024
SETTINGS = RigSettings(
    disk_reserve_bytes=256 * MB, watchdog=WatchdogSettings(cpu_limit_c=95.0, gpu_limit_c=90.0, cool_by_c=10.0)
)


def sight(machine: MachineStats | None = None, **more: Any) -> Sight:
    return Sight(machine=machine or MachineStats(), data_dir="/srv/rig/data", **more)


def counts(problems: Problems, *sights: Sight) -> list[int]:
    return [len(problems.see(each)) for each in sights]


def free(mb: float) -> Sight:
    return sight(MachineStats(disk_free_bytes=int(mb * MB)))


def cpu(temperature_c: float | None) -> Sight:
    return sight(MachineStats(cpu_temperature_c=temperature_c))


def pages(got: int, state: MinerState = MinerState.MINING) -> Sight:
    miner = MinerStats(name="xmrig-1", type="xmrig", state=state, huge_pages=HugePages(got, 1168), algorithm="rx/0")
    return sight(miners=[miner])


def test_a_full_disk_is_said_at_once_and_until_there_is_room_again() -> None:
    problems = Problems(SETTINGS)
    assert problems.see(free(12)) == (
        "The disk that holds /srv/rig/data has 12 MB left: logs and state cannot be kept; free some.",
    )
    assert counts(problems, free(300), free(255), free(310), free(319)) == [1, 1, 1, 1], "a little room is not enough"
    assert counts(problems, free(321), free(300)) == [0, 0]
    assert counts(problems, sight()) == [0], "what is not known is no problem"


def test_the_sentence_has_the_newest_figure_and_is_begun_once() -> None:
    problems = Problems(SETTINGS)
    problems.see(free(12))
    assert problems.begun == (
        "The disk that holds /srv/rig/data has 12 MB left: logs and state cannot be kept; free some.",
    )
    assert "has 7 MB left" in problems.see(free(7))[0]
    assert not problems.begun


@pytest.mark.parametrize(
    ("temperatures", "said"),
    [
        ([96, 96], [0, 1]),
        ([96, 94, 96, 94, 96], [0, 0, 0, 0, 0]),
        ([96, 96, 94, 90, 86, 96, 84, 84], [0, 1, 1, 1, 1, 1, 1, 0]),
        ([96, 96, 84, 86, 84, 84], [0, 1, 1, 1, 1, 0]),
        ([95, 95, 95], [0, 0, 0]),
        ([96, 96, None, None], [0, 1, 1, 0]),
    ],
)
def test_a_temperature_does_not_flap(temperatures: list[float | None], said: list[int]) -> None:
    assert counts(Problems(SETTINGS), *map(cpu, temperatures)) == said


def test_each_gpu_is_a_problem_of_its_own() -> None:
    problems = Problems(SETTINGS)
    hot = MachineStats(gpus=(GpuStats(index=0, name="RTX 3080", temperature_c=93), GpuStats(index=1, temperature_c=50)))
    problems.see(sight(hot))
    assert problems.see(sight(hot)) == ("GPU 0 (RTX 3080) has 93 °C, its limit is 90 °C: see to its fans.",)


def test_without_a_limit_nothing_is_too_hot() -> None:
    settings = RigSettings(watchdog=WatchdogSettings(cpu_limit_c=None, gpu_limit_c=None))
    hot = sight(MachineStats(cpu_temperature_c=120, gpus=(GpuStats(index=0, temperature_c=120),)))
    assert counts(Problems(settings), hot, hot, hot) == [0, 0, 0]


def test_a_lost_gpu_is_said_when_it_is_lost_twice_in_a_row() -> None:
    lost = sight(gpu_problems=("GPU 0 is lost.",))
    assert counts(Problems(SETTINGS), lost, sight(), lost, lost, sight(), sight()) == [0, 0, 0, 1, 1, 0]


def test_a_read_only_file_system_is_said_at_once() -> None:
    problems = Problems(SETTINGS)
    assert "takes no writes" in problems.see(sight(read_only=True))[0]
    assert counts(problems, sight(), sight()) == [1, 0]


def test_missing_huge_pages_are_a_miners_that_mines_and_wants_them() -> None:
    problems = Problems(SETTINGS)
    assert counts(problems, pages(0), pages(0), pages(1168), pages(1168)) == [0, 1, 1, 0]
    assert "xmrig-1 got 0 of the 1168 huge pages" in [problems.see(pages(0)), problems.see(pages(0))][1][0]
    starting = pages(0, MinerState.STARTING)
    assert counts(Problems(SETTINGS), starting, starting, starting) == [0, 0, 0]
    assert counts(Problems(SETTINGS), pages(1160), pages(1160)) == [0, 0], "a few less are spread thin"


def test_no_aes_counts_where_something_mines_that_needs_it() -> None:
    miners = pages(1168).miners
    without = sight(miners=miners, has_aes=False)
    problems = Problems(SETTINGS)
    assert counts(problems, without, without) == [0, 1]
    assert "no AES instructions: rx/0" in problems.see(without)[0]
    for well in (sight(miners=miners, has_aes=True), sight(miners=miners, has_aes=None), sight(has_aes=False)):
        assert counts(Problems(SETTINGS), well, well) == [0, 0]


def test_there_are_never_more_than_the_wire_takes() -> None:
    many = sight(gpu_problems=tuple(f"GPU {index} is lost." for index in range(64)))
    problems = Problems(SETTINGS)
    assert counts(problems, many, many) == [0, MAX_PROBLEMS]
