"""What the lockfile remembers of keys shows in no finding: so who only judges a spec need not read it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleethub.fleetspec import load
from fleethub.model.address import key as key_address
from fleethub.model.fleet import Fleet
from fleethub.rendering import Renderer, load_schemas, load_templates

ROOT = Path(__file__).parents[2]
FLEETS = sorted(path.parent for path in [*ROOT.glob("examples/*/fleet.toml"), *ROOT.glob("fleets/*/fleet.toml")])


def found(fleet: Fleet) -> list[object]:
    renderer = Renderer(load_templates(Path(fleet.root)), load_schemas(Path(fleet.root)))
    rendered = [renderer.render(fleet, node) for node in fleet.nodes.values()]
    return [([file.path for file in one.files], one.findings) for one in rendered]


@pytest.mark.parametrize("folder", FLEETS, ids=lambda path: path.name)
def test_what_is_remembered_of_keys_changes_no_finding(folder: Path) -> None:
    loaded = load(folder).fleet
    assert loaded is not None
    keys = {key_address(proxy, node.key) for node in loaded.nodes.values() for proxy in loaded.proxies}
    rotated, late = dict.fromkeys(keys, 7), dict.fromkeys(keys, "2026-11-28T00:00:00+00:00")
    born, adopted = dict.fromkeys(keys, key_address("old", "before")), dict.fromkeys(keys, "f" * 64)
    for manage in ("whole", "wiring"):
        nodes = {name: replace(node, manage=manage) for name, node in loaded.nodes.items()}
        fleet = replace(loaded, nodes=nodes)
        fresh = found(fleet)
        assert found(replace(fleet, floors=rotated, births=born, endings=late)) == fresh
        assert found(replace(fleet, floors=rotated, kept=adopted)) == fresh
