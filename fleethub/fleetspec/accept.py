"""``[[accept]]``: findings that somebody knows of, until a day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fleethub.fleetspec import report
from fleethub.fleetspec.schema import Spec
from fleethub.fleetspec.sources import Sources
from fleethub.model.address import Address
from fleethub.model.finding import CHECK, CODES, FATAL, Finding
from fleethub.model.fleet import Acknowledged
from fleethub.model.written import KeyPath

if TYPE_CHECKING:
    from fleethub.fleetspec.checks import CheckContext


def check_accept(context: CheckContext) -> Iterator[Finding]:
    """Each names a finding that there is, and says of what by its address."""
    seen = set()
    for number, one in enumerate(context.spec.accept):
        path: KeyPath = ("accept", number)
        own = [CHECK + check.name for check in context.spec.check]
        if one.code not in CODES and one.code not in own:
            hint = report.nearest(one.code, (*CODES, *own), "code")
            yield context.finding("spec.value", f"no finding is called {report.shown(one.code)}", (*path, "code"), hint)
        elif one.code in FATAL or one.code.startswith("spec."):
            hint = "correct what it says"
            yield context.finding("spec.value", f"{one.code} ends every command, so nobody accepts it", path, hint)
        try:
            Address.parse(one.address) if one.address is not None else None
        except ValueError as error:
            yield context.finding("spec.value", str(error), (*path, "address"), "like backend.gpu or key.main.volta")
        if (one.code, one.address) in seen:
            hint = "one block says it"
            yield context.finding("spec.duplicate", f"{one.code} of the same is in another [[accept]] too", path, hint)
        seen.add((one.code, one.address))


def acknowledged(spec: Spec, sources: Sources) -> tuple[Acknowledged, ...]:
    """Those of a spec without errors."""
    return tuple(
        Acknowledged(
            one.code,
            Address.parse(one.address) if one.address is not None else None,
            one.reason,
            one.until.isoformat(),
            sources.at(("accept", number)),
        )
        for number, one in enumerate(spec.accept)
    )
