"""Rotate the seed: every value anew, from another seed, also where the old one is lost.

What a lockfile knows of values are fingerprints under the seed. They are taken anew, under the new one, of what lies
on the proxies and nodes with this fleet's mark: the master keys and the marks suffice. Nothing is sent but reads. From
then on each value that is there is an older one, and the next apply replaces it in the usual order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fleethub import folders
from fleethub.atomic import create
from fleethub.clients.resolver import SecretError, SecretResolver, new_seed
from fleethub.kinds import KINDS
from fleethub.kinds.values import ObserveContext
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import EditError
from fleethub.model.exit import Exit
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile, Unknown
from fleethub.model.plan import Action, Change, Result
from fleethub.model.secret import SecretRef
from fleethub.operations.apply import ApplyInput, carry_out
from fleethub.operations.held import HeldPlan, PlanInput, ordered
from fleethub.operations.outcome import Outcome
from fleethub.operations.seed import FILE, alternatives, file_of
from fleethub.operations.workplace import Workplace
from fleethub.planning import grounded, sources


@dataclass(frozen=True, slots=True)
class SeedRotation:
    """``file``: where a new seed is written (None: the one at hand is new already), ``aside``: where the old one goes.

    ``facts`` is what was read, ``says`` in words what is going to be done.
    """

    file: Path | None
    aside: Path | None
    facts: Facts
    says: str


def prepare(workplace: Workplace) -> Outcome[SeedRotation | None]:
    """Read everything that was applied; None where a proxy does not answer, for its keys would be lost. Writes nothing.

    Raises EditError where no seed can be written.
    """
    lockfile = grounded(workplace.store.read().lockfile, workplace.trust.credential)
    if lockfile is None:
        raise EditError("unknown-key", "nothing was applied from here: write another seed where key_seed points")
    fleet = workplace.fleet
    file, aside, says = _place(fleet, lockfile, workplace.trust.guard.runs)
    wanted = workplace.wanted(fleet)
    facts = workplace.read(sources(fleet, wanted, lockfile))
    keys = [record.source for address, record in lockfile.resources.items() if address.kind == "key"]
    dark = sorted({source.at: r.reason for source in keys if isinstance(r := facts.of(source), Unknown)}.items())
    if dark:
        hint = "all proxies must answer, for the keys of one that does not would be lost; nothing was written"
        found = tuple(
            Finding("proxy.unreadable", f"{at}: {why}", Address("fleet", fleet.name), hint=hint) for at, why in dark
        )
        return Outcome(None, Exit.ERROR, found)
    return Outcome(SeedRotation(file, aside, facts, says))


def run(path: Path, made: SeedRotation, open_place: Callable[[], Workplace]) -> Outcome[Result]:
    """Put the new seed in place, and the lockfile under it. Whoever is killed in between runs it again.

    ``open_place`` opens the fleet with the new seed. Raises OSError, and what ``apply.carry_out`` raises.
    """
    if made.file is not None:
        if made.aside is not None:
            made.file.rename(made.aside)
        made.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        create(made.file, f"{new_seed()}\n".encode(), 0o600)
    with open_place() as after, after.lock("rotate --seed"):
        held = _resealed(after, made.facts)
        return carry_out(
            after, held, ApplyInput(action="rotate --seed"), then=lambda lockfile: replace(held, lockfile=lockfile)
        )


def _resealed(workplace: Workplace, facts: Facts) -> HeldPlan:
    """The records under the seed that is at hand, as a plan that writes nothing but them."""
    stored = workplace.store.read()
    lockfile = grounded(stored.lockfile, workplace.trust.credential)
    if lockfile is None:  # pragma: no cover - it was there when this was prepared
        raise EditError("unknown-key", "fleet.lock is gone")
    wanted = workplace.wanted(workplace.fleet)
    context = ObserveContext(facts, workplace.resolver, lockfile.lineage)
    changes = []
    for address, record in sorted(lockfile.resources.items()):
        attrs = KINDS[address.kind].resealed(address, wanted.get(address), record, context)
        begun = replace(record.pending, attrs=None) if record.pending is not None else None
        changes.append(Change(address, Action.RECORD, locked=replace(record, attrs=attrs, pending=begun)))
    plan = ordered(lockfile, "Every value anew, from another seed.", changes, lockfile.resources)
    return HeldPlan(PlanInput(), plan, wanted, facts, lockfile, base=stored.version)


def _place(fleet: Fleet, lockfile: Lockfile, runs: Callable[[str], bool]) -> tuple[Path | None, Path | None, str]:
    """Where the new seed goes, where the old one then is, and that in words."""
    root = Path(fleet.root)
    files = [a for a in alternatives(fleet) if a.startswith(FILE)]
    for alternative in alternatives(fleet):
        resolver = SecretResolver(root, SecretRef((alternative,)))
        if alternative.startswith("command:") and not runs(alternative.removeprefix("command:")):
            continue
        try:
            resolver.seed()
        except SecretError:
            continue
        if resolver.seed_fingerprint() != lockfile.seed:
            return None, None, f"the seed of {alternative} is not the one of fleet.lock: all is derived anew from it"
        if not alternative.startswith(FILE):
            hint = "write another seed there yourself, then run this again"
            raise EditError("by-hand", f"the seed comes from {alternative}, which is not written here", hint)
        file = file_of(root, alternative)
        aside = next(p for n in range(1, 1000) if not folders.exists(p := file.with_name(f"{file.name}.old{n}")))
        return file, aside, f"a new seed is written to {file}; the old one stays as {aside}"
    if not files:
        raise EditError("by-hand", "the seed does not resolve, and key_seed names no file to write a new one to")
    file = file_of(root, files[0])
    if folders.exists(file):
        hint = "move it away, or mend it (fleethub seed check), then run this again"
        raise EditError("by-hand", f"{file} is there, and is no seed that can be used", hint)
    return file, None, f"the seed does not resolve: a new one is written to {file}"
