"""``[[moved]]``: which node was renamed to which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fleethub.fleetspec import report
from fleethub.fleetspec.schema import Spec
from fleethub.fleetspec.tables.fleet import MovedTable
from fleethub.model.finding import Finding
from fleethub.model.written import KeyPath

if TYPE_CHECKING:
    from fleethub.fleetspec.checks import CheckContext

NODE = "node."
#: What is no node, by how its address begins -> how it gets another name.
OTHERS = {
    "model": "an alias needs none: once the proxy has the new name beside the old one, an apply widens the keys, tells "
    "the nodes, and narrows the keys; then the old name may go from the proxy",
    "key": "a key is renamed with the node that has its name",
    "proxy": "a proxy keeps its name, for the values of its keys are derived from it",
    "backend": "a backend needs none: nothing hangs on its name",
}


def check_moved(context: CheckContext) -> Iterator[Finding]:
    """Both are nodes, the new one is in the spec, the old one is not, and each is named once."""
    seen: set[str] = set()
    for number, moved in enumerate(context.spec.moved):
        path: KeyPath = ("moved", number)
        for part, text in (("from", moved.old), ("to", moved.new)):
            if not text.startswith(NODE) or not text.removeprefix(NODE):
                hint = OTHERS.get(text.partition(".")[0], "[[moved]] is for nodes: node.NAME")
                yield context.finding("spec.value", f"{report.shown(text)} is no node", (*path, part), hint)
            elif text in seen:
                hint = "one block says all of it: from the name that was applied, to the one that the spec has"
                yield context.finding("spec.duplicate", f"{text} is in another [[moved]] too", (*path, part), hint)
            seen.add(text)
        old, new = names(moved)
        if old in context.defined["nodes"]:
            hint = f"take this [[moved]] out if it is done; before that no other node can be called {old}"
            yield context.finding("spec.value", f"{moved.old} is in the spec", (*path, "from"), hint)
        if moved.new.startswith(NODE) and new not in context.defined["nodes"] and context.complete:
            hint = f"take this [[moved]] out if it is done; {report.nearest(new, context.defined['nodes'], 'node')}"
            yield context.finding("spec.reference", f"there is no node {report.shown(new)}", (*path, "to"), hint)


def names(moved: MovedTable) -> tuple[str, str]:
    """The old and the new name."""
    return moved.old.removeprefix(NODE), moved.new.removeprefix(NODE)


def renamed_nodes(spec: Spec) -> dict[str, str]:
    """Old name -> new name."""
    return dict(names(moved) for moved in spec.moved)
