"""From a path to a fleet, or to everything that is wrong with it. No input makes it raise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType

import fleethub
from fleethub import nodetypes
from fleethub.fleetspec import report
from fleethub.fleetspec.accept import check_accept
from fleethub.fleetspec.checks import GROUPS, CheckContext, check
from fleethub.fleetspec.consumers import check_consumers
from fleethub.fleetspec.merge import MergedNode, merged_nodes
from fleethub.fleetspec.nodes import check_nodes
from fleethub.fleetspec.own_checks import check_checks
from fleethub.fleetspec.renames import check_moved, unused_keys
from fleethub.fleetspec.resolve import resolve
from fleethub.fleetspec.sources import MAIN, Overlay, Sources, digest, read_includes, read_main
from fleethub.fleetspec.types import read_type, taken
from fleethub.fleetspec.validate import validate
from fleethub.fleetspec.values import SECRET
from fleethub.model.consuming import DeclaredType
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Finding, Severity, SourceLocation
from fleethub.model.fleet import Fleet
from fleethub.model.written import KeyPath, Written


@dataclass(frozen=True, slots=True)
class Loaded:
    """``fleet`` is None exactly when a finding is an error. ``files``: those that were read, absolute.

    ``texts``: their bytes by their names below the fleet's folder, the main file first. ``folders``: names of those
    below it in which an include with ``*`` looks, whether they are there or not. ``written``: where each value stands.
    """

    fleet: Fleet | None
    findings: tuple[Finding, ...]
    files: tuple[Path, ...]
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    folders: tuple[str, ...] = ()
    written: Written = field(default_factory=Written, repr=False)

    @property
    def digest(self) -> str:
        """Over the names and bytes of all files that were read."""
        return digest(self.texts)


def load(path: Path, overlay: Overlay = MappingProxyType({})) -> Loaded:
    """Read a fleet.toml, or the one in a folder, with all that it includes.

    ``overlay``: files by their names below the fleet's folder that are judged as if they were so on disk (None: as
    if they were not there); nothing is written.
    """
    try:
        sources = read_main(path, overlay)
    except PermissionError as error:
        message = f"the fleet's folder cannot be looked at: {error.strerror}"
        problem = report.finding(
            "spec.unreadable", message, SourceLocation(MAIN, 1, 1), "make it readable for this user"
        )
        return Loaded(None, (problem,), ())
    except (OSError, ValueError, RuntimeError):
        hint = "name a folder that is there by a path in UTF-8 without control characters"
        problem = report.finding(
            "spec.unreadable", "the path of the fleet is unusable", SourceLocation(MAIN, 1, 1), hint
        )
        return Loaded(None, (problem,), ())
    fleet, findings, layers = _judge(sources)
    found = tuple(_sorted(findings))
    files = tuple(sources.root / name for name in sources.files)
    written = Written(sources.places, sources.doc, layers)
    return Loaded(fleet, found, files, dict(sources.files), tuple(sorted(sources.folders)), written)


def _judge(sources: Sources) -> tuple[Fleet | None, list[Finding], dict[str, tuple[KeyPath, ...]]]:
    """The fleet, None with an error; what was found, in no order; and of which tables each node is made."""
    if sources.findings:
        return None, sources.findings, {}
    if problem := _version(sources):
        return None, [problem], {}
    read_includes(sources)
    # A missing file makes references to what it would define look wrong: then they are not judged.
    complete = all(f.code == "spec.duplicate" for f in sources.findings)
    validated = validate(sources)
    findings, spec = [*sources.findings, *validated.findings], validated.spec
    if spec is None:
        return None, findings, {}
    defined = {group: frozenset(_names(sources, group)) for group in GROUPS}
    nodes = merged_nodes(spec, validated)
    types, wrong = _types(nodes, sources)
    context = CheckContext(spec, sources, validated, defined, complete, types)
    findings += [
        *wrong,
        *check(context),
        *check_moved(context, nodes),
        *check_accept(context),
        *check_checks(context),
        *check_consumers(context),
        *check_nodes(context, nodes),
    ]
    errors = any(f.severity is Severity.ERROR for f in findings)
    findings += [] if errors else unused_keys(context, nodes)
    fleet = None if errors else resolve(spec, nodes, sources, types)
    return fleet, findings, {node.name: node.layers for node in nodes}


def _types(nodes: list[MergedNode], sources: Sources) -> tuple[dict[str, DeclaredType | None], list[Finding]]:
    """The types that nodes name, FleetHub does not have and the fleet brings, and what is wrong with them."""
    named = {str(node.values["type"]) for node in nodes if "type" in node.values} - set(nodetypes.names())
    types: dict[str, DeclaredType | None] = {}
    findings = [f for name in nodetypes.names() if (f := taken(sources, name)) is not None]
    for name in sorted(named):
        kind, wrong = read_type(sources, name)
        findings += wrong
        if kind is not None or wrong:
            types[name] = kind
    return types, findings


def _names(sources: Sources, group: str) -> Iterator[str]:
    table = sources.doc.get(group)
    return (n for n in table if not SECRET.search(n)) if isinstance(table, dict) else iter(())


def _version(sources: Sources) -> Finding | None:
    """A spec for another FleetHub may mean other things by the same words, so nothing else is said then."""
    fleet = sources.doc.get("fleet")
    wanted = fleet.get("required_version") if isinstance(fleet, dict) else None
    if not isinstance(wanted, str):
        return None
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        met = SpecifierSet(wanted).contains(fleethub.__version__, prereleases=True)
    except InvalidSpecifier:
        return None  # the schema says so
    if met:
        return None
    message = f"this fleet wants FleetHub {report.shown(wanted)}, and this is {fleethub.__version__}"
    place = sources.at(("fleet", "required_version"))
    return report.finding("spec.version", message, place, "install a FleetHub that fits, or change required_version")


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    """In the files' order, each once."""
    last = SourceLocation("\uffff", 0, 0)
    unique: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        # A secret is found by its look and by where it stands: one finding is enough.
        what = "" if finding.code == "spec.literal-secret" else finding.message
        unique.setdefault((finding.code, finding.place, what), finding)
    return sorted(unique.values(), key=lambda f: (f.place or last, f.code, f.message))
