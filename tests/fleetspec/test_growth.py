"""Twice as many nodes are twice the work, counted in calls and not in seconds."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

from fleethub.fleetspec import load
from tests.fleets import fleet


def calls(folder: Path, nodes: int) -> int:
    """Calls of Python's and C's functions that loading a spec of so many nodes takes."""
    made = fleet("http://127.0.0.1:4000").models("one")
    text = made.text + "".join(f'[nodes.n{n}]\nhost = "h{n}"\nmodel = "one"\n' for n in range(nodes))
    (folder / "fleet.toml").write_text(text)
    count = 0

    def seen(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        loaded = load(folder)
    finally:
        sys.setprofile(None)
    assert loaded.fleet is not None
    assert len(loaded.fleet.nodes) == nodes
    return count


def test_loading_a_spec_grows_as_its_nodes_do(tmp_path: Path) -> None:
    calls(tmp_path, 1)  # what is imported or compiled once
    small, middle, large = (calls(tmp_path, nodes) for nodes in (50, 250, 450))
    assert (large - middle) / (middle - small) < 1.05
