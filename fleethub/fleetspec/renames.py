"""``[[moved]]``: which node or consumer was renamed to which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fleethub.fleetspec import report
from fleethub.fleetspec.schema import Spec
from fleethub.fleetspec.tables.fleet import MovedTable
from fleethub.model.address import Address
from fleethub.model.finding import Finding
from fleethub.model.written import KeyPath

if TYPE_CHECKING:
    from fleethub.fleetspec.checks import CheckContext

#: What may be renamed: how its address begins -> the group of the spec that it stands in.
GROUPS = {"node": "nodes", "consumer": "consumers"}
#: What may not, by how its address begins -> how it gets another name.
OTHERS = {
    "model": "an alias needs none: once the proxy has the new name beside the old one, an apply widens the keys, tells "
    "the nodes, and narrows the keys; then the old name may go from the proxy",
    "key": "a key is renamed with the node or consumer that has its name",
    "proxy": "a proxy keeps its name, for the values of its keys are derived from it",
    "backend": "a backend needs none: nothing hangs on its name",
}


def check_moved(context: CheckContext) -> Iterator[Finding]:
    """Both are nodes, or consumers; the new one is in the spec, the old one is not, and each is named once."""
    seen: set[str] = set()
    for number, moved in enumerate(context.spec.moved):
        path: KeyPath = ("moved", number)
        for part, text in (("from", moved.old), ("to", moved.new)):
            kind = text.partition(".")[0]
            if kind not in GROUPS or not text.partition(".")[2]:
                hint = OTHERS.get(kind, "[[moved]] is for nodes and consumers: node.NAME, consumer.NAME")
                yield context.finding("spec.value", f"{report.shown(text)} is no node or consumer", (*path, part), hint)
            elif text in seen:
                hint = "one block says all of it: from the name that was applied, to the one that the spec has"
                yield context.finding("spec.duplicate", f"{text} is in another [[moved]] too", (*path, part), hint)
            seen.add(text)
        if moved.old.partition(".")[0] != moved.new.partition(".")[0]:
            hint = "take the one out in one apply, and add the other in the next"
            message = f"{report.shown(moved.old)} cannot become {report.shown(moved.new)}: a rename stays of its kind"
            yield context.finding("spec.value", message, (*path, "to"), hint)
            continue
        kind, _, old = moved.old.partition(".")
        new = moved.new.partition(".")[2]
        group = GROUPS.get(kind)
        if group is None:
            continue
        if old in context.defined[group]:
            hint = f"take this [[moved]] out if it is done; before that no other {kind} can be called {old}"
            yield context.finding("spec.value", f"{moved.old} is in the spec", (*path, "from"), hint)
        if new and new not in context.defined[group] and context.complete:
            hint = f"take this [[moved]] out if it is done; {report.nearest(new, context.defined[group], kind)}"
            yield context.finding("spec.reference", f"there is no {kind} {report.shown(new)}", (*path, "to"), hint)


def renamed(spec: Spec) -> dict[Address, Address]:
    """Old address -> new address."""
    return dict(map(_addresses, spec.moved))


def _addresses(moved: MovedTable) -> tuple[Address, Address]:
    old, new = (Address(*text.split(".", 1)) for text in (moved.old, moved.new))
    return old, new
