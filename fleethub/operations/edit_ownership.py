"""Whose an entry of the spec is, and who may edit it. Self-declared: it keeps sessions out of each other's way, and is
no authentication.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fleethub.fleetspec.report import shown
from fleethub.model.block import Block
from fleethub.model.consuming import Node
from fleethub.model.edit import Edit, EditError, Proposal, Register, SetFields
from fleethub.model.finding import Finding, SourceLocation
from fleethub.model.fleet import Fleet
from fleethub.model.text import same_name


def entry_of(node: Node) -> dict[str, Any]:
    """A node's whole entry as plain values, for whoever is told that it is not theirs."""
    return {
        "node": node.name,
        "owner": node.owner,
        "host": node.host,
        "type": node.type,
        "target": node.target,
        "model": str(node.chain[0]),
        "fallbacks": [str(hop) for hop in node.chain[1:]],
        "key": node.key,
        "port": node.port,
        "labels": dict(node.labels),
        "protected": node.protected,
        "place": str(node.place) if node.place else None,
    }


def owned_by_another(proposal: Proposal, node: Node, project: str) -> Proposal:
    """The proposal, refused where the entry has another owner and no force takes it over."""
    if not node.owner or owns(node, project):
        return proposal
    if project and proposal.force:
        return replace(proposal, entry=entry_of(node), displaced=node.owner)
    return _refused(proposal, f"{node.address} belongs to", node.owner, project, entry_of(node), node.place)


def key_of_another(proposal: Proposal, fleet: Fleet, edit: Edit, project: str) -> Proposal:
    """The proposal, refused where it gives a node others' key: it would use their limits, and widen their scope."""
    name = edit.fields.get("key") if isinstance(edit, SetFields | Register) else None
    node = fleet.nodes.get(edit.node)
    if not isinstance(name, str) or (node is not None and node.key == name):
        return proposal
    return key_owned(proposal, fleet, name, project, but=edit.node)


def key_owned(proposal: Proposal, fleet: Fleet, name: str, project: str, but: str = "") -> Proposal:
    """The proposal, refused where a key and the nodes that use it (but ``but``) have owners, none ``project``."""
    key = fleet.keys.get(name)
    users = [n for n in fleet.nodes.values() if n.key == name and n.name != but]
    entries = [{"key": name, "owner": key.owner, "place": str(key.place)}] if key else []
    owners = [entry for entry in (*entries, *map(entry_of, users)) if entry["owner"]]
    if not owners or any(owns(one, project) for one in ([key, *users] if key else users) if one.owner):
        return proposal
    entry, owner = owners[0], owners[0]["owner"]
    if project and proposal.force:
        return replace(proposal, entry=entry, displaced=proposal.displaced or owner)
    place = key.place if key else users[0].place
    return _refused(proposal, f"the key {name} belongs to", owner, project, entry, place)


def block_owned(proposal: Proposal, whose: str, block: Block, project: str) -> Proposal:
    """The proposal, refused where another block of the spec (``whose`` names it) has another owner."""
    if not block.owner or owns(block, project) or proposal.findings:
        return proposal
    entry = {"name": block.name, "owner": block.owner, "place": str(block.place) if block.place else None}
    if project and proposal.force:
        return replace(proposal, entry=entry, displaced=proposal.displaced or block.owner)
    return _refused(proposal, f"{whose} belongs to", block.owner, project, entry, block.place)


def owns(entry: Block, project: str) -> bool:
    """Whether a project is an entry's owner, by its name or by one of its further ones."""
    return bool(project.strip()) and any(same_name(project, name) for name in (entry.owner, *entry.projects) if name)


def by_name(root: Path, project: str) -> str:
    """The project's name where it was named by TangleClaw's id, which is all that a newer pane has of it."""
    number = project.strip()
    if not number.isdecimal():
        return project
    from fleethub.integrations.tangleclaw.projects import name_of

    return name_of(root, number) or project


def who_asks(fleet: Fleet, project: str) -> str:
    """The project that asks, as the spec spells its owner.

    Raises EditError for a number of TangleClaw's of which nobody knows what it is called: as a name it would be a
    second owner of what its project has already.
    """
    name = spelled(fleet, project_name(by_name(Path(fleet.root), project)))
    if name.isdecimal() and not any(owns(block, name) for block in _blocks(fleet)):
        message = f"{name} is the number of a project of TangleClaw's, and what it is called is not known here"
        hint = (
            "name it, with --project or project; where fleethub tangleclaw register was run, TangleClaw is asked for it"
        )
        raise EditError("unknown-project", message, hint)
    return name


def number_of(root: Path, project: str) -> str | None:
    """TangleClaw's id of a project, as far as it was told of it; None where that is not known."""
    from fleethub.integrations.tangleclaw.shared_document import names

    return next((number for number, name in names(root / ".fleethub").items() if same_name(name, project)), None)


def spelled(fleet: Fleet, project: str) -> str:
    """The name of who asks as the spec spells its owner: written in another way it would be a second one."""
    owners = [block.owner for block in _blocks(fleet) if block.owner]
    return next((owner for owner in owners if same_name(owner, project)), project) if project else project


def _blocks(fleet: Fleet) -> Iterator[Block]:
    """All that may have an owner."""
    for blocks in (fleet.nodes, fleet.keys, fleet.models, fleet.backends, fleet.proxies):
        yield from blocks.values()


def _refused(
    proposal: Proposal, whose: str, owner: str, project: str, entry: Mapping[str, Any], place: SourceLocation | None
) -> Proposal:
    mine = f"--project {shlex.quote(owner)} (or FLEETHUB_PROJECT) if it is yours"
    if project:
        message = f"{whose} {owner}, not to {shown(project)}"
        hint = f"ask {owner}; or take it over with --force, which is recorded"
    elif proposal.force:
        message = f"{whose} {owner}, and no project is named that takes it over"
        hint = f"{mine}; else --project YOURS --force"
    else:
        message, hint = f"{whose} {owner}, and no project is named", mine
    finding = Finding("node.owned", message, proposal.address, place, hint)
    return replace(proposal, findings=(finding,), entry=entry)


def project_name(name: str) -> str:
    """The name of who asks, as it is recorded; raises EditError."""
    name = name.strip()
    if len(name) > 128 or not name.isprintable():
        raise EditError("bad-project", "a project's name is at most 128 visible characters on one line")
    return name
