"""A fleet's seed as its operators keep it: where its file belongs, and whether it is the right one."""

from __future__ import annotations

from pathlib import Path

from fleethub.clients.resolver import SecretError, SecretResolver
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.exit import Exit
from fleethub.model.finding import FATAL, Finding
from fleethub.model.fleet import Fleet
from fleethub.model.trust import SEED, runs
from fleethub.operations.outcome import Outcome
from fleethub.operations.spec import load_fleet
from fleethub.operations.stores import latest
from fleethub.operations.trust import New, Trusting, command_line, settle

FILE = "file:"


@dataclass(frozen=True, slots=True)
class SeedResult:
    """What became of the look; ``fingerprint`` and ``lockfile`` are empty where there is none."""

    says: str
    reference: str
    fingerprint: str = ""
    lockfile: str = ""


def places(path: Path) -> tuple[Path, ...]:
    """The files that ``key_seed`` names, in its order; raises SpecError."""
    fleet = load_fleet(path)
    return tuple(file_of(Path(fleet.root), a) for a in alternatives(fleet) if a.startswith(FILE))


def alternatives(fleet: Fleet) -> tuple[str, ...]:
    """The references of ``key_seed``."""
    return fleet.key_seed.alternatives if fleet.key_seed else ()


def file_of(root: Path, reference: str) -> Path:
    """The file of a ``file:`` reference, as it is opened."""
    return root / Path(reference.removeprefix(FILE)).expanduser()


def check(path: Path, trusting: Trusting) -> Outcome[SeedResult]:
    """Open the seed and compare; raises SpecError, and what ``settle`` raises."""
    fleet = load_fleet(path)
    reference = " or ".join(alternatives(fleet))
    if fleet.key_seed is None:
        return Outcome(SeedResult("The spec names no key_seed.", reference), Exit.ERROR)
    lockfile = latest(fleet, trusting)
    wanted = lockfile.seed if lockfile else ""
    resolver = SecretResolver(Path(fleet.root), fleet.key_seed, (), settle(fleet, lockfile, trusting).guard)
    address = Address("fleet", fleet.name)
    try:
        resolver.seed()
    except SecretError as error:
        unusable = Finding(error.code, str(error), address, hint=_hint(fleet, error.code))
        result = SeedResult("The seed cannot be used.", reference, lockfile=wanted)
        return Outcome(result, _exit(error.code), (unusable,))
    found = resolver.seed_fingerprint() or ""
    if wanted and found != wanted:
        mismatch = Finding(
            "seed.mismatch",
            f"the seed's fingerprint is {found}, and the lockfile's {wanted}",
            address,
            hint="get the seed that this fleet's keys were derived from, from whoever applied it",
        )
        result = SeedResult("This is not the fleet's seed.", reference, found, wanted)
        return Outcome(result, Exit.REFUSED, (mismatch,))
    same = "and it is the one that fleet.lock's keys were derived from" if wanted else "and there is no fleet.lock yet"
    return Outcome(SeedResult(f"The seed is here ({reference}), {same}: {found}", reference, found, wanted))


def _hint(fleet: Fleet, code: str) -> str:
    if code == "command.new":
        its = tuple(run for run in runs(fleet) if run.what == SEED)
        return f"if it is right: {command_line(New(runs=its))}"
    if any(alternative.startswith(FILE) for alternative in alternatives(fleet)):
        return "fleethub seed path says where its file belongs"
    return "set what key_seed in [fleet] names, or correct it"


def _exit(code: str) -> Exit:
    return Exit(FATAL.get(code, Exit.REFUSED if code in ("secret.mode", "command.new") else Exit.ERROR))
