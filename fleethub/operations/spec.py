"""Open a spec offline: load it, check it, render every node. No network, no secret, nothing written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path
from types import MappingProxyType

from fleethub import folders
from fleethub.fleetspec import Loaded, Overlay, load
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import SpecError
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile
from fleethub.model.written import Written
from fleethub.operations.stores import known
from fleethub.rendering import Rendered, Renderer, load_schemas, load_templates
from fleethub.state.session_summary import Stamps, stamps


@dataclass(frozen=True, slots=True)
class OpenResult:
    """A spec that holds together, rendered; ``findings`` are warnings, ``stamps`` of its files and templates.

    ``written``: where each of its values stands. ``texts``: the bytes of its files, as in ``Loaded``.
    """

    fleet: Fleet
    rendered: Mapping[str, Rendered]
    findings: tuple[Finding, ...]
    stamps: Stamps = field(default_factory=dict)
    written: Written = field(default_factory=Written, repr=False)
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def load_fleet(path: Path) -> Fleet:
    """Load and check the spec without rendering it; raises SpecError with every finding at once."""
    loaded = load(path)
    if loaded.fleet is None:
        raise SpecError(loaded.findings)
    return loaded.fleet


def open_fleet(
    path: Path,
    overlay: Overlay = MappingProxyType({}),
    lockfile: Callable[[Fleet], Lockfile | None] = known,
) -> OpenResult:
    """Load, cross-check and render a spec, offline; raises SpecError with every finding at once.

    ``overlay``: files that are judged as if they were so on disk (see ``fleetspec.load``). ``lockfile``: what was
    applied to the fleet, whose keys it remembers; without it what this machine last knew.
    """
    loaded = load(path, overlay)
    if loaded.fleet is None:
        raise SpecError(loaded.findings)
    fleet = remembering(loaded.fleet, lockfile(loaded.fleet))
    seen = stamps(Path(fleet.root), _read_of(loaded, fleet))
    renderer = Renderer(load_templates(Path(fleet.root)), load_schemas(Path(fleet.root)))
    rendered = {name: renderer.render(fleet, node) for name, node in fleet.nodes.items()}
    findings = (*loaded.findings, *(f for r in rendered.values() for f in r.findings))
    if any(f.severity is Severity.ERROR for f in findings):
        raise SpecError(findings)
    if forbidden := _forbidden(fleet):
        raise SpecError(tuple(forbidden))
    return OpenResult(fleet, rendered, findings, seen, loaded.written, loaded.texts)


def nothing_applied(fleet: Fleet) -> None:
    """The lockfile for who only judges a spec: which value a key has shows in no finding, and takes long to be read."""


def same_memory(fleet: Fleet, lockfile: Lockfile | None) -> bool:
    """Whether the fleet was opened with what this lockfile remembers of its keys."""
    forgotten = replace(fleet, births={}, floors={}, kept={}, endings={})
    return remembering(forgotten, lockfile) == fleet


def remembering(fleet: Fleet, lockfile: Lockfile | None) -> Fleet:
    """The fleet with what the lockfile remembers of its keys; of renamed ones by their new names."""
    if lockfile is None:
        return fleet
    from fleethub.kinds.key import births, endings, floors, kept
    from fleethub.kinds.readdress import lockfile_after, renames_of

    lockfile = lockfile_after(lockfile, renames_of(fleet, lockfile)) or lockfile
    return replace(
        fleet, births=births(lockfile), floors=floors(lockfile), kept=kept(lockfile), endings=endings(lockfile)
    )


def _read_of(loaded: Loaded, fleet: Fleet) -> Iterable[str]:
    """What a fleet is made from, by names below its folder: the spec's files, templates, and where more may come."""
    yield from loaded.texts
    yield from (f"{folder}/" for folder in loaded.folders)
    for kind in sorted({node.type for node in fleet.nodes.values()}):
        own = Path(fleet.root) / "templates" / kind
        yield f"templates/{kind}/"
        with suppress(OSError):  # what cannot be listed is a finding of the templates
            yield from (f"templates/{kind}/{name}" for name in folders.listing(own))


def _forbidden(fleet: Fleet) -> list[Finding]:
    """Nodes whose variables name the seed, a master key or the state store: none ever belongs on a node."""
    guarded = {a for proxy in fleet.proxies.values() for a in proxy.master_key.alternatives}
    for ref in (fleet.key_seed, fleet.state.reference):
        guarded |= set(ref.alternatives if ref else ())
    return [
        Finding(
            "node.env-forbidden",
            f"{variable} would give the node the seed, a proxy's master key or the state store",
            node.address,
            node.place,
            "a node has its own key already, in FLEETHUB_KEY_<PROXY>",
        )
        for node in fleet.nodes.values()
        for variable, value in node.env.items()
        if not isinstance(value, str) and guarded & set(value.alternatives)
    ]
