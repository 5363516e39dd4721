"""One apply on the world: the intent first, the steps in any order that is allowed, a crash where a test wants one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from fleethub.applying import records
from fleethub.clients.resolver import SecretResolver
from fleethub.kinds.readdress import lockfile_after
from fleethub.lockfile.reduce import replay
from fleethub.model import observation
from fleethub.model.event import ApplyFinished, ApplyStarted, Event, Recorded, StepDone
from fleethub.model.plan import Phase, Plan, Step
from tests.fleets import Spec
from tests.world.fold import NOW, Failed, fold
from tests.world.planning import plan
from tests.world.values import LINEAGE, SEAL, World

_SETTLED: dict[str, World] = {}
Pick = Callable[[Sequence[Step]], Step]
#: Phases that wait for each other; a node is activated while others are still delivered to.
STAGES = ((Phase.PREPARE,), (Phase.EXPAND,), (Phase.PROVE,), (Phase.DELIVER, Phase.ACTIVATE), (Phase.SETTLE,),
          (Phase.CONTRACT,))  # fmt: skip


@dataclass
class Applied:
    """What became of an apply; ``worlds`` are those after each step."""

    world: World
    done: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    worlds: list[World] = field(default_factory=list)


def apply(
    world: World,
    decided: Plan,
    *,
    fingerprinter: SecretResolver = SEAL,
    crash: int | None = None,
    pick: Pick = lambda ready: ready[0],
    lineage: str = LINEAGE,
    by: str = "here",
) -> Applied:
    """Carry the plan out. ``crash``: end without a word before that step. ``pick``: which of the ready steps is next.

    After a crash the lockfile holds the intent alone, as on disk.
    """
    made = Applied(world)
    if decided.fatal or not decided.doable:
        return made
    before = lockfile_after(world.lockfile, decided.renamed)
    serial = (before.serial if before else 0) + 1
    started = ApplyStarted(
        plan=decided.id,
        fleet=decided.fleet,
        lineage=(before.lineage if before else "") or lineage,
        serial=serial,
        seed=fingerprinter.seed_fingerprint() or (before.seed if before else ""),
        apply=f"{by}-{serial}",
        applied=observation.Applied(),
        pending=records.pending(decided, before),
        id=decided.fleet_id,
        by_name=decided.by_name,
        renamed=decided.renamed,
    )
    lockfile = replay(world.lockfile, [started])
    assert lockfile is not None
    made.world = replace(world, lockfile=lockfile)

    def take(event: Event) -> None:
        nonlocal lockfile
        lockfile = replay(lockfile, [event])
        assert lockfile is not None

    for step in _in_order(decided.steps, pick):
        if crash is not None and len(made.done) + len(made.failed) >= crash:
            return made
        if {name for name, _ in made.failed}.union(made.skipped) & set(step.after):
            made.skipped.append(step.id)
            continue
        try:
            made.world = fold(made.world, step, fingerprinter)
        except Failed as error:
            made.world = error.world
            made.failed.append((step.id, str(error)))
            continue
        finally:
            made.worlds.append(made.world)
        made.done.append(step.id)
        record = step.locked
        if record is not None:
            had = lockfile.resources.get(step.address)
            record = replace(record, pending=had.pending if had else None)
        take(StepDone(step.id, step.address, step.phase.name.lower(), record, step.removes))
    lost = {name for name, _ in made.failed}.union(made.skipped)
    for address, recorded in records.recorded(decided, lost):
        take(Recorded(address, recorded))
    for address, whole in records.settled(decided, lost, lockfile.resources):
        take(Recorded(address, whole))
    planned, fits = records.planned(decided, before, lockfile, not lost), records.fits(decided, before)
    take(ApplyFinished(serial, planned=planned, fits=fits, owed=records.owed(decided, before, lost, NOW)))
    made.world = replace(made.world, lockfile=lockfile)
    return made


def settled(spec: Spec) -> World:
    """The world after a first apply of the spec; made once."""
    if spec.text not in _SETTLED:
        _SETTLED[spec.text] = apply(World.of(spec), plan(World.of(spec), spec)).world
    return _SETTLED[spec.text]


def _in_order(steps: Sequence[Step], pick: Pick) -> Iterator[Step]:
    for stage in STAGES:
        left = [step for step in steps if step.phase in stage]
        while left:
            waiting = {step.id for step in left}
            ready = [step for step in left if waiting.isdisjoint(step.after)] or left
            step = pick(ready)
            left.remove(step)
            yield step
