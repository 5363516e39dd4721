"""What the readings themselves say that is wrong: secrets that git would take, machines in a node's way, silence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fleethub.kinds.node.kind import machine_findings
from fleethub.model.address import Address
from fleethub.model.facts import Facts, GitReading, HostReading
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile, Resource, Source, Unknown
from fleethub.planning.sources import secret_paths


def env_findings(wanted: Mapping[Address, Resource], facts: Facts) -> list[Finding]:
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
                untrack = f", and git rm --cached {full}" if how == "tracks" else ""
                hint = f"write .env and .fleethub/ (or {full}) into .gitignore{untrack}"
            else:
                reason = reading.reason if isinstance(reading, Unknown) else "not read"
                message = f"whether git would take {full}, which holds this node's secrets, is not known: {reason}"
                hint = "make git answer in the fleet's folder, then plan again"
            found.append(Finding("node.env-tracked", message, address, resource.place, hint))
            break
    return found


def node_findings(wanted: Mapping[Address, Resource], facts: Facts, lockfile: Lockfile | None) -> Iterable[Finding]:
    """What on a node's machine is in its way, where the machine could be read."""
    for address, resource in wanted.items():
        reading = facts.of(resource.source)
        if address.kind == "node" and isinstance(reading, HostReading):
            yield from machine_findings(resource, reading, lockfile.resources.get(address) if lockfile else None)


def unreadable(fleet: Fleet, facts: Facts) -> list[Finding]:
    """One finding per system that could not be read; a node's own reason is on its change."""
    found = []
    for proxy in fleet.proxies.values():
        reading = facts.of(Source("litellm", proxy.admin_url))
        if isinstance(reading, Unknown):
            found.append(
                Finding(
                    "proxy.unreadable",
                    f"{proxy.name} ({proxy.admin_url}): {reading.reason}",
                    Address("proxy", proxy.name),
                    proxy.place,
                    "its keys and routes are unknown, so nothing was planned for them",
                )
            )
    for backend in fleet.backends.values():
        if backend.ollama is None:
            continue
        reading = facts.of(Source("ollama", backend.ollama.url))
        if isinstance(reading, Unknown):
            found.append(
                Finding(
                    "backend.unreadable",
                    f"{backend.name} ({backend.ollama.url}): {reading.reason}",
                    Address("backend", backend.name),
                    backend.place,
                    "it is judged from the spec alone",
                )
            )
    return found
