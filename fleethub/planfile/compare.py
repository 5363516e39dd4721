"""In what a plan that was decided on differs from the one that is made now, by address and field.

Compared are the lockfile and the spec that it is made from, and of each change what was seen, what is done and to
which values. Not compared is what changes by itself: telemetry, findings, VRAM in use, and why something waits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fleethub.kinds.diff import diff
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.plan import MISSING, Action, Change
from fleethub.planfile.document import SavedPlan, SavedStep
from fleethub.planning.identity import canonical

WIDE = 60  # characters of a value


@dataclass(frozen=True, slots=True)
class Moved:
    """One difference. ``address`` None: it is about the whole fleet. ``field``: a path with dots, or a word.

    ``before`` and ``after`` as JSON has them, MISSING where there is nothing.
    """

    address: Address | None
    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        what = f"{self.address} {self.field}" if self.address else self.field
        return f"{what} was {_shown(self.before)}, is {_shown(self.after)}"


def differences(before: SavedPlan, now: SavedPlan) -> tuple[Moved, ...]:
    """What moved, the whole fleet's first; none: the plan stands."""
    found = list(_moved(before, now))
    if not found and before.plan.id != now.plan.id:
        found.append(Moved(None, "the plan's id", before.plan.id, now.plan.id))
    versions = (before.made.version, now.made.version)
    if found and all(versions) and versions[0] != versions[1]:  # by itself it moves nothing, and may be why
        found.insert(0, Moved(None, "the FleetHub that planned", *versions))
    return tuple(found)


def _moved(before: SavedPlan, now: SavedPlan) -> Iterator[Moved]:
    was, is_ = before.plan, now.plan
    if was.lineage != is_.lineage and was.lineage and is_.lineage:
        yield Moved(None, "the lockfile's lineage", was.lineage, is_.lineage)
    elif was.serial != is_.serial:
        yield Moved(None, "the last apply (serial)", was.serial, is_.serial)
    if was.spec != is_.spec:
        yield Moved(None, "the spec's digest", _digest(was.spec), _digest(is_.spec))
    ours, theirs = ({c.address: c for c in plan.changes} for plan in (was, is_))
    named = set()
    for address in sorted({*ours, *theirs}):
        for one in _change(address, ours.get(address), theirs.get(address)):
            named.add(address)
            yield one
    yield from _steps(before.steps, now.steps, named)


def _change(address: Address, before: Change | None, now: Change | None) -> Iterator[Moved]:
    if before is None or now is None:
        yield Moved(address, "planned change", _action(before), _action(now))
        return
    was, is_ = (_table(c.observed) for c in (before, now))
    if (before.observed is None) != (now.observed is None):
        yield Moved(address, "presence", *("not there" if c.observed is None else "there" for c in (before, now)))
    else:
        for leaf in diff(was, is_):
            yield Moved(address, ".".join(leaf.path), leaf.before, leaf.after)
    if before.action is not now.action:
        yield Moved(address, "planned change", _action(before), _action(now))
    elif was == is_:
        ours, theirs = ({field.path: _after(field.after) for field in c.fields} for c in (before, now))
        for path in sorted({*ours, *theirs}):
            if ours.get(path, MISSING) != theirs.get(path, MISSING):
                yield Moved(address, f"planned {'.'.join(path)}", ours.get(path, MISSING), theirs.get(path, MISSING))


def _steps(before: tuple[SavedStep, ...], now: tuple[SavedStep, ...], named: set[Address]) -> Iterator[Moved]:
    """Of what is not named yet: that what is done for it is something else."""
    ours, theirs = ({s.id: s for s in steps} for steps in (before, now))
    for name in sorted({*ours, *theirs}):
        was, is_ = ours.get(name), theirs.get(name)
        address = (was or is_ or before[0]).address
        if address not in named and (was and was.digest) != (is_ and is_.digest):
            named.add(address)
            sides = [f"{s.does} {s.digest}" if s else MISSING for s in (was, is_)]
            yield Moved(address, f"planned step {name}", *sides)


def _action(change: Change | None) -> str:
    if change is None:
        return "nothing to do"
    blocked = change.action is Action.BLOCKED and change.blockers
    return f"blocked ({change.blockers[0].reason})" if blocked else change.action.value


def _table(observed: object) -> dict[str, Any]:
    """What was seen, as JSON has it; empty: nothing."""
    return {str(name): canonical(one) for name, one in observed.items()} if isinstance(observed, Mapping) else {}


def _after(value: Any) -> Any:
    return value if value is MISSING else canonical(value)


def _digest(spec: str) -> str:
    return spec.removeprefix("sha256:")[:12]


def _shown(value: Any) -> str:
    if value is MISSING:
        return "absent"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= WIDE else f"{text[:WIDE]}…"
