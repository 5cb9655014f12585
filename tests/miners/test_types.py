"""The types that a profile can be written for, as its editor is told."""

from __future__ import annotations

from miner_ctrl.miners.adapters import default_adapters
from miner_ctrl.miners.previews import Previews


def test_each_type_says_which_fields_it_heeds() -> None:
    types = {each.name: each for each in Previews(default_adapters).types()}
    assert {"xmrig", "tt-miner", "simulated"} <= types.keys()
    assert [name for name, each in types.items() if each.simulated] == ["simulated"]
    assert {"pool", "wallet", "hugePages", "gpuPool"} <= set(types["xmrig"].fields)
    assert "hugePages" not in types["tt-miner"].fields
    assert all(each.description for each in types.values())
