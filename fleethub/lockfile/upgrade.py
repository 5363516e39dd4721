"""What an earlier FleetHub wrote, as this one reads it: format 1 of the lockfile, and the records in its journal.

Format 1 kept a credential's reference beside each origin. It is dropped: who edits a lockfile must not choose what is
read or run as a credential, nor where it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fleethub.kinds import KINDS
from fleethub.kinds.interface import Kind
from fleethub.model.address import Address


def upgraded(document: Mapping[str, Any]) -> dict[str, Any]:
    """A lockfile's document of format 1 as one of format 2. What is damaged stays so; raises ValueError."""
    resources = document.get("resource", {})
    if not isinstance(resources, dict):
        raise ValueError("resource is no table")
    resources = {name: upgraded_record(Address.parse(name), raw) for name, raw in resources.items()}
    reached = {a: raw["generation"] for a, raw in resources.items() if isinstance(raw, dict) and raw.get("generation")}
    return {**document, "derive_from": "name", "generations": reached, "resource": resources}


def upgraded_record(address: Address, raw: Any) -> Any:
    """One resource of format 1 as one of format 2; one of format 2, or what is none, as it is."""
    source = raw.get("source") if isinstance(raw, dict) else None
    if not isinstance(source, dict) or "at" not in source:
        return raw
    out = {**raw, "source": {"system": source.get("system"), "of": block_of(address), "origin": source["at"]}}
    # derived:key:FLEET:PROXY:ALIAS:GENERATION, as a key's shape has always said it
    if address.kind == "key" and (found := re.fullmatch(r"derived:key:.*:(\d{1,9})", str(raw.get("shape", "")))):
        out["generation"] = int(found[1])
    return out


def block_of(address: Address) -> str:
    """The block of the spec that a resource belongs to: its proxy's, or its own; raises ValueError."""
    return kind_of(address).block(address)


def kind_of(address: Address) -> Kind[Any, Any, Any]:
    """The kind that an address is of; raises ValueError for one that no lockfile records."""
    if address.kind not in KINDS:
        raise ValueError(f"{str(address)!r} is nothing that a lockfile records")
    return KINDS[address.kind]
