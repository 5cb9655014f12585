"""``python -m miner_ctrl``: the same as the console script ``miner-ctrl``."""

from __future__ import annotations

from miner_ctrl.cli import main

if __name__ == "__main__":
    main()
