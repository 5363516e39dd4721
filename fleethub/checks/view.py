"""The fleet, and the plan, as a check sees them: plain values, in which nothing is a secret or leads to one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from fleethub.checks.fields import FIELDS, UNKNOWABLE
from fleethub.kinds.key.attributes import KeyAttrs
from fleethub.model.address import Address, model, route
from fleethub.model.block import Block
from fleethub.model.capacity import Fit
from fleethub.model.consuming import Hop, Node
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import SourceLocation
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyResource
from fleethub.model.plan import MISSING, Action, Change, PlannedVram
from fleethub.model.serving import Backend, Model
from fleethub.placement.planned import PlannedSet, planned_sets

Entry = dict[str, Any]
#: Changes that a check sees: what is blocked for another reason is judged when it is not.
DONE = (Action.CREATE, Action.UPDATE, Action.DELETE)


@dataclass(frozen=True, slots=True)
class Subject:
    """An entry of the view, with what a finding about it names: its address, and where the spec has it."""

    entry: Entry
    address: Address
    place: SourceLocation | None = None


@dataclass(frozen=True, slots=True)
class View:
    """All entries by what a check is asked of: ``node``, ``key``, ``model``, ``backend``, ``fleet``, ``change``.

    ``whole`` False: what becomes of some things is not known, so that the list of changes is not all of them.
    """

    subjects: Mapping[str, Sequence[Subject]] = field(default_factory=dict)
    whole: bool = True

    def document(self) -> dict[str, Any]:
        """As JSON: the entries by ``for``, and which of the lists are not known (``unknown``)."""
        entries: dict[str, Any] = {about: [one.entry for one in every] for about, every in self.subjects.items()}
        return {**entries, "unknown": [] if self.whole else ["changes"]}


def view_of(
    fleet: Fleet,
    wanted: Mapping[Address, AnyResource],
    loads: Iterable[PlannedVram],
    changes: Iterable[Change],
    whole: bool = True,
) -> View:
    """``loads``: what is planned on each backend and whether it fits, as far as anybody knows. ``whole``: these are all
    the changes.
    """
    by_backend = {load.backend: load for load in loads}
    nodes = [Subject(_node(node, fleet), node.address, node.place) for node in fleet.nodes.values()]
    keys = list(_keys(fleet, wanted))
    callers, holders, ends = _by(nodes, "models"), _by(keys, "models"), _by(nodes, "backends")
    models = [_model(one, callers[one.name], holders[one.name]) for one in fleet.models.values()]
    sets = planned_sets(fleet)
    backends = [
        _backend(one, by_backend.get(one.name), sets.get(one.name, ()), ends[one.name])
        for one in fleet.backends.values()
    ]
    places = {one.address: one.place for one in (*nodes, *keys)}
    changing = [
        Subject(_change(change), change.address, places.get(change.address))
        for change in changes
        if change.action in DONE
    ]
    itself = Subject({"name": fleet.name}, Address("fleet", fleet.name))
    entries = {"node": nodes, "key": keys, "model": models, "backend": backends}
    return View({**entries, "fleet": [itself], "change": changing}, whole)


def _named(block: Block, address: Address) -> Entry:
    return {
        "address": str(address),
        "name": block.name,
        "owner": block.owner,
        "projects": list(block.projects),
        "labels": dict(block.labels),
        "protected": block.protected,
        "unknown": [],
    }


def _node(node: Node, fleet: Fleet) -> Entry:
    chain = [_hop(hop, fleet) for hop in node.chain]
    return {
        **_named(node, node.address),
        **{name: getattr(node, name) for name in ("consumer", "type", "host", "target", "image", "manage", "port")},
        "key": node.key,
        "variables": sorted(node.env),
        "primary": chain[0] if chain else {},
        "fallbacks": chain[1:],
        "chain": chain,
        "models": [hop["model"] for hop in chain],
        "backends": sorted({name for hop in chain for name in hop["backends"]}),
    }


def _hop(hop: Hop, fleet: Fleet) -> Entry:
    one = fleet.models[hop.model]
    backends = [hop.backend] if hop.backend is not None else list(one.backends)
    return {
        "model": hop.model,
        "direct": hop.direct,
        "proxy": "" if hop.direct else one.proxy or "",
        "backends": backends,
        "cloud": not backends,
        "context": one.context,
        "capabilities": list(one.capabilities),
    }


def _keys(fleet: Fleet, wanted: Mapping[Address, AnyResource]) -> Iterator[Subject]:
    users: dict[str, list[Node]] = {}
    for node in fleet.nodes.values():
        users.setdefault(node.key, []).append(node)
    for address, want in wanted.items():
        if not isinstance(want.attrs, KeyAttrs):
            continue
        block, using = fleet.keys.get(address.alias), users.get(address.alias, [])
        given = block.given if block else {}
        entry = {
            **_named(block or Block(name=address.alias), address),
            "owner": want.owner,
            "protected": want.protected,
            "proxy": address.owner,
            "models": list(want.attrs.models),
            "nodes": [node.name for node in using],
            "limits": {name: _plain(value) for name, value in (block.limits if block else {}).items()},
            "expires": given.get("expires", ""),
            "routes": list(given.get("allowed_routes", ())),
            "team": given.get("team", ""),
            "tags": list(given.get("tags", ())),
            "generation": want.generation,
        }
        place = block.place if block else next((node.place for node in using), None)
        yield Subject(entry, address, place)


def _by(subjects: Iterable[Subject], field: str) -> defaultdict[str, list[str]]:
    """Of each text in a field of theirs, the names of the entries that have it."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in subjects:
        for text in dict.fromkeys(one.entry[field]):
            found[text].append(one.entry["name"])
    return found


def _model(one: Model, nodes: Sequence[str], keys: Iterable[str]) -> Subject:
    if one.proxy is not None or not one.backends:
        address = route(one.proxy or "", one.name)
    else:
        address = model(one.backends[0], one.name)
    entry = {
        **_named(one, address),
        "backends": list(one.backends),
        "cloud": not one.backends,
        "proxy": one.proxy or "",
        "route": one.route,
        "context": one.context,
        "quant": one.quant or "",
        "capabilities": list(one.capabilities),
        "pull": one.pull,
        "digest": one.digest,
        "nodes": list(nodes),
        "keys": sorted(set(keys)),
    }
    return Subject(entry, address, one.place)


def _backend(one: Backend, load: PlannedVram | None, planned: PlannedSet, nodes: Sequence[str]) -> Subject:
    address = Address("backend", one.name)
    known = {name: value for name, value in _capacity(one, load, planned).items() if value is not None}
    entry = {
        **_named(one, address),
        "host": one.host,
        "proxy": one.proxy or "",
        "engine": one.engine.engine if one.engine else "",
        "gpus": [{"name": gpu.name, "vram": gpu.vram} for gpu in one.gpus],
        "models": [entry.model for entry in planned],
        "nodes": list(nodes),
        **known,
        "unknown": sorted({n for n in UNKNOWABLE if n in FIELDS["backend"]} - known.keys()),
    }
    return Subject(entry, address, one.place)


def _capacity(one: Backend, load: PlannedVram | None, planned: PlannedSet) -> dict[str, int | str | None]:
    """What is planned there, what there is and whether it fits; None: not known."""
    total = load.total if load is not None and load.total is not None else sum(gpu.vram for gpu in one.gpus) or None
    if not planned:
        return {"planned": 0, "vram": total, "fit": Fit.FITS.value}
    verdict = load.verdict if load else None
    fit = verdict.fit.value if verdict is not None and verdict.fit is not Fit.UNKNOWN else None
    return {"planned": load.after if load else None, "vram": total, "fit": fit}


def _change(change: Change) -> Entry:
    return {
        "address": str(change.address),
        "kind": change.address.kind,
        "name": change.address.alias,
        "owner": change.owner,
        "action": change.action.value,
        "fields": [
            {"path": ".".join(f.path), "before": _plain(f.before), "after": _plain(f.after)} for f in change.fields
        ],
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if value is MISSING or value is None:
        return None
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple | set | frozenset) else str(value)
