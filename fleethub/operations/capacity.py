"""Questions about VRAM: what is planned for each backend, whether a model fits beside it, and where it would.

Reads the backends, and the proxies for what their routes set; needs neither the seed nor a node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fleethub.engines.registry import ENGINES, lacks
from fleethub.fleetspec import load
from fleethub.fleetspec.values import params as params_of
from fleethub.model.capacity import Answer, CapacityReport, Fit, Rank
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import SpecError
from fleethub.model.exit import Exit
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Fleet
from fleethub.model.measuring import ServerSettings
from fleethub.model.observation import Source
from fleethub.operations.certificates import authorities
from fleethub.operations.inputs import CapacityInput
from fleethub.operations.outcome import Outcome
from fleethub.operations.stores import known
from fleethub.operations.trust import ALONE, Trusting, settle
from fleethub.placement.ask import UNKNOWN_BACKEND, AskError, Question, ask, backend_of, rank
from fleethub.placement.planned import planned_sets
from fleethub.placement.report import report
from fleethub.placement.settings import settings_for
from fleethub.sizing.architecture import ModelArchitecture, architecture_of, architecture_of_params
from fleethub.sizing.quant import BITS

__all__ = ["UNKNOWN_BACKEND", "CapacityResult", "LookResult", "Looking", "look", "looking", "new_model", "overview"]
__all__ += ["params_of_text", "run", "settings", "write_settings"]

if TYPE_CHECKING:
    from fleethub.clients.http import Http
    from fleethub.clients.probe import Unreachable


@dataclass(frozen=True, slots=True)
class LookResult:
    """A fleet and what was read of it; ``findings`` are the spec's warnings."""

    fleet: Fleet
    facts: Facts
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class CapacityResult:
    """One of: ``reports`` (how each backend is filled), ``answer`` (does it fit), ``places`` (where it could go)."""

    reports: tuple[CapacityReport, ...] = ()
    answer: Answer | None = None
    places: tuple[Rank, ...] = ()


def run(looked: LookResult, asked: CapacityInput, new: ModelArchitecture | None = None) -> Outcome[CapacityResult]:
    """Answer from what was read; ``new``: what ``new_model`` made of the question, where that was done already.

    Raises AskError.
    """
    if asked.model is None:
        reports = overview(looked, asked.backend)
        return Outcome(CapacityResult(reports), overview_exit(reports))
    new = new or new_model(asked)
    question = Question(asked.backend or "", asked.model, asked.context, asked.parallel, asked.kv_type, new)
    if asked.backend is not None:
        answer = ask(looked.fleet, looked.facts, question)
        return Outcome(CapacityResult(answer=answer), verdict_exit(answer))
    places = rank(looked.fleet, looked.facts, question)
    return Outcome(CapacityResult(places=places), places_exit(places))


def look(path: Path, name: str | None = None, trusting: Trusting = ALONE) -> LookResult:
    """Load the spec and read backends and proxies, those that answer; ``name``: a model to be asked about.

    Raises SpecError, and what ``operations.trust.settle`` raises. Hosts that do not answer cost about a second in all.
    """
    with looking(path, name, trusting) as now:
        return LookResult(now.fleet, now.read(now.wanted), now.findings)


@dataclass(frozen=True, slots=True)
class Looking:
    """A fleet whose backends and proxies may be read, more than once; ``wanted``: all that a question reads."""

    fleet: Fleet
    findings: tuple[Finding, ...]
    wanted: tuple[Source, ...]
    http: Http
    read: Callable[[Iterable[Source]], Facts]


@contextmanager
def looking(path: Path, name: str | None = None, trusting: Trusting = ALONE) -> Iterator[Looking]:
    """What ``look`` reads with, until the end of the block; raises what that raises."""
    from fleethub.clients.probe import ConnectionProbe
    from fleethub.planning.sources import sources

    loaded = load(path)
    if loaded.fleet is None:
        raise SpecError(loaded.findings)
    fleet = loaded.fleet
    wanted = [_asking(s, _tag(fleet, name)) for s in sources(fleet, {}, None)]
    trust = settle(fleet, known(fleet), trusting)
    probe = ConnectionProbe(s.at for s in wanted if s.system in ("litellm", *ENGINES) and trust.guard.allows(s.at))
    # what takes long to import is imported while hosts that say nothing are waited for
    from fleethub.clients.http import Http
    from fleethub.clients.resolver import SecretResolver
    from fleethub.clients.shell import Shells
    from fleethub.observing import observe

    silent = _silent(fleet, wanted, probe.unreachable())
    guard = trust.guard
    resolver = SecretResolver(
        Path(fleet.root), None, tuple(proxy.master_key for proxy in fleet.proxies.values()), guard
    )
    http = Http(guard=guard, authorities=authorities(fleet))
    shells = Shells(fleet.ssh_program, fleet.secret_variables, guard)

    def read(asked: Iterable[Source]) -> Facts:
        return observe(fleet, asked, http, resolver, shells, silent)

    try:
        yield Looking(fleet, (*loaded.findings, *trust.findings), tuple(wanted), http, read)
    finally:
        http.close()
        shells.close()


def settings(looked: LookResult, backend: str | None = None) -> Outcome[tuple[ServerSettings, ...]]:
    """The cheapest settings of each server on which something is planned; raises AskError for a name that is none.

    3 where the plan of one holds under none that are known, 1 where that is not known.
    """
    fleet, planned = looked.fleet, planned_sets(looked.fleet)
    mine = list(fleet.backends.values()) if backend is None else [backend_of(fleet, backend)]
    if backend is not None and mine[0].engine is None:
        raise AskError(lacks(mine[0]))
    sets = [(b, planned.get(b.name, ())) for b in mine if b.engine is not None]
    found = tuple(settings_for(fleet, b, looked.facts, entries) for b, entries in sets if entries)
    broken = [one for one in found if one.verdict is None and one.now.fit is not Fit.FITS]
    unknown = all(one.now.fit is Fit.UNKNOWN for one in broken)
    return Outcome(found, Exit.FINE if not broken else Exit.ERROR if unknown else Exit.REFUSED)


def write_settings(found: Iterable[ServerSettings], folder: Path) -> tuple[Path, ...]:
    """The files of all that have one, each in a folder of its backend's; raises AskError where that cannot be."""
    from fleethub.atomic import replace as write_file

    written = []
    for one in found:
        if not one.file:
            continue
        path = folder / one.backend / one.file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, one.text.encode(), 0o644)
        except OSError as error:
            raise AskError(f"{path} cannot be written: {error.strerror or error}") from None
        written.append(path)
    return tuple(written)


def overview(looked: LookResult, backend: str | None = None) -> tuple[CapacityReport, ...]:
    """Every backend with a model server, or the one that is named; raises AskError for a name that is none."""
    fleet = looked.fleet
    chosen = list(fleet.backends.values()) if backend is None else [backend_of(fleet, backend)]
    if backend is not None and chosen[0].engine is None:
        raise AskError(lacks(chosen[0]))
    planned = planned_sets(fleet)
    return tuple(report(fleet, b, looked.facts, planned.get(b.name, ())) for b in chosen if b.engine is not None)


def params_of_text(text: str) -> int:
    """``32B`` as a number, by the spec's own rule; raises AskError."""
    try:
        return params_of(text)
    except ValueError as error:
        raise AskError(f"{error}: write it like 32B or 1.5B") from None


def new_model(asked: CapacityInput, file: Path | None = None) -> ModelArchitecture | None:
    """The architecture of a model that is neither in the spec nor installed: of a GGUF ``file``, or of parameters.

    Reads nothing of the fleet. Raises AskError for an unusable file, number or quant.
    """
    if file is not None:
        from fleethub.clients.gguf import GgufError, read

        try:
            shown, size = read(file)
        except GgufError as error:
            raise AskError(str(error)) from None
        shape = architecture_of(shown, size)
        if shape is None:
            arch = shown.info.get("general.architecture")
            raise AskError(
                f"{file}: the shape of architecture {arch!r} is not known; give --params and --quant instead"
            )
        return shape
    if not asked.params:
        return None
    params, label = params_of_text(asked.params), (asked.quant or "Q4_K_M").upper()
    if label not in BITS:
        raise AskError(f"no quantisation is called {asked.quant!r}; there are: {', '.join(sorted(BITS))}")
    return architecture_of_params(params, label)


def overview_exit(reports: Iterable[CapacityReport]) -> Exit:
    """3 when a backend's set does not fit, 1 when of all that is planned nothing is known."""
    found = [r for r in reports if r.verdict.placed]
    if any(f.severity is Severity.ERROR for r in found for f in r.findings):
        return Exit.REFUSED
    return Exit.ERROR if found and all(r.verdict.fit is Fit.UNKNOWN for r in found) else Exit.FINE


def verdict_exit(answer: Answer) -> Exit:
    """0 when it fits, 1 when that is not known, else 3."""
    codes = {Fit.FITS: Exit.FINE, Fit.UNKNOWN: Exit.ERROR}
    return codes.get(answer.verdict.fit, Exit.REFUSED)


def places_exit(ranks: Iterable[Rank]) -> Exit:
    """0 when a backend holds it, 1 when one might, else 3."""
    fits = {r.answer.verdict.fit for r in ranks}
    return Exit.FINE if Fit.FITS in fits else Exit.ERROR if Fit.UNKNOWN in fits else Exit.REFUSED


def _tag(fleet: Fleet, name: str | None) -> str | None:
    return (fleet.models[name].tag if name in fleet.models else name) if name else None


def _asking(source: Source, tag: str | None) -> Source:
    if source.system not in ENGINES or tag is None or tag in source.ask:
        return source
    return replace(source, ask=(*source.ask, tag))


def _silent(fleet: Fleet, wanted: Sequence[Source], quiet: Mapping[str, Unreachable]) -> dict[tuple[str, str], str]:
    """Sources that do not answer, and why; a machine that is away is not asked for its GPUs either."""
    found = {s.id: quiet[s.at].reason for s in wanted if s.at in quiet}
    for backend in fleet.backends.values():
        silence = quiet.get(backend.engine.url) if backend.engine else None
        if backend.ssh not in (None, "local") and silence is not None and not silence.alive:
            found |= {s.id: silence.reason for s in wanted if s.system == "gpu" and s.at == backend.ssh}
    return found
