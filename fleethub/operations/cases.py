"""``fleethub test``: each case's change of the spec is planned offline, and the plan compared with what is expected.

No network, no secret and no clone's cache: what is known of the backends is what lies beside the spec.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fleethub import folders
from fleethub.atomic import replace as write
from fleethub.cases.change import ChangeError, overlay
from fleethub.cases.compare import Came, Difference, came, differences
from fleethub.cases.read import Case, CaseFile, read
from fleethub.cases.table import json_schema
from fleethub.cases.update import expected, updated
from fleethub.checks.language import installed
from fleethub.kinds.compare import record
from fleethub.lockfile import text as lockfiles
from fleethub.lockfile.errors import LockfileError
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import InputError, SpecError
from fleethub.model.exit import Exit
from fleethub.model.extras import install
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.observation import AnyLocked, Lockfile
from fleethub.model.trust import Guard
from fleethub.operations.offline import facts_of, guard_of, planned, wanted
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit
from fleethub.operations.spec import OpenResult, open_fleet
from fleethub.operations.stores import known
from fleethub.placement.assess import assess
from fleethub.placement.planned import planned_sets

WHERE = "tests/**/*.toml"


@dataclass(frozen=True, slots=True)
class Tried:
    """One case, and in what it is not as expected. ``broken``: why nothing can be compared; ``seconds`` it took.

    ``came``: what came of it; None: it could not be planned.
    """

    case: Case
    differences: tuple[Difference, ...] = ()
    broken: str = ""
    seconds: float = 0.0
    came: Came | None = None

    @property
    def passed(self) -> bool:
        """Whether it is as expected."""
        return not self.differences and not self.broken


@dataclass(frozen=True, slots=True)
class TestResult:
    """All cases that were tried, in their files' order; the files whose expectations were written anew."""

    __test__ = False  # pytest's own word

    tried: tuple[Tried, ...]
    written: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Base:
    """The spec without any case's change: ``records`` as if it were applied; ``guard``: what this machine knows."""

    path: Path
    opened: OpenResult
    guard: Guard
    records: Mapping[Address, AnyLocked]


def run(
    path: Path,
    files: Sequence[str] = (),
    like: str = "",
    update: bool = False,
    tell: Callable[[Tried], None] = lambda _: None,
) -> Outcome[TestResult]:
    """Try the cases of the files, else of those in ``tests/``; ``like``: only those with this in their name.

    ``update``: what came of each is written as what is expected. 3 where one is not as expected. Raises SpecError
    with what is wrong with a file of cases or with the spec, InputError where there is no case.
    """
    opened = open_fleet(path, lockfile=lambda _: None)  # what was applied is the cases' to say
    root = Path(opened.fleet.root)
    found = [read(Path(name), name) for name in files] or [read(root / name, name) for name in _files(root)]
    if wrong := [finding for one in found for finding in one.findings]:
        raise SpecError(tuple(wrong))
    cases = [case for one in found for case in one.cases if like.casefold() in case.name.casefold()]
    if not cases:
        named = f" with {like!r} in its name" if like else ""
        where = ", ".join(files) or WHERE
        raise InputError(f"there is no case{named} in {where}; docs/checks.md shows how one is written")
    if any(check.expression for check in opened.fleet.checks) and not installed():
        message = "no case can be planned: the fleet's checks are CEL expressions, and CEL is not installed here"
        raise SpecError((Finding("check.failed", message, hint=install("checks")),))
    guard = guard_of(opened.fleet, known(opened.fleet))
    base = Base(path, opened, guard, {address: record(want) for address, want in wanted(opened).items()})
    tried = []
    for case in cases:
        one = _tried(base, case)
        tried.append(one)
        tell(one)
    written = _update(found, tried, (root, files)) if update else ()
    bad = any(not one.passed and not (update and one.came) for one in tried)
    return Outcome(TestResult(tuple(tried), written), Exit.REFUSED if bad else Exit.FINE)


def schema_of_cases() -> dict[str, Any]:
    """The JSON Schema of a file of cases."""
    return json_schema()


def _files(root: Path) -> Iterable[str]:
    try:
        return [file.relative_to(root).as_posix() for file in folders.files(root, WHERE)]
    except OSError as error:
        raise InputError(f"tests/ cannot be looked at: {error.strerror}") from None


def _tried(base: Base, case: Case) -> Tried:
    began = time.monotonic()
    try:
        found = _came(base, case)
    except ChangeError as error:
        return Tried(case, broken=str(error), seconds=time.monotonic() - began)
    if not case.table.expect.model_fields_set:
        says = "it expects nothing yet: fleethub test --update writes what comes of it"
        return Tried(case, broken=says, seconds=time.monotonic() - began, came=found)
    return Tried(case, differences(case.table.expect, found), "", time.monotonic() - began, found)


def _came(base: Base, case: Case) -> Came:
    changed = overlay(case.table, base.opened.texts)
    lockfile = _before(base, case, _facts(base.opened, case))
    try:
        after = open_fleet(base.path, changed, lambda _: lockfile)
    except SpecError as error:
        return Came(int(Exit.ERROR), findings=tuple(error.findings))
    if beside := [name for name in case.table.files if name not in after.texts]:
        raise ChangeError(f"files: {beside[0]} is no file of the spec: no include names it")
    plan = planned(after, lockfile, _facts(after, case), base.guard)
    return came(plan, plan_exit(plan), planned_sets(after.fleet))


def _facts(opened: OpenResult, case: Case) -> Facts:
    """What is known of the backends; raises ChangeError where the case names facts that are not there."""
    place = Path(opened.fleet.root) / case.table.facts
    try:
        there = "facts" not in case.table.model_fields_set or folders.is_folder(place)
    except OSError as error:
        raise ChangeError(f"facts: {case.table.facts} cannot be looked at: {error.strerror}") from None
    if not there:
        raise ChangeError(f"facts: there is no folder {case.table.facts}; fleethub observe --facts writes one")
    facts = facts_of(opened.fleet, case.table.facts, own=False)
    return replace(facts, at=f"{case.table.today.isoformat()}T00:00:00+00:00") if case.table.today else facts


def _before(base: Base, case: Case, facts: Facts) -> Lockfile | None:
    """What was applied before: the spec as it is, nothing, or what a lockfile says."""
    fleet = base.opened.fleet
    if case.table.before == "nothing":
        return None
    if case.table.before != "spec":
        file = Path(fleet.root) / case.table.before
        try:
            if (found := folders.kind(file)) != "file":
                raise ChangeError(f"before: {case.table.before} {'is no file' if found else 'does not exist'}")
            return lockfiles.load(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ChangeError(f"before: {case.table.before} cannot be read: {why}") from None
        except LockfileError as error:
            raise ChangeError(f"before: {case.table.before} is no lockfile: {error}") from None
    sets = planned_sets(fleet)
    there = {b.name: assess(fleet, b, facts, (), sets.get(b.name, ())).planned for b in fleet.backends.values()}
    return Lockfile(
        fleet.name,
        "as the spec is",
        1,
        "",
        base.records,
        {name: entries for name, entries in there.items() if entries},
        id=fleet.id,
        by_name=fleet.by_name,
    )


def _update(files: Sequence[CaseFile], tried: Sequence[Tried], where: tuple[Path, Sequence[str]]) -> tuple[str, ...]:
    """Write what came of the cases that are not as expected; the names of the files that are written."""
    root, given = where
    written = []
    for file in files:
        wrong: Mapping[int, Tried] = {one.case.number: one for one in tried if one.case.file == file.name}
        made = {
            number: expected(one.case.table.expect, one.came)
            for number, one in wrong.items()
            if one.came is not None and (one.differences or not one.case.table.expect.model_fields_set)
        }
        if made:
            target = (Path(file.name) if given else root / file.name).resolve()  # behind a link it is the link's file
            write(target, updated(file.text, made), target.stat().st_mode & 0o777)
            written.append(file.name)
    return tuple(written)
