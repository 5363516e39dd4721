"""One resource by itself: what is wanted, seen and applied of it in a world, and what its kind would do."""

from __future__ import annotations

from fleethub.kinds import KINDS
from fleethub.kinds.values import Dependents, ObserveContext, ResourceState, Work
from fleethub.model.plan import Blocker, Why
from tests.fleets import Spec
from tests.world import SEAL, World, facts, wanted

NO = Blocker(Why.REFUSED, "it does not fit")
ALONE = Dependents()
WAITS = Blocker(Why.WAITS, "waits for node.a")


def item(name: str, world: World, spec: Spec) -> ResourceState:
    """By its address as text."""
    locked = world.lockfile.resources if world.lockfile else {}
    address = next(a for a in (*wanted(spec), *locked) if str(a) == name)
    want, record = wanted(spec).get(address), locked.get(address)
    context = ObserveContext(facts(world, spec), SEAL, world.lockfile.lineage if world.lockfile else "", spec.fleet)
    have = KINDS[address.kind].observe(address, want, record, context)
    return ResourceState(address, KINDS[address.kind].completed(want, have, record) if want else None, have, record)


def steps(name: str, world: World, spec: Spec, dependents: Dependents = ALONE) -> Work:
    """What its kind would do, asked this by its dependents."""
    found = item(name, world, spec)
    return KINDS[found.address.kind].steps(found, dependents)


def phases(work: Work) -> list[str]:
    return [step.phase.name.lower() for step in work.steps]
