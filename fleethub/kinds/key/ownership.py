"""What forbids touching a key at all: somebody else's, several of one alias, a scope that nothing can prove."""

from __future__ import annotations

import shlex

from fleethub.kinds.key.attributes import EVERY, NOTHING, WILDCARDS, KeyAttrs, KeyState, interim
from fleethub.kinds.key.marks import values_of
from fleethub.kinds.key.revoked import brought_back
from fleethub.model.address import Address
from fleethub.model.finding import Finding
from fleethub.model.observation import Absent, Lockfile
from fleethub.model.plan import Action
from fleethub.model.readings.proxy import Team
from fleethub.model.text import table_name

BARRED = "does not let the value of a key be chosen, and FleetHub derives its own: no key can be made there"


def objections(item: KeyState, lockfile: Lockfile | None) -> list[Finding]:
    """Duplicate alias, somebody else's key, a scope that no proof can show."""
    seen = item.seen
    barred = seen.telemetry.barred if seen is not None else getattr(item.have, "barred", "")
    renewed = seen is not None and item.want is not None and seen.attrs.value != item.want.attrs.value
    if barred and item.want is not None and (seen is None or renewed):
        return [_barred(item, barred)]
    if (seen is None or not renewed) and (ended := brought_back(item.want, item.locked)):
        return ended
    if seen is None:
        return []
    alias, proxy = item.address.alias, item.address.owner

    def finding(code: str, message: str, hint: str) -> list[Finding]:
        return [Finding(code, message, item.address, item.want.place if item.want else None, hint)]

    if item.want is None:
        return _in_the_way(item, lockfile)
    renamed = seen.attrs.renamed
    if renamed and seen.telemetry.rows:
        return finding(
            "key.alias-taken",
            f"the key {alias!r} on {proxy} was renamed to {renamed!r}, and another key has its alias now",
            f"rename or delete that other key in LiteLLM; then the next apply renames {renamed!r} back",
        )
    if (beside := seen.attrs.interim) and not renewed and seen.telemetry.rows:
        return finding(
            "key.alias-taken",
            f"the key {alias!r} on {proxy} is called {beside!r} there, and a key that fleet.lock does not know has its "
            "alias: its older value, where a lockfile was lost amid a rotation, or somebody else's",
            f"rename that other key in LiteLLM (its value works on), or delete it once nobody uses it; then the next "
            f"apply renames {beside!r}",
        )
    if seen.telemetry.rows > 1:
        return finding(
            "key.alias-duplicate",
            f"{seen.telemetry.rows} keys on {proxy} share the alias {alias!r}",
            "delete or rename all but one of them in LiteLLM, then plan again",
        )
    lineage = lockfile.lineage if lockfile else ""
    same_value = seen.attrs.value == item.want.attrs.value
    ours = seen.attrs.value in values_of(item.want, item.locked)
    if seen.mark is not None and seen.mark.lineage != lineage and not (same_value and lockfile is None):
        return finding(
            "key.foreign",
            f"the key {alias!r} on {proxy} is marked by another fleet (lineage {seen.mark.lineage})",
            "give this fleet's key another name (key = on the node), or let the other fleet go of it",
        )
    if not ours and (other := _other_address(item, lockfile)) is not None:
        return finding(
            "key.alias-taken",
            f"the alias {alias!r} on {proxy} is that of {other}, which this fleet made at the same LiteLLM",
            "git pull, if another clone renamed the proxy; if you did: "
            f'[[moved]] with from = "proxy.{other.owner}" and to = "proxy.{proxy}"; '
            "else give the node a key with another name (key = on the node)",
        )
    if not ours and (other := _recorded_as(item, lockfile)) is not None:
        here, there = shlex.quote(str(item.address)), shlex.quote(str(other))
        block = f"[keys.{table_name(other.alias)}]"
        return finding(
            "key.alias-taken",
            f"the key {alias!r} on {proxy} is recorded as {other}, which the spec does not have in its place",
            f"give it the name {other.alias!r} in the spec (key = on its node, or {block}), or "
            f"take the record back: fleethub state mv {there} {here}",
        )
    if not ours:
        return finding(
            "key.alias-taken",
            f"a key that FleetHub did not make has the alias {alias!r} on {proxy}",
            f"adopt it: fleethub import {shlex.quote(str(item.address))}; or rename it in LiteLLM, or here",
        )
    if not same_value and seen.telemetry.taken:
        beside = interim(alias, item.want.generation, seen.telemetry.crowded)
        return finding(
            "key.alias-taken",
            f"a key that FleetHub did not make has the alias {beside!r} on {proxy}, which the new value of {alias!r} "
            "would have beside the old one",
            "rename or delete that key in LiteLLM, then plan again",
        )
    wild = [m for m in seen.attrs.models if "*" in m or m in WILDCARDS]
    groups = [f"access group {name}" for name in seen.telemetry.groups]
    if item.want.material.keeps:  # what it may call beyond the wiring is kept, and told as that
        wild, groups = [], []
    elif item.want.material.kept:  # its list becomes the wiring's
        wild = []
    if groups or wild:
        what = ", ".join((*groups, *wild))
        return finding(
            "key.unprovable",
            f"the key {alias!r} on {proxy} was given {what}, so what it may call cannot be proved",
            "take the group or wildcard off the key in LiteLLM, then plan again",
        )
    return _team(item, seen.telemetry.team, seen.telemetry.team_state)


def _other_address(item: KeyState, lockfile: Lockfile | None) -> Address | None:
    """Under which other proxy's name this fleet made the key that is seen, if it did: by its value, whatever the URL
    was, and by its alias at this one.
    """
    if item.seen is None or item.seen.mark is None or item.want is None or lockfile is None:
        return None
    alias, at, value = item.address.alias, item.want.source.at, item.seen.attrs.value
    others = {a: r for a, r in lockfile.resources.items() if a.kind == "key" and a.owner != item.address.owner}
    same = (a for a, r in others.items() if isinstance(r.attrs, KeyAttrs) and value and r.attrs.value == value)
    named = (a for a, r in others.items() if a.alias == alias and r.source.at == at)
    return next(same, None) or next(named, None)


def _recorded_as(item: KeyState, lockfile: Lockfile | None) -> Address | None:
    """Under which other name the key that is seen stands in the lockfile: somebody put its record there."""
    if item.seen is None or lockfile is None or item.locked is not None:
        return None
    keys = ((a, r.attrs) for a, r in lockfile.resources.items() if a.kind == "key" and a.owner == item.address.owner)
    same = (a for a, attrs in keys if isinstance(attrs, KeyAttrs) and attrs.value == item.seen.attrs.value)
    return next((a for a in same if a != item.address), None)


def _in_the_way(item: KeyState, lockfile: Lockfile | None) -> list[Finding]:
    """Why a key that is wanted no more is not deleted; it lives, so it is not forgotten either."""
    seen, alias, proxy = item.seen, item.address.alias, item.address.owner
    if seen is None:
        return []
    hint = "delete it in LiteLLM, or take its mark off (metadata.fleethub); then plan again"
    if seen.mark is not None and seen.mark.lineage != (lockfile.lineage if lockfile else ""):
        message = f"the key {alias!r} on {proxy} is marked by another fleet (lineage {seen.mark.lineage}), and lives"
        return [Finding("key.foreign", message, item.address, hint=hint)]
    if seen.attrs.value not in values_of(item.want, item.locked):
        message = f"the key {alias!r} on {proxy} has this fleet's mark, and a value that FleetHub did not make"
        return [Finding("key.alias-taken", message, item.address, hint=hint)]
    return []


def _barred(item: KeyState, why: str) -> Finding:
    proxy = item.address.owner
    return Finding(
        "proxy.no-custom-keys",
        f"the proxy {proxy} {why}",
        Address("proxy", proxy),
        hint="take disable_custom_api_keys out of general_settings in LiteLLM's config and restart it; "
        "keys that are there stay as they are",
    )


def revoked(item: KeyState) -> tuple[Finding, ...]:
    """A key that was ours and is deleted or blocked; raising its generation is the operator's consent."""
    locked, want = item.locked, item.want
    if locked is None or not locked.attrs or want is None:
        return ()
    if locked.pending and {Action.CREATE, Action.DELETE} & {*locked.pending.phases}:
        return ()  # an apply that broke off may have taken it away itself
    applied, seen = locked.attrs.value, item.seen
    # its newest value was taken away while an older one was still there
    newest = seen is not None and seen.attrs.value != want.attrs.value and applied == want.attrs.value
    gone = isinstance(item.have, Absent) or newest
    if not gone and not (item.seen and item.seen.attrs.blocked):
        return ()
    if locked.shape != want.shape:
        return ()
    if isinstance(item.have, Absent) and locked.source.id != want.source.id:
        moved = f"the key {item.address.alias!r} was made at {locked.source.at}, and is not at {want.source.at}"
        hint = (
            "if that is another LiteLLM, give the proxy another name in the spec, without [[moved]], so that the old "
        )
        hint += "keys are removed"
        return (Finding("key.revoked", moved, item.address, want.place, hint),)
    return (
        Finding(
            "key.revoked",
            f"the key {item.address.alias!r} on {item.address.owner} was {'deleted' if gone else 'blocked'} by hand",
            item.address,
            want.place,
            "git pull, in case another clone did it; to give the node a new key raise generation in "
            f'[keys.{table_name(item.address.alias)}]; to bring the same one back write revoked = "restore" '
            "in [policy]",
        ),
    )


def _team(item: KeyState, team: str, state: Team | None) -> list[Finding]:
    """A key with a team reaches what both lists name; what the team's list lacks can be proved by nothing."""
    want = item.want
    if not team or want is None:
        return []
    alias, proxy = item.address.alias, item.address.owner

    def finding(code: str, message: str, hint: str) -> list[Finding]:
        return [Finding(code, f"the key {alias!r} on {proxy} is in {message}", item.address, want.place, hint)]

    off = "take the key out of the team in LiteLLM"
    if state is None and want.material.keeps:
        return []
    if state is None:
        return finding(
            "key.unprovable",
            f"the team {team}, which cannot be read, so what it may call cannot be proved",
            f"{off}, then plan again",
        )
    name = f"the team {state.alias or state.id}"
    if state.blocked:
        return finding("key.team-blocked", f"{name}, which is blocked: every call is refused", f"unblock it, or {off}")
    lacking = [] if EVERY & {*state.models} or not state.models else sorted({*want.attrs.models} - {*state.models})
    lacking = [model for model in lacking if model != NOTHING]
    if lacking:
        return finding(
            "key.team-narrower",
            f"{name}, whose list lacks {', '.join(lacking)}",
            f"add {', '.join(lacking)} to the team's models, or {off}; then plan again",
        )
    return []
