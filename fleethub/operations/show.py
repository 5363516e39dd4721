"""Show: everything about one thing, by its address or name; or the value of one key, for its user."""

from __future__ import annotations

from fleethub.kinds import KINDS
from fleethub.kinds.key.attributes import KeyMaterial
from fleethub.model.address import Address, route
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import InputError
from fleethub.model.exit import Exit
from fleethub.model.fleet_status import FleetStatus, HostedStatus, ModelStatus, Row
from fleethub.model.observation import AnyLocked, AnyResource, Lockfile, Observation, Unknown
from fleethub.model.secret import KeptValue, Secret
from fleethub.operations.held import PlanInput
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit, read_and_plan
from fleethub.operations.reasons import named_in, resolved
from fleethub.operations.workplace import Workplace
from fleethub.reasons.graph import use_graph


@dataclass(frozen=True, slots=True)
class ShowResult:
    """One thing: as the spec wants it, as it was applied (None: not), as it is, and who uses it.

    ``status``: of what is no resource (a proxy, a backend, a model on it, a route that FleetHub does not manage), its
    row of the fleet's status; then there is no observation. Neither: it was applied, and the spec has it no more.
    """

    address: Address
    wanted: AnyResource | None = None
    locked: AnyLocked | None = None
    seen: Observation | None = None
    users: tuple[str, ...] = ()
    status: Row | None = None


def address_of(text: str) -> Address:
    """``kind.name`` as an address; raises InputError."""
    try:
        return Address.parse(text)
    except ValueError as error:
        raise InputError(str(error)) from None


def run(workplace: Workplace, text: str) -> Outcome[ShowResult | None]:
    """Read, and pick the one; None where nothing may be asked. Raises InputError for an address that nothing has."""
    held = read_and_plan(workplace, PlanInput(only_look=True))
    if held.plan.fatal:
        return Outcome(None, plan_exit(held.plan), held.plan.findings)
    seen, status = workplace.observations(held), workplace.fleet_status(held)
    graph = use_graph(workplace.fleet, workplace.opened.written, held.known)
    address = resolved(text, named_in(workplace.fleet, graph, held.known))
    users = tuple(map(str, graph.users(address)))
    if address not in seen:
        row = _row(address, status)
        lost = row is not None and not isinstance(row, ModelStatus) and row.state == "unknown"
        return Outcome(ShowResult(address, users=users, status=row), Exit.ERROR if lost else Exit.FINE)
    locked = held.known.resources.get(address) if held.known else None
    want = held.wanted.get(address)
    want = KINDS[address.kind].completed(want, seen[address], locked) if want is not None else None
    result = ShowResult(address, want, locked, seen[address], users)
    return Outcome(result, Exit.ERROR if isinstance(result.seen, Unknown) else Exit.FINE)


def _row(address: Address, status: FleetStatus) -> Row | None:
    """What the fleet's status has of what is no resource; None: it is no longer in the spec."""
    rows: dict[Address, Row] = {
        **{Address("proxy", p.name): p for p in status.proxies},
        **{Address("backend", b.name): b for b in status.backends},
        **{route(m.proxy, m.name): m for m in status.models if m.proxy is not None},
    }
    if address.kind != "model":
        return rows.get(address)
    backend = next((b for b in status.backends if b.name == address.owner), None)
    if backend is None:
        return None
    placed = next((p for p in backend.placed if (p.tag or p.model) == address.alias), None)
    loaded = next((r for r in backend.residents if address.alias in (r.tag, r.alias)), None)
    return HostedStatus(backend.name, address.alias, backend.state, backend.reason, placed, loaded)


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
    if isinstance(material.slot, KeptValue):
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
