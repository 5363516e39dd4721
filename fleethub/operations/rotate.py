"""Rotate: raise the generation of keys in the spec. The plan then makes each new value beside the old one.

Nothing is applied here: the next apply makes, proves, delivers and activates the new values, and deletes the old ones
once nobody needs them; broken off anywhere, the apply after it goes on.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fleethub.fleetspec import Loaded, load
from fleethub.fleetspec.edit import with_values
from fleethub.fleetspec.report import nearest, shown
from fleethub.kinds.key import scopes
from fleethub.model.address import Address
from fleethub.model.address import key as key_address
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import EditError, Proposal
from fleethub.model.errors import SpecError
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile
from fleethub.model.text import table_name
from fleethub.operations.edit import begun, concluded, judged
from fleethub.operations.edit_ownership import key_owned, who_asks
from fleethub.operations.outcome import Outcome
from fleethub.operations.spec import remembering
from fleethub.operations.stores import latest
from fleethub.operations.trust import ALONE, Trusting


@dataclass(frozen=True, slots=True)
class RotateInput:
    """``what``: a key (its name or address) or a node, whose key it then is; empty: all keys of the fleet.

    ``project``, ``force`` and ``dry_run`` are those of any edit.
    """

    what: str = ""
    project: str = ""
    force: bool = False
    dry_run: bool = False


def propose(path: Path, asked: RotateInput, trusting: Trusting | None = None) -> Outcome[Proposal]:
    """The spec with higher generations, and the plan that would follow; writes nothing.

    Raises SpecError, EditError (also where there is no such key), and what reading the lockfile raises.
    """
    spec = load(path)
    if spec.fleet is None:
        raise SpecError(spec.findings)
    project = who_asks(spec.fleet, asked.project)
    lockfile = latest(spec.fleet, trusting or ALONE)
    fleet = remembering(spec.fleet, lockfile)
    names = meant(fleet, asked.what)
    proposal = _proposal(spec, fleet, asked, names, project)
    for name in names:
        proposal = key_owned(proposal, fleet, name, project)
        if proposal.findings:
            return concluded(proposal, asked.dry_run)
    made = with_values(spec, {("keys", name, "generation"): _next(fleet, lockfile, name) for name in names})
    proposal = replace(proposal, files=made.files, notes=(*made.notes, *_notes(fleet, names, asked.what)))
    return concluded(judged(path, spec, proposal, None, trusting), asked.dry_run)


def meant(fleet: Fleet, what: str) -> list[str]:
    """The names of the keys that are meant; raises EditError."""
    names = sorted({name for _, name in scopes(fleet)})
    if not what:
        if not names:
            raise EditError("unknown-key", "the fleet has no keys")
        return names
    found = what
    if what.startswith(("key.", "node.")):
        try:
            address = Address.parse(what)
        except ValueError as error:
            raise EditError("unknown-key", str(error)) from None
        found = address.alias if address.kind == "key" else address.name
        if address.kind == "key" and (address.owner, address.alias) not in scopes(fleet):
            found = ""
    if found in fleet.nodes and not what.startswith("key."):
        found = fleet.nodes[found].key
    if found not in names:
        hint = nearest(found or what, {*names, *fleet.nodes}, "key or node")
        raise EditError("unknown-key", f"there is no key {shown(what)}", hint)
    return [found]


def _next(fleet: Fleet, lockfile: Lockfile | None, name: str) -> int:
    """A generation that the key had nowhere."""
    reached = [1]
    for proxy, key in scopes(fleet):
        address = key_address(proxy, name)
        if key == name:
            born = fleet.births.get(address, address)
            known = lockfile.generations.get(born, 0) if lockfile else 0
            reached += [fleet.generation(address), known]
    return max(reached) + 1


def _proposal(spec: Loaded, fleet: Fleet, asked: RotateInput, names: list[str], project: str) -> Proposal:
    proxy = next(proxy for proxy, name in sorted(scopes(fleet)) if name == names[0])
    one = Address("fleet", fleet.name) if not asked.what else key_address(proxy, names[0])
    says = "rotate all keys" if not asked.what else f"rotate the key {names[0]}"
    return begun(spec, fleet, "rotate", says, one, project, asked.force)


def _notes(fleet: Fleet, names: list[str], what: str) -> Iterable[str]:
    for name in names:
        users = sorted(node.name for node in fleet.nodes.values() if node.key == name)
        proxies = sorted(proxy for proxy, key in scopes(fleet) if key == name)
        if len(users) > 1 and what:
            yield f"the key {name} is used by {', '.join(users)}: each gets the new value"
        if len(proxies) > 1 and what:
            yield f"it gets a new value on each of {', '.join(proxies)}"
        if not users:
            show = f"fleethub show {shlex.quote(str(key_address(proxies[0], name)))} --reveal"
            yield (
                f"no node uses {name}: once applied, {show} gives its user the new value, or --to file:PATH; "
                f"how long the old one works is grace in [keys.{table_name(name)}]"
            )
