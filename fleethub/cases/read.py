"""Files of cases, read with the place of everything; whatever is wrong with one is a finding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from fleethub.cases.table import CasesTable, CaseTable
from fleethub.fleetspec import report
from fleethub.fleetspec.sources import Sources, read_document
from fleethub.fleetspec.validate import finding_of, literal_secrets, real
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Finding, SourceLocation


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a file: the ``number``-th (from 0), and where it stands."""

    file: str
    number: int
    place: SourceLocation
    table: CaseTable

    @property
    def name(self) -> str:
        """What it shows."""
        return self.table.name


@dataclass(frozen=True, slots=True)
class CaseFile:
    """``findings``: what is wrong with it, and then it has no cases."""

    name: str
    text: bytes = b""
    cases: tuple[Case, ...] = ()
    findings: tuple[Finding, ...] = ()


def read(file: Path, name: str) -> CaseFile:
    """Read a file of cases; ``name``: what it is called for people. No input makes it raise."""
    sources = Sources(file.parent, name)
    document = read_document(sources, file, name, "fleethub test alone tries the cases in tests/ of the fleet")
    if document is None:
        return CaseFile(name, findings=tuple(sources.findings))
    sources.doc, sources.places = document
    found = literal_secrets(sources)
    try:
        table = CasesTable.model_validate(sources.doc)
    except ValidationError as errors:
        wrong = errors.errors(include_url=False, include_input=False)
        found += [finding_of(error, real(error["loc"], sources), sources, CasesTable) for error in wrong]
        return CaseFile(name, sources.files[name], findings=tuple(found))
    found += _same_names(table, sources)
    cases = tuple(
        Case(name, n, sources.at(("case", n)) or SourceLocation(name, 1, 1), one) for n, one in enumerate(table.case)
    )
    return CaseFile(name, sources.files[name], () if found else cases, tuple(found))


def _same_names(table: CasesTable, sources: Sources) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for number, one in enumerate(table.case):
        if one.name in seen:
            message = f"another case is called {report.shown(one.name)}, at {sources.at(('case', seen[one.name]))}"
            yield report.finding("spec.duplicate", message, sources.at(("case", number, "name")), "say what differs")
        seen.setdefault(one.name, number)
