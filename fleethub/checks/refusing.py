"""What an error of a check refuses, where it is not the thing itself that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fleethub.kinds import KINDS
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.plan import Blocker, Why
from fleethub.placement.planned import planned_sets


def refused_loads(errors: Iterable[Finding], fleet: Fleet) -> dict[tuple[str, str], Blocker]:
    """(backend, alias) that may not be loaded anew: of a backend that an error is about, and of a model."""
    found: dict[tuple[str, str], Blocker] = {}
    sets: Mapping[str, Sequence[str]] = {b: [p.model for p in planned] for b, planned in planned_sets(fleet).items()}
    for finding in errors:
        why, address = Blocker(Why.REFUSED, finding.message), finding.address
        if address is not None and address.kind == "backend":
            found |= {(address.name, alias): why for alias in sets.get(address.name, ())}
        elif address is not None and address.kind in ("route", "model") and address.alias in fleet.models:
            found |= {(backend, address.alias): why for backend in fleet.models[address.alias].backends}
    return found


def of_all(finding: Finding, fleet: Fleet) -> bool:
    """Whether it is about more than a thing of the fleet: the fleet itself, or the check."""
    return finding.address is None or finding.address.kind not in {*KINDS, "backend"}
