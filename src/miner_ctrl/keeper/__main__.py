"""``python -I -S -E .../keeper/__main__.py FOLDER SOCKET``: keep one miner; the launch plan comes on stdin, as JSON.

The plan: ``{"argv": [...], "env": {...}, "log_segment_bytes": N, "log_segments": N}``. FOLDER is the miner's working
directory and gets ``state.json`` and the log; SOCKET is where the keeper answers. One JSON line on stdout says
``{"pid": ...}`` or ``{"error": ...}``; then the process that was started ends, and the keeper goes on by itself.
"""

import os
import sys


def main() -> int:
    sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))
    if sys.platform == "win32":
        from miner_ctrl.keeper.windows import keep  # noqa: PLC0415 - each platform loads its own half
    else:
        from miner_ctrl.keeper.posix import keep  # noqa: PLC0415
    return keep(sys.argv[1], sys.argv[2])


if __name__ == "__main__":
    sys.exit(main())
