"""Show: everything about one address; or the value of one key, for its user."""

from __future__ import annotations

from dataclasses import dataclass

from fleethub.kinds.key.attributes import KeyMaterial
from fleethub.model.address import Address
from fleethub.model.errors import InputError
from fleethub.model.exit import Exit
from fleethub.model.observation import AnyLocked, AnyResource, Observation, Unknown
from fleethub.model.secret import Kept, Secret
from fleethub.operations.held import PlanInput
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit, read_and_plan
from fleethub.operations.workplace import Workplace


@dataclass(frozen=True, slots=True)
class ShowResult:
    """One resource: as the spec wants it, as it was applied (None: not), and as it is."""

    address: Address
    wanted: AnyResource | None
    locked: AnyLocked | None
    seen: Observation


def address_of(text: str) -> Address:
    """``kind.name`` as an address; raises InputError."""
    try:
        return Address.parse(text)
    except ValueError as error:
        raise InputError(str(error)) from None


def run(workplace: Workplace, address: Address) -> Outcome[ShowResult | None]:
    """Read, and pick the one; None where nothing may be asked. Raises InputError for an address that nothing has."""
    held = read_and_plan(workplace, PlanInput(only_look=True))
    if held.plan.fatal:
        return Outcome(None, plan_exit(held.plan), held.plan.findings)
    seen = workplace.observations(held)
    if address not in seen:
        near = ", ".join(str(a) for a in seen if a.kind == address.kind) or "none of this kind"
        raise InputError(f"{address} is neither in the spec nor in the lockfile; there are: {near}")
    locked = held.lockfile.resources.get(address) if held.lockfile else None
    result = ShowResult(address, held.wanted.get(address), locked, seen[address])
    return Outcome(result, Exit.ERROR if isinstance(result.seen, Unknown) else Exit.FINE)


def reveal(workplace: Workplace, address: Address) -> Outcome[Secret | None]:
    """Derive the value of one key of the spec; None where the seed is wrong.

    Raises InputError for what is no key of the spec, and clients.resolver.SecretError.
    """
    if address.kind != "key":
        raise InputError("--reveal is for keys: show key.PROXY.NAME --reveal")
    if (refused := workplace.refused()) is not None:
        return Outcome(None, plan_exit(refused), refused.findings)
    wanted = workplace.wanted(workplace.fleet)
    material = wanted[address].material if address in wanted else None
    if not isinstance(material, KeyMaterial):
        raise InputError(f"{address} is not in the spec")
    if isinstance(material.slot, Kept):
        raise InputError(f"{address} is adopted: FleetHub did not make its value and does not have it")
    return Outcome(workplace.resolver.open(material.slot))
