"""The agent's process: ``python -m miner_ctrl.agent HOME OPTIONS``. ``node serve`` becomes it.

It begins anew, without the command line: what a rig's agent has loaded it holds for years. ``HOME`` is the home's
directory, empty for the usual one; ``OPTIONS`` a JSON object: what ``run.serve`` takes, and ``json`` and ``debug``, how
errors are told.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from miner_ctrl.late import put_off

if TYPE_CHECKING:
    from miner_ctrl.config import ApiSettings, Home

WAIT_FOR_HOME_S = 10.0
POLL_S = 0.05


def become(home_dir: str | None, **options: object) -> int:
    """Go on as the agent, in this process; on Windows, where none can become another, run it. Returns its exit code."""
    words = [home_dir or "", json.dumps(options)]
    if sys.platform != "win32":
        _replace_this_process([sys.executable, "-P", "-m", "miner_ctrl.agent", *words])
    return run(words)


def words_of(api: ApiSettings | None) -> object:
    """Return the settings of the API's port as JSON has them."""
    import msgspec  # noqa: PLC0415 - after what is put off

    return msgspec.to_builtins(api, enc_hook=str)


def _settings_of(words: object) -> ApiSettings | None:
    import msgspec  # noqa: PLC0415 - see words_of

    from miner_ctrl.config import ApiSettings  # noqa: PLC0415 - within the boundary

    return msgspec.convert(words, ApiSettings | None, dec_hook=lambda kind, word: kind(word))


def _replace_this_process(command: list[str]) -> None:
    """Go on as ``command``, with this process's ID; does not return."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)  # noqa: S606 - without a shell, for nothing of it is a shell's


def run(words: Sequence[str]) -> int:
    """Run the agent until it is told to stop, and return its exit code."""
    home_dir, options = words[0] or None, json.loads(words[1])
    told: dict[str, bool] = {key: options.pop(key, False) for key in ("json", "debug")}
    try:
        from miner_ctrl.config import Home  # noqa: PLC0415 - within the boundary

        home = Home.resolve(home_dir)
        put_off(rig=_is_rig(home))
        return _serve(home, options)
    except BaseException as error:  # noqa: BLE001 - the one boundary: whatever ends the agent is told in its way
        from miner_ctrl.cli.run import ended_by  # noqa: PLC0415 - an agent that runs has no command line

        return ended_by(error, as_json=told["json"], debug=told["debug"])


def _serve(home: Home, options: dict[str, Any]) -> int:
    from miner_ctrl.errors import HomeInUse  # noqa: PLC0415 - see run
    from miner_ctrl.run import serve  # noqa: PLC0415 - after what is put off

    options["api"] = _settings_of(options.get("api"))
    deadline = time.monotonic() + WAIT_FOR_HOME_S
    while True:
        try:
            return serve(home, **options)
        except HomeInUse:
            from miner_ctrl.cli.local_node import is_served  # noqa: PLC0415 - only then

            if time.monotonic() > deadline or is_served(home):
                raise
            time.sleep(POLL_S)  # another command has the home, for as long as it takes


def _is_rig(home: Home) -> bool:
    """Return whether the node of ``home`` is a worker; what cannot be read is told by those who need it."""
    try:
        said = json.loads(home.node_file.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.get("role") == "worker"


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
