"""Data as YAML that ``yaml_reader`` reads back as the same: what it would take for something else is quoted."""

from __future__ import annotations

import yaml

from miner_ctrl.profiles.yaml_reader import plain_value


def write_yaml(content: object) -> str:
    """Return ``content``, which JSON could say, as YAML."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=1000)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain_value(text) is text else '"')


_Dumper.add_representer(str, _text)
