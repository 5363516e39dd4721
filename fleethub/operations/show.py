"""Show: everything about one thing, by its address or name; or the value of one key, for its user."""

from __future__ import annotations

from collections.abc import Collection

from fleethub.kinds.key.attributes import KeyMaterial
from fleethub.model.address import PARTS, Address, key, node, route
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import InputError
from fleethub.model.exit import Exit
from fleethub.model.fleet_status import BackendStatus, FleetStatus, ModelStatus, ProxyStatus
from fleethub.model.observation import AnyLocked, AnyResource, Lockfile, Observation, Unknown
from fleethub.model.secret import Kept, Secret
from fleethub.operations.held import HeldPlan, PlanInput
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit, read_and_plan
from fleethub.operations.workplace import Workplace


@dataclass(frozen=True, slots=True)
class ShowResult:
    """One thing: as the spec wants it, as it was applied (None: not), as it is, and who uses it.

    ``status``: of what is no resource (a proxy, a backend, a model whose route FleetHub does not manage), its row of
    the fleet's status; then there is no observation.
    """

    address: Address
    wanted: AnyResource | None = None
    locked: AnyLocked | None = None
    seen: Observation | None = None
    users: tuple[str, ...] = ()
    status: ProxyStatus | BackendStatus | ModelStatus | None = None


def address_of(text: str) -> Address:
    """``kind.name`` as an address; raises InputError."""
    try:
        return Address.parse(text)
    except ValueError as error:
        raise InputError(str(error)) from None


def resolved(text: str, known: Collection[Address]) -> Address:
    """An address, or a bare name: of a node, else of the one thing that has it. Raises InputError."""
    if text.partition(".")[0] in PARTS and "." in text:
        address = address_of(text)
        if address not in known:
            near = ", ".join(str(a) for a in sorted(known) if a.kind == address.kind) or "none of this kind"
            raise InputError(f"{address} is neither in the spec nor in the lockfile; there are: {near}")
        return address
    named = sorted(a for a in known if a.alias == text)
    nodes = [a for a in named if a.kind == "node"]
    if len(found := nodes or named) != 1:
        there = ", ".join(map(str, found)) or f"nothing; the nodes are {', '.join(a.name for a in _nodes(known))}"
        raise InputError(f"{text!r} names {there}")
    return found[0]


def run(workplace: Workplace, text: str) -> Outcome[ShowResult | None]:
    """Read, and pick the one; None where nothing may be asked. Raises InputError for an address that nothing has."""
    held = read_and_plan(workplace, PlanInput(only_look=True))
    if held.plan.fatal:
        return Outcome(None, plan_exit(held.plan), held.plan.findings)
    seen, status = workplace.observations(held), workplace.fleet_status(held)
    rows: dict[Address, ProxyStatus | BackendStatus | ModelStatus] = {
        **{Address("proxy", p.name): p for p in status.proxies},
        **{Address("backend", b.name): b for b in status.backends},
        **{route(m.proxy, m.name): m for m in status.models if m.proxy is not None},
    }
    address = resolved(text, {*seen, *rows})
    users = _users(address, held, status)
    if address not in seen:
        row = rows[address]
        lost = not isinstance(row, ModelStatus) and row.state == "unknown"
        return Outcome(ShowResult(address, users=users, status=row), Exit.ERROR if lost else Exit.FINE)
    locked = held.known.resources.get(address) if held.known else None
    result = ShowResult(address, held.wanted.get(address), locked, seen[address], users)
    return Outcome(result, Exit.ERROR if isinstance(result.seen, Unknown) else Exit.FINE)


def _users(address: Address, held: HeldPlan, status: FleetStatus) -> tuple[str, ...]:
    """What uses a thing by the spec or the lockfile; of a backend, who names a model on it."""
    if address.kind == "backend":
        on = [m for m in status.models if address.name in m.backends]
        return tuple(
            sorted(
                {str(node(n)) for m in on for n in m.nodes} | {str(key(m.proxy or "", k)) for m in on for k in m.keys}
            )
        )
    needs = [(a, r.needs) for a, r in held.wanted.items()]
    needs += [(a, r.needs) for a, r in (held.known.resources if held.known else {}).items()]
    if address.kind == "proxy":
        return tuple(sorted({str(a) for a, uses in needs if any(thing.owner == address.name for thing in uses)}))
    return tuple(sorted({str(a) for a, uses in needs if address in uses}))


def _nodes(known: Collection[Address]) -> list[Address]:
    return sorted(a for a in known if a.kind == "node")


def reveal(workplace: Workplace, address: Address) -> Outcome[Secret | None]:
    """Derive the value of one key of the spec that an apply has made; None where the seed is wrong.

    Raises InputError for what is no key of the spec, or has a value that its proxy does not know yet, and
    clients.resolver.SecretError.
    """
    if address.kind != "key":
        raise InputError("--reveal and --to are for keys: show key.PROXY.NAME --reveal")
    if (refused := workplace.refused()) is not None:
        return Outcome(None, plan_exit(refused), refused.findings)
    wanted = workplace.wanted(workplace.fleet)
    material = wanted[address].material if address in wanted else None
    if not isinstance(material, KeyMaterial):
        raise InputError(f"{address} is not in the spec")
    if isinstance(material.slot, Kept):
        raise InputError(f"{address} is adopted: FleetHub did not make its value and does not have it")
    if why := _unmade(workplace.store.read().lockfile, address, wanted[address]):
        raise InputError(f"{why}; fleethub apply makes it, then run this again")
    return Outcome(workplace.resolver.open(material.slot))


def _unmade(lockfile: Lockfile | None, address: Address, want: AnyResource) -> str:
    """Why the value that a key is to have is not on its proxy by what was applied; empty where it is."""
    record = lockfile.resources.get(address) if lockfile else None
    if record is None or record.attrs is None:
        return f"{address} was not made yet"
    if record.revoked and want.generation <= record.generation:
        return f"{address} was revoked, and has no value"
    if record.shape != want.shape:
        return f"the value of generation {want.generation} of {address} was not made yet (it has {record.generation})"
    return ""


def hand_over(workplace: Workplace, address: Address, to: str) -> Outcome[str]:
    """Give the value of one key to a file or a program, and say where it went; empty where the seed is wrong.

    Raises what ``reveal`` raises; SecretError also where it cannot be given.
    """
    from fleethub.clients.giving import give

    found = reveal(workplace, address)
    if found.data is None:
        return Outcome("", found.exit, found.findings)
    return Outcome(give(to, found.data, workplace.root, workplace.resolver.environment()))
