"""``--target`` and ``--exclude``: patterns of addresses and labels -> the part of the fleet that a plan is about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from fleethub.model.address import Address
from fleethub.model.errors import InputError
from fleethub.model.fleet import Fleet
from fleethub.model.plan import Plan, Scope

ALLOWED = "an address (node.volta), a pattern (node.v*, '*.main.*'), a bare name (volta), or @LABEL or @LABEL=VALUE"
MANY = 4  # names that a line shows


def scope_of(targets: Sequence[str], excludes: Sequence[str], fleet: Fleet, known: Collection[Address]) -> Scope:
    """What the patterns name among the ``known`` addresses; raises InputError for one that names nothing."""
    out = frozenset(a for text in excludes for a in _named(text, "--exclude", fleet, known))
    if not targets:
        return Scope(None, out)
    return Scope(frozenset(a for text in targets for a in _named(text, "--target", fleet, known)), out)


def scope_notes(scope: Scope, plan: Plan) -> Iterable[str]:
    """What the plan takes along beside what was named, and what it leaves out."""
    if plan.left_out is None:
        return
    along = [c.address for c in plan.changes if scope.targets is not None and c.address not in scope.targets]
    if along:
        yield f"taken along, for a target needs it: {_listed(along)}"
    if plan.left_out:
        yield f"left out: {_listed(plan.left_out)}; fleethub plan shows the whole fleet"


def _named(text: str, option: str, fleet: Fleet, known: Collection[Address]) -> list[Address]:
    found = _labelled(text[1:], fleet, known) if text.startswith("@") else _matching(text, known)
    if not found:
        nodes = sorted(a.name for a in known if a.kind == "node")
        there = f"; the nodes are {_listed(nodes)}" if nodes else ""
        raise InputError(f"{option} {text} names nothing{there}. It is {ALLOWED}")
    return found


def _matching(text: str, known: Iterable[Address]) -> list[Address]:
    """By the whole address; a word without a dot is a node's name."""
    pattern = text if "." in text else f"node.{text}"
    return [a for a in known if str(a) == pattern or fnmatchcase(str(a), pattern)]


def _labelled(text: str, fleet: Fleet, known: Iterable[Address]) -> list[Address]:
    """By a label of the block that a thing comes from: a node's, a key's, or for a route its model's."""
    name, equals, value = text.partition("=")

    def has(labels: Mapping[str, str]) -> bool:
        return name in labels and (not equals or labels[name] == value)

    blocks = {"node": fleet.nodes, "key": fleet.keys, "route": fleet.models}
    return [a for a in known if (block := blocks.get(a.kind, {}).get(a.alias)) is not None and has(block.labels)]


def _listed(things: Sequence[object]) -> str:
    return ", ".join(map(str, things[:MANY])) + (f" and {len(things) - MANY} more" if len(things) > MANY else "")
