"""What came of a case, and in what it is not as expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from fleethub.cases.table import ExpectTable
from fleethub.model.capacity import Fit
from fleethub.model.dataclass import dataclass
from fleethub.model.exit import Exit
from fleethub.model.finding import Finding, Severity
from fleethub.model.plan import MISSING, Action, Plan


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a case: changes by address, what was found, what backends do with their sets."""

    exit: int
    changes: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    capacity: Mapping[str, str] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)  # of what is blocked


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a case is not as expected; ``what`` of the expectation, and both sides for people."""

    what: str
    expected: str
    found: str


def came(plan: Plan, exit: Exit, planned: Iterable[str] = ()) -> Came:
    """What a plan is, as far as a case can tell it; ``planned``: the backends for which something is planned."""
    told = [change for change in plan.changes if change.action is not Action.RECORD]
    loads = dict.fromkeys(planned, Fit.UNKNOWN.value)
    loads |= {load.backend: load.verdict.fit.value for load in plan.loads if load.verdict is not None}
    return Came(
        int(exit),
        {str(change.address): change.action.value for change in told},
        plan.findings,
        {str(c.address): {".".join(f.path): plain(f.after) for f in c.fields} for c in told},
        loads,
        {str(change.address): change.blockers[0].reason for change in told if change.blockers},
    )


def plain(value: Any) -> Any:
    """A value as TOML has it; None: there is none."""
    if value is MISSING or value is None:
        return None
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple | set | frozenset) else value


def line_of(finding: Finding) -> str:
    """A finding as a case names it."""
    return f"{finding.code} {finding.address}" if finding.address is not None else finding.code


def differences(expect: ExpectTable, found: Came) -> tuple[Difference, ...]:
    """In what it is not as expected; empty: it is."""
    return tuple(_differences(expect, found))


def _differences(expect: ExpectTable, found: Came) -> Iterator[Difference]:
    if expect.exit is not None and expect.exit != found.exit:
        errors = [] if expect.findings is not None else [f for f in found.findings if f.severity is Severity.ERROR]
        because = f" ({line_of(errors[0])}: {errors[0].message})" if errors else ""
        yield Difference("exit", str(expect.exit), f"{found.exit}{because}")
    if expect.changes is not None:
        for address in sorted({*expect.changes, *found.changes}):
            want, have = expect.changes.get(address, ""), found.changes.get(address, "")
            if want != have:
                because = f" ({found.why[address]})" if address in found.why and have == "blocked" else ""
                yield Difference(f"changes {address}", want or "no change", (have or "no change") + because)
    if expect.findings is not None:
        yield from _findings(expect.findings, found.findings)
    for address, fields in expect.fields.items():
        there = found.fields.get(address, {})
        for name, value in fields.items():
            if name not in there:
                beside = f"it does not change; what does: {', '.join(sorted(there)) or 'nothing'}"
                yield Difference(f"fields {address} {name}", repr(value), beside)
            elif there[name] != value:
                yield Difference(f"fields {address} {name}", repr(value), repr(there[name]))
    for backend, verdict in expect.capacity.items():
        have = found.capacity.get(backend, "nothing is planned there")
        if verdict != have:
            yield Difference(f"capacity {backend}", verdict, have)


def _findings(expected: Sequence[str], found: Iterable[Finding]) -> Iterator[Difference]:
    """Each that is expected is found, and each that is found is expected: by its code, or by that and its address."""
    every = list(found)
    for line in expected:
        if not any(line in (one.code, line_of(one)) for one in every):
            yield Difference("findings", line, "it is not found")
    for one in every:
        if one.code not in expected and line_of(one) not in expected:
            yield Difference("findings", "nothing of it", f"{line_of(one)}: {one.message}")
