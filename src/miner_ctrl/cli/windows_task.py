"""The task for Windows' Task Scheduler that serves a node, as text. Pure. Untested on Windows."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from xml.sax.saxutils import escape

NAME = "miner-ctrl"
WHY_NO_SERVICE = (
    "A Windows service would take its miners with it when it stops; a task that ends by itself leaves them running. "
    "`End task` in the Task Scheduler can end its children too: end the process python.exe of miner-ctrl instead."
)


def task_file(command: Sequence[str]) -> str:
    """Return the task's XML. What ``schtasks /Create`` alone cannot say is in it: no end after 72 hours, none on
    battery, a new start after a crash."""
    program, arguments = escape(command[0]), escape(subprocess.list2cmdline(list(command[1:])))
    return f"""\
<?xml version="1.0"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>miner-ctrl</Description></RegistrationInfo>
  <Triggers><BootTrigger><Enabled>true</Enabled></BootTrigger></Triggers>
  <Principals>
    <Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec><Command>{program}</Command><Arguments>{arguments}</Arguments></Exec>
  </Actions>
</Task>
"""


def create_command(file: str) -> str:
    """Return the command line that registers the task in ``file``, for an administrator's prompt."""
    return subprocess.list2cmdline(["schtasks", "/Create", "/TN", NAME, "/XML", file, "/F"])
