"""``[policy] unreachable = "fail"``: while something that is in the plan cannot be looked at, none of it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fleethub.model.plan import Action, Blocker, Change, Why


def all_or_nothing(changes: Sequence[Change]) -> list[Change]:
    """The changes as they are, or each of them blocked because of the ones that are unknown."""
    unknown = [c.address for c in changes if any(b.why is Why.UNKNOWN for b in c.blockers)]
    if not unknown:
        return list(changes)
    more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
    why = Blocker(
        Why.UNKNOWN,
        f'waits for {unknown[0]}{more}: not reached, and [policy] unreachable = "fail" (--exclude leaves it out)',
    )
    known = [replace(c, action=Action.BLOCKED, blockers=(why, *c.blockers), after=None) for c in changes]
    return [before if before.address in unknown else now for before, now in zip(changes, known, strict=True)]
