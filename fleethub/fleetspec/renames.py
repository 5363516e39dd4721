"""``[[moved]]``: what was renamed to what, and blocks of keys that nobody has, as a rename leaves them behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fleethub.fleetspec import report
from fleethub.fleetspec.schema import Spec
from fleethub.model.address import CALLERS, Address, successor
from fleethub.model.finding import Finding
from fleethub.model.text import table_name
from fleethub.model.written import KeyPath

if TYPE_CHECKING:
    from fleethub.fleetspec.checks import CheckContext
    from fleethub.fleetspec.merge import MergedNode

#: What may be renamed: how its address begins -> the group of the spec that it stands in.
GROUPS = {"node": "nodes", "consumer": "consumers", "proxy": "proxies", "backend": "backends", "key": "keys"}
NAMED = ", ".join(f"{kind}.NAME" for kind in GROUPS)
#: What may not -> how it gets another name.
OTHERS = {
    "model": "an alias needs none: once the proxy has the new name beside the old one, an apply widens the keys, tells "
    "the nodes, and narrows the keys; then the old name may go from the proxy",
}


def check_moved(context: CheckContext, nodes: Sequence[MergedNode]) -> Iterator[Finding]:
    """Both are of one kind; what the names lead to is in the spec, the old ones are not; each has one new name."""
    chain = {moved.old: moved.new for moved in context.spec.moved}
    round_ = _back_to_itself(chain)
    olds: set[str] = set()
    news: set[str] = set()
    for number, moved in enumerate(context.spec.moved):
        path: KeyPath = ("moved", number)
        wrong = list(_unfit(context, path, moved.old, moved.new))
        for part, text, seen in (("from", moved.old, olds), ("to", moved.new, news)):
            if text in seen:
                hint = "one that was given twice is two blocks, from the first to the second and from that to the last"
                wrong.append(
                    context.finding("spec.duplicate", f"{text} is in another [[moved]] too", (*path, part), hint)
                )
            seen.add(text)
        yield from wrong
        if wrong:
            continue
        kind, _, old = moved.old.partition(".")
        known = _known(context, kind, nodes)
        if old in known:
            hint = f"take this [[moved]] out if it is done; before that no other {kind} can be called {old}"
            yield context.finding("spec.value", f"{moved.old} is in the spec{known[old]}", (*path, "from"), hint)
        if moved.old in round_:
            hint = "leave out the one whose new name is not that of the spec; two names are swapped over a third one, "
            hint += "which the spec has meanwhile, an apply for each step"
            yield context.finding("spec.value", f"{moved.old} leads back to itself", (*path, "to"), hint)
        new = moved.new.partition(".")[2]
        if new not in known and moved.new not in chain and context.complete:
            hint = f"take this [[moved]] out if it is done; {report.nearest(new, known, kind)}"
            yield context.finding("spec.reference", f"there is no {kind} {report.shown(new)}", (*path, "to"), hint)


def _unfit(context: CheckContext, path: KeyPath, old: str, new: str) -> Iterator[Finding]:
    """Addresses of what has no ``[[moved]]``, or of two kinds, or twice the same."""
    for part, text in (("from", old), ("to", new)):
        kind, _, name = text.partition(".")
        if successor(Address(kind, name)) is not None:
            hint = "an apply gives it to what is left behind, and takes it down"
            message = f"{report.shown(text)} is the name of an old place"
            yield context.finding("spec.value", message, (*path, part), hint)
        elif kind not in GROUPS or not name:
            hint = OTHERS.get(kind, f"[[moved]] is for {NAMED}")
            yield context.finding(
                "spec.value", f"{report.shown(text)} is nothing that is renamed so", (*path, part), hint
            )
    if old.partition(".")[0] != new.partition(".")[0]:
        hint = "take the one out in one apply, and add the other in the next"
        message = f"{report.shown(old)} cannot become {report.shown(new)}: a rename stays of its kind"
        yield context.finding("spec.value", message, (*path, "to"), hint)
    elif old == new:
        hint = "from is the name that was applied, to the one that the spec has"
        yield context.finding("spec.value", f"{report.shown(old)} is renamed to itself", (*path, "to"), hint)


def _known(context: CheckContext, kind: str, nodes: Sequence[MergedNode]) -> Mapping[str, str]:
    """The names of a kind, each with where it is said, where that is no block of its own."""
    found = dict.fromkeys(context.defined[GROUPS[kind]], "")
    if kind == "key":
        for node in nodes:
            found.setdefault(_key_of(node), f": it is that of {str(node.layers[0][0])[:-1]}.{node.name}")
    return found


def _key_of(node: MergedNode) -> str:
    return str(node.values.get("key") or node.name)


def unused_keys(context: CheckContext, nodes: Sequence[MergedNode]) -> Iterator[Finding]:
    """Blocks of keys that name no models and that no node has, of a spec without errors: what they say is nobody's."""
    used = {*map(_key_of, nodes)}
    chain = {moved.old: moved.new for moved in context.spec.moved}
    for name, block in context.spec.keys.items():
        if name in used or block.models or block.also:
            continue
        message = f"no node has the key {report.shown(name)}, and its block names no models: what it says is nobody's"
        last = (_last(chain, f"{kind}.{name}") or "" for kind in (*CALLERS, "key"))
        now = next((new for one in last if (new := one.partition(".")[2]) in used - {*context.spec.keys}), "")
        if now:
            hint = f"it was renamed: write [keys.{table_name(now)}] here, or its limits go with the old name"
        else:
            hint = f"take [keys.{table_name(name)}] out, or give a node this key (key = on it)"
        yield context.finding("key.unused", message, ("keys", name), hint)


def _back_to_itself(chain: Mapping[str, str]) -> set[str]:
    """The names that lead to no end; each is looked at once, for a spec may have thousands in a row."""
    ends: dict[str, bool] = {}
    for name in chain:
        way: dict[str, None] = {}
        while name in chain and name not in ends and name not in way:
            way[name] = None
            name = chain[name]
        ends |= dict.fromkeys(way, ends.get(name, name not in way))
    return {name for name, end in ends.items() if not end}


def _last(chain: Mapping[str, str], name: str) -> str | None:
    """Where a name leads in the end; None: back to itself."""
    seen: set[str] = set()
    while name in chain:
        if name in seen:
            return None
        seen.add(name)
        name = chain[name]
    return name


def renamed(spec: Spec) -> dict[Address, Address]:
    """Old address -> the one that the spec has in the end; of names that lead to one, the later first."""
    chain = {moved.old: moved.new for moved in spec.moved}
    found: dict[Address, Address] = {}
    before = {new: old for old, new in chain.items()}
    for last in sorted(chain.values() - chain.keys()):
        name = last
        while name in before:
            name = before[name]
            found[_address(name)] = _address(last)
    return found


def _address(text: str) -> Address:
    return Address(*text.split(".", 1))
