"""What the readings themselves say of nodes: secrets that git would take, machines that are in a node's way."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace

from fleethub import nodetypes
from fleethub.kinds.node.attributes import NodeLocked, NodeResource, is_wired
from fleethub.kinds.node.delivery import fingerprints, is_host
from fleethub.kinds.node.merging import merged
from fleethub.kinds.node.projection import Unreadable, Unwritable
from fleethub.model.address import Address, successor
from fleethub.model.address import key as key_address
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.login import machine
from fleethub.model.observation import Source, Unknown
from fleethub.model.readings.host import GitReading, HostReading
from fleethub.model.secret import Text
from fleethub.nodetypes.interface import SECRET


def env_findings(wanted: Mapping[Address, NodeResource], facts: Facts) -> list[Finding]:
    """Nodes whose secrets git has, would take, or (where it cannot be asked) might take."""
    reading = facts.readings.get(Source("git", ".").id)
    if reading is None:
        return []
    found = []
    for address, resource in wanted.items():
        for full in secret_paths(resource):
            if isinstance(reading, GitReading):
                how = "tracks" if full in reading.tracked else "would not ignore" if full in reading.unignored else ""
                if not how:
                    continue
                message = f"git {how} {full}, which holds this node's secrets"
                untrack = f", and git rm --cached {shlex.quote(full)}" if how == "tracks" else ""
                usual = full.endswith("/.env") or "/.fleethub/" in full  # a key's file has any name
                lines = f".env and .fleethub/ (or {full})" if usual else f"{full} and .fleethub/"
                hint = f"write {lines} into .gitignore{untrack}"
            else:
                reason = reading.reason if isinstance(reading, Unknown) else "not read"
                message = f"whether git would take {full}, which holds this node's secrets, is not known: {reason}"
                hint = "make git answer in the fleet's folder, then plan again"
            found.append(Finding("node.env-tracked", message, address, resource.place, hint))
            break
    return found


def machine_findings(
    wanted: Mapping[Address, NodeResource], facts: Facts, locked: Mapping[Address, NodeLocked]
) -> Iterable[Finding]:
    """What on a node's machine is in its way, where the machine could be read.

    What was applied at its place is not, whichever node that was: one that moved and comes back, or makes room.
    """
    places = {record.source.id: record for record in locked.values()}
    left: dict[Address, list[NodeLocked]] = {}
    for old, record in locked.items():
        if (now := successor(old)) is not None:
            left.setdefault(now, []).append(record)
    for address, resource in wanted.items():
        reading = facts.of(resource.source)
        if isinstance(reading, HostReading):
            here = locked.get(address) or places.get(resource.source.id)
            ends = any(_makes_room(resource, record) for record in left.get(address, ()))
            yield from _machine_findings(resource, reading, here, applied=here is not None or ends)


def kept_findings(fleet: Fleet, wanted: Mapping[Address, NodeResource]) -> Iterable[Finding]:
    """Nodes whose key is to stay as it is found, and that FleetHub would make a key for which they then do not use."""
    for address, resource in wanted.items():
        node = resource.material.node
        kind = nodetypes.of(node) if is_wired(resource.attrs) else None
        for proxy in sorted(kind.keeps(fleet, node)) if kind else ():
            key = key_address(proxy, node.key)
            if key not in fleet.floors and key not in fleet.kept:
                message = f"{node.name} keeps the key that it has for {proxy}, which is not adopted as {key}"
                adopt = f"fleethub import {shlex.quote(str(key))} {address}"
                hint = f"{adopt}; or take key out of keep, to give it one of FleetHub's"
                yield Finding("node.key-unadopted", message, address, resource.place, hint)


def merged_findings(wanted: Mapping[Address, NodeResource], facts: Facts) -> Iterable[Finding]:
    """What is wrong with somebody else's files as they would be with FleetHub's part in them, and was not before."""
    for resource in wanted.values():
        reading = facts.of(resource.source)
        kind, schema = nodetypes.of(resource.material.node), resource.material.schema
        if kind is None or not isinstance(reading, HostReading) or not is_wired(resource.attrs):
            continue
        before = {
            file.of.role: there.content.reveal()
            for file in resource.material.files
            if (there := reading.files.get(file.path)) is not None and there.content is not None
        }
        try:
            after = {
                file.of.role: merged(file.of.format, file.projection, before.get(file.of.role, b""), Text.display)
                for file in resource.material.files
                if file.projection is not None and (before.get(file.of.role) or not file.projection.required)
            }
        except Unwritable as error:
            message = f"FleetHub's part cannot be put into the files of {resource.address.name}: {error}"
            hint = "write it otherwise in the spec, or change the file there by hand"
            yield Finding("node.config-check", message, resource.address, resource.place, hint)
            continue
        except Unreadable:  # told where it is observed
            continue
        if any(before.get(role) != data for role, data in after.items()):
            yield from kind.check_merged(resource.material.node, before, {**before, **after}, schema)


def secret_paths(resource: NodeResource) -> tuple[str, ...]:
    """Files with a node's secrets, relative to the fleet's folder; none for what lies outside of it."""
    if "://" in resource.source.at or resource.source.at.startswith(("~/", "/")):
        return ()
    paths = [file.path for file in resource.material.files if file.of.format in SECRET or file.text.slots]
    return tuple(f"{resource.source.at}/{below}{path}" for path in paths for below in ("", ".fleethub/applied/"))


def _makes_room(resource: NodeResource, record: NodeLocked) -> bool:
    """Whether what is left at an old place is on the node's machine, where it is ended before it starts."""
    return machine(record.source.at) == machine(resource.source.at) != ""


def _machine_findings(
    resource: NodeResource, reading: HostReading, locked: NodeLocked | None, applied: bool
) -> tuple[Finding, ...]:
    """What on the node's machine is in its way."""
    node = resource.material.node
    kind = nodetypes.of(node)
    if kind is None:
        return ()
    if not is_host(node):
        return () if node.consumer else tuple(_strangers(resource, reading))
    known = fingerprints(locked)
    # what FleetHub wrote is no second stack; of a node that is its operator's it is his by now
    others = tuple(name for name in reading.compose if name not in known or is_wired(resource.attrs))
    return kind.machine(node, replace(reading, compose=others), applied=applied)


def _strangers(resource: NodeResource, reading: HostReading) -> Iterable[Finding]:
    """Files in a folder of this machine that only the node's own process is to read, and another user has."""
    node = resource.material.node
    for file in resource.material.files:
        there = reading.files.get(file.path)
        if file.of.process and there is not None and there.owner not in (None, node.uid):
            whose = f"{resource.source.at}/{file.path} belongs to uid {there.owner}"
            message = f"{whose}: the node, as {node.uid}, cannot read it"
            hint = f"write uid = {there.owner}, if it runs as that; or apply as root"
            yield Finding("node.uid-differs", message, resource.address, resource.place, hint)
