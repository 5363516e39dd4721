"""Twice as many nodes are twice the work, counted in calls and not in seconds."""

from __future__ import annotations

import sys
from types import FrameType

from tests.fleets import fleet
from tests.world import plan, settled


def calls(nodes: int) -> int:
    """Calls of Python's and C's functions that an empty plan of so many nodes with a key each takes."""
    spec = fleet().models("one", "two")
    for n in range(nodes):
        spec = spec.node(f"n{n}", "one")
    world, count = settled(spec), 0

    def seen(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        made = plan(world, spec)
    finally:
        sys.setprofile(None)
    assert made.changes == ()
    return count


def test_a_plan_grows_as_its_nodes_do() -> None:
    calls(1)  # what is imported or compiled once
    small, middle, large = (calls(nodes) for nodes in (10, 60, 110))
    assert (large - middle) / (middle - small) < 1.05
