"""What a spec would say for a key to be wanted as somebody's hand left it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fleethub.kinds.key.attributes import GIVEN, NOTHING, KeyState
from fleethub.kinds.key.describe import drifted
from fleethub.kinds.key.marks import is_moment
from fleethub.kinds.key.scope import wiring
from fleethub.kinds.values import Acceptance
from fleethub.model.attributes import plain
from fleethub.model.fleet import Fleet
from fleethub.model.serving import LIMITS, Key

#: LiteLLM's names of limits -> the spec's.
OURS = {theirs: ours for ours, theirs in LIMITS.items()}
#: Of what no spec says, what is done about it instead.
INSTEAD = {
    "blocked": "unblock it in LiteLLM, or end it: fleethub revoke",
    "value": "its value is FleetHub's",
    "marked": "the mark is FleetHub's",
    "aliases": 'ignore = ["aliases"] leaves it alone',
    "router_settings": 'ignore = ["router_settings"] leaves it alone',
}


def accepted(item: KeyState, fleet: Fleet) -> Acceptance:
    """Limits, routes, tags and a team as they are there; of the scope what the spec's models are."""
    found = drifted(item)
    block = ("keys", item.address.alias)
    if found is None or item.seen is None or item.want is None:
        return Acceptance(block)
    have, there = item.seen.attrs, plain(item.seen.attrs)
    fields: dict[tuple[str, ...], object] = {}
    left: list[tuple[str, str]] = []
    if have.renamed:
        left.append(("alias", f"its alias is the spec's; rename {have.renamed!r} back in LiteLLM"))
    for name in dict.fromkeys(one.path[0] for one in found[1]):
        value = there.get(name)
        if name == "models":
            said, why = _scope(item, fleet)
            fields |= said
            left += [("models", why)] if why else []
        elif name == "expires" and isinstance(value, str) and is_moment(value):
            left.append((name, "a moment is nothing that a spec says; expires is how long a value lives"))
        elif name in OURS or name in GIVEN:
            fields[OURS.get(name, name),] = value
        else:
            left.append((name, INSTEAD.get(name, "it is nothing that a spec says")))
    return Acceptance(block, fields, tuple(left))


def _scope(item: KeyState, fleet: Fleet) -> tuple[dict[tuple[str, ...], object], str]:
    """``models`` of a key that no node uses, else ``also``; or why the spec cannot say it.

    The block is that of the key on every proxy: what it says of another stays, and so does the order.
    """
    there = {*(item.seen.attrs.models if item.seen else ())} - {NOTHING}
    proxy, name = item.address.owner, item.address.alias
    unknown = sorted(model for model in there if model not in fleet.models or fleet.models[model].proxy != proxy)
    if unknown:
        return {}, f"the spec has no model {', '.join(unknown)} of {proxy}"
    block = fleet.keys.get(name) or Key(name=name)

    def said(before: Sequence[str], here: Collection[str]) -> list[str]:
        kept = [model for model in before if model in here or fleet.models[model].proxy != proxy]
        return [*kept, *sorted({*here} - {*kept})]

    users = [node for node in fleet.nodes.values() if node.key == name]
    if not users:
        return ({("models",): said(block.models, there)}, "") if there else ({}, "a key that no node uses has models")
    wired = {model for node in users for model in wiring(fleet, node).get(proxy, ())}
    if lacking := sorted(wired - there):
        return {}, f"{', '.join(node.name for node in users)} needs {', '.join(lacking)}"
    return {("also",): said(block.also, there - wired) or None}, ""
