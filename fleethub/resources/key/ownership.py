"""What forbids touching a key at all: somebody else's, several of one alias, a scope that nothing can prove."""

from __future__ import annotations

from fleethub.model.finding import Finding
from fleethub.model.observation import Lockfile
from fleethub.resources.base import Item
from fleethub.resources.key.attributes import WILDCARDS
from fleethub.resources.key.marks import values_of


def objections(item: Item, lockfile: Lockfile | None) -> list[Finding]:
    """Duplicate alias, somebody else's key, a scope that no proof can show."""
    seen = item.seen
    if seen is None:
        return []
    alias, proxy = item.address.alias, item.address.owner

    def finding(code: str, message: str, hint: str) -> list[Finding]:
        return [Finding(code, message, item.address, item.want.place if item.want else None, hint)]

    if seen.telemetry["rows"] > 1:
        return finding(
            "key.alias-duplicate",
            f"{seen.telemetry['rows']} keys on {proxy} share the alias {alias!r}",
            "delete or rename all but one of them in LiteLLM, then plan again",
        )
    lineage = lockfile.lineage if lockfile else ""
    same_value = item.want is not None and seen.attrs["value"] == item.want.attrs["value"]
    ours = seen.attrs["value"] in values_of(item)
    if seen.mark is not None and seen.mark.lineage != lineage and not (same_value and lockfile is None):
        return finding(
            "key.foreign",
            f"the key {alias!r} on {proxy} is marked by another fleet (lineage {seen.mark.lineage})",
            "give this fleet's key another name (key = on the node), or let the other fleet go of it",
        )
    if not ours:
        return finding(
            "key.alias-taken",
            f"a key that FleetHub did not make has the alias {alias!r} on {proxy}",
            "rename it in LiteLLM or use another key name; adopting it (fleethub import) is not there yet",
        )
    if not same_value and item.want is not None and not seen.attrs["blocked"]:
        return finding(
            "key.generation-raised",
            f"the key {alias!r} on {proxy} is alive with another value than generation "
            f"{item.want.generation} derives; rotating a living key is not there yet",
            f"write generation = {seen.mark.generation if seen.mark else 1} in [keys.{alias}]",
        )
    wild = [m for m in seen.attrs["models"] if "*" in m or m in WILDCARDS]
    if item.want is not None and (seen.telemetry["bound_to"] or wild):
        what = ", ".join((*seen.telemetry["bound_to"], *wild))
        return finding(
            "key.unprovable",
            f"the key {alias!r} on {proxy} was given {what}, so what it may call cannot be proved",
            "take the team, group or wildcard off the key in LiteLLM, then plan again",
        )
    return []
