"""What FleetHub can do, for whoever asks: command line now, server later. No printing, no parsing of arguments."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fleethub import __version__, folders
from fleethub.fleetspec import Loaded, Overlay, load
from fleethub.kinds.values import Inputs, ObserveContext
from fleethub.model.address import Address
from fleethub.model.address import node as node_address
from fleethub.model.event import Event
from fleethub.model.exit import Exit, worst
from fleethub.model.facts import Facts
from fleethub.model.finding import FATAL, Finding, Severity
from fleethub.model.fleet import Fleet
from fleethub.model.fleet_status import FleetStatus
from fleethub.model.observation import Applied, Lockfile, Observation, Resource, Source
from fleethub.model.plan import Plan, Result, Why
from fleethub.model.secret import Secret
from fleethub.rendering import Rendered, load_schemas, load_templates, render
from fleethub.state.context import LOCKFILE, Stamps, stamps
from fleethub.stores import open_store
from fleethub.stores.interface import Store

if TYPE_CHECKING:
    from fleethub.operations.trust import Trusting


class SpecError(Exception):
    """The spec, or what is rendered from it, is wrong: ``findings`` say where and what to do."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        super().__init__(f"{len(findings)} findings")


class NotThereYet(Exception):
    """Part of the design that this version does not do."""


class Decision(Enum):
    """What an operator says to a plan; ``WITHOUT_REPAIR``: plan again and leave drift alone."""

    APPLY = "apply"
    WITHOUT_REPAIR = "without-repair"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Pace:
    """How many nodes are touched at a time, how many may not come up before the rest is left alone; how many sources
    are read at a time.
    """

    parallel: int = 16
    max_failures: int = 0
    reads: int = 32


@dataclass(frozen=True, slots=True)
class Opened:
    """A spec that holds together, rendered; ``findings`` are warnings, ``stamps`` of its files and templates."""

    fleet: Fleet
    rendered: Mapping[str, Rendered]
    findings: tuple[Finding, ...]
    stamps: Stamps = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with what it was made from; ``stamps`` are those of the files on disk, from before they were read.
    ``base`` is the version of the lockfile in its store.
    """

    plan: Plan
    wanted: Mapping[Address, Resource]
    facts: Facts
    lockfile: Lockfile | None
    stamps: Stamps = field(default_factory=dict)
    base: str = ""


def open_fleet(
    path: Path, overlay: Overlay = MappingProxyType({}), store: Callable[[Path], Store] = open_store
) -> Opened:
    """Load, cross-check and render a spec, offline; raises SpecError with every finding at once.

    ``overlay``: files that are judged as if they were so on disk (see ``spec.load``).
    """
    loaded = load(path, overlay)
    if loaded.fleet is None:
        raise SpecError(loaded.findings)
    fleet = _remembering(loaded.fleet, store(Path(loaded.fleet.root)))
    seen = stamps(Path(fleet.root), _read_of(loaded, fleet))
    templates, schemas = load_templates(Path(fleet.root)), load_schemas(Path(fleet.root))
    rendered = {name: render(fleet, node, templates, schemas) for name, node in fleet.nodes.items()}
    findings = (*loaded.findings, *(f for r in rendered.values() for f in r.findings))
    if any(f.severity is Severity.ERROR for f in findings):
        raise SpecError(findings)
    if forbidden := _forbidden(fleet):
        raise SpecError(tuple(forbidden))
    wiring = sorted(name for name, node in fleet.nodes.items() if node.manage == "wiring")
    if wiring:
        raise NotThereYet(f'manage = "wiring" (node {wiring[0]}) is not there yet; use manage = "whole"')
    return Opened(fleet, rendered, findings, seen)


def _remembering(fleet: Fleet, store: Store) -> Fleet:
    """With what the lockfile remembers of its keys; one that cannot be read is told of where it is needed."""
    from fleethub.kinds.key import floors
    from fleethub.lockfile.errors import LockfileError

    try:
        lockfile = store.read().lockfile
    except LockfileError:
        return fleet
    if lockfile is None:
        return fleet
    return replace(
        fleet,
        births={address: locked.born for address, locked in lockfile.resources.items() if locked.born},
        floors=floors(lockfile),
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
    """Nodes whose variables name the seed or a master key: neither ever belongs on a node."""
    guarded = {a for proxy in fleet.proxies.values() for a in proxy.master_key.alternatives}
    guarded |= set(fleet.key_seed.alternatives if fleet.key_seed else ())
    return [
        Finding(
            "node.env-forbidden",
            f"{variable} would give the node the seed or a proxy's master key",
            node_address(node.name),
            node.place,
            "a node has its own key already, in FLEETHUB_KEY_<PROXY>",
        )
        for node in fleet.nodes.values()
        for variable, value in node.env.items()
        if not isinstance(value, str) and guarded & set(value.alternatives)
    ]


class Workplace:
    """A fleet at hand: its spec, its lockfile, its secrets, a connection pool. Use as a context manager."""

    def __init__(
        self,
        path: Path,
        overlay: Overlay = MappingProxyType({}),
        trusting: Trusting | None = None,
        store: Callable[[Path], Store] = open_store,
    ) -> None:
        """``store`` opens the store of the fleet whose folder it is given.

        Raises SpecError, and what ``operations.trust.settle`` raises.
        """
        from fleethub.clients.http import Http
        from fleethub.clients.resolver import SecretResolver
        from fleethub.clients.shell import Shells
        from fleethub.operations.trust import ALONE, lockfile_of, settle

        self.opened = open_fleet(path, overlay, store)
        self.fleet = self.opened.fleet
        self.root = Path(self.fleet.root)
        with suppress(OSError):
            if folders.exists(self.root / ".fleethub/edit.json"):
                from fleethub.operations.edit import finish

                finish(self.root)
        self.store = store(self.root)
        self.trust = settle(self.fleet, lockfile_of(self.store), trusting or ALONE)
        guard = self.trust.guard
        masters = (proxy.master_key for proxy in self.fleet.proxies.values())
        self.resolver = SecretResolver(self.root, self.fleet.key_seed, tuple(masters), guard)
        self.http = Http(guard=guard)
        self.shells = Shells(self.fleet.ssh_program, self.fleet.secret_variables, guard)

    def __enter__(self) -> Workplace:
        return self

    def __exit__(self, *args: object) -> None:
        self.http.close()
        self.shells.close()

    def plan(
        self,
        repair: bool | None = None,
        destroy: bool = False,
        pace: Pace = Pace(),
        facts: Facts | None = None,
        every_model: bool = False,
        only_look: bool = False,
    ) -> Planned:
        """Read what is there, and plan. Sends nothing when the seed or the fleet's name is wrong.

        ``only_look``: nobody is going to carry it out, so a proxy is not asked what only a refused write tells (whether
        a key's value may be chosen there).

        With ``facts`` of an earlier read nothing is read: what they do not tell is unknown. ``every_model``: have
        each model server show all that it has, for questions about models that nobody planned. ``repair``: undo
        what was changed by hand; None: as an apply would, which asks where the policy does not say.
        """
        from fleethub.model.observation import Unknown
        from fleethub.observing import now
        from fleethub.operations import sessions
        from fleethub.planning import grounded, make_plan, sources

        seen = {**self.opened.stamps, **stamps(self.root, [LOCKFILE])}
        repair = self.fleet.policy.drift != "stop" if repair is None else repair
        stored = self.store.read()
        lockfile = grounded(stored.lockfile, self.trust.credential)
        if destroy and lockfile is None:
            # it tells a lost lockfile from a fleet never applied
            made = self.plan(repair, pace=pace, facts=facts, only_look=True)
            return made if made.plan.fatal else replace(made, plan=_nothing_to_destroy(made))
        fleet = replace(self.fleet, nodes={}, keys={}, models={}) if destroy else self.fleet
        if destroy and lockfile is not None:
            lockfile = self._protected(lockfile)
        findings = [*(self.opened.findings if not destroy else ()), *self.trust.findings]
        if (refused := self.refused()) is not None:
            return Planned(refused, {}, facts or Facts(now()), lockfile, seen, stored.version)
        wanted = self.wanted(fleet)
        if facts is None:
            asked = sources(fleet, wanted, lockfile)
            if only_look:
                asked = tuple(replace(s, ask=()) if s.system == "litellm" else s for s in asked)
            if every_model:
                from fleethub.engines.registry import ENGINES
                from fleethub.model.observation import EVERY

                asked = tuple(replace(s, ask=(*s.ask, EVERY)) if s.system in ENGINES else s for s in asked)
            facts = self.read(asked, pace)
        for problem in self.resolver.problems:
            if problem.code == "command.new":  # told already, with all of them
                continue
            findings.append(
                Finding(
                    problem.code,
                    str(problem),
                    hint="set it, or correct the reference; what needs it is unknown",
                )
            )
        plan = make_plan(fleet, lockfile, wanted, facts, self.resolver, findings, repair, self.trust.blocks)
        if any(isinstance(r, Unknown) for r in facts.readings.values()):
            plan = replace(plan, notes=("what could not be read is unknown, and nothing was inferred from it",))
        if not destroy and (unpublished := sessions.unpublished(self.fleet, lockfile)):
            plan = replace(plan, notes=(*plan.notes, unpublished))
        return Planned(plan, wanted, facts, lockfile, seen, stored.version)

    def read(self, sources: Iterable[Source], pace: Pace = Pace()) -> Facts:
        """Ask all of them, now."""
        from fleethub.observing import observe

        return observe(self.fleet, sources, self.http, self.resolver, self.shells, parallel=pace.reads)

    def refused(self) -> Plan | None:
        """A plan that says why nothing may be asked or sent (the wrong seed, another name), or None."""
        from fleethub.planning.guards import before_any_request

        lockfile = self.store.read().lockfile
        fatal = [*self._seed_findings(), *before_any_request(self.fleet, lockfile, self.resolver.seed_fingerprint())]
        if not fatal:
            return None
        says = "Nothing was asked or sent: see the findings."
        return Plan("", self.fleet.name, says, findings=tuple(fatal), fatal=True)

    def wanted(self, fleet: Fleet) -> dict[Address, Resource]:
        """Every resource that the spec wants."""
        from fleethub.kinds import KINDS

        inputs = Inputs(fleet, self.resolver, self.opened.rendered)
        return {r.address: r for kind in KINDS.values() for r in kind.desired(inputs)}

    def apply(
        self,
        decide: Callable[[Plan], Decision],
        sinks: tuple[Callable[[Event], Any], ...] = (),
        repair: bool = True,
        destroy: bool = False,
        pace: Pace = Pace(),
    ) -> Result:
        """Lock, plan, ask, carry out. An empty plan writes nothing but a FLEETHUB.md that is gone or edited.
        Raises stores.interface.LockedError, and StaleLockfileError when somebody wrote the lockfile meanwhile: before
        the first request that is, or once all is done.

        What sessions are told is kept in either case; after an apply everything is read once more for it.
        """
        from fleethub.applying import apply
        from fleethub.clients.git import commit
        from fleethub.clients.host import Hosts
        from fleethub.kinds.execution import Context
        from fleethub.observing import now
        from fleethub.operations.sessions import publish, remember
        from fleethub.stores.lock import who

        with self.store.lock("destroy" if destroy else "apply"):
            made = self.plan(repair, destroy, pace)
            decision = decide(made.plan)
            if decision is Decision.WITHOUT_REPAIR:
                made = self.plan(False, destroy, pace)
                decision = decide(made.plan)
            plan = made.plan
            nothing = plan.fatal or not plan.doable or (destroy and made.lockfile is None)
            if decision is not Decision.APPLY or nothing:
                notes: tuple[str, ...] = ()
                if not destroy:
                    if not plan.fatal and not plan.doable:  # the one thing that an apply of an empty plan may mend
                        notes = publish(self.fleet, self.store.read().lockfile)
                    remember(self, made)
                return Result(plan, applied=False, serial=plan.serial, notes=notes)
            journal, base = self.store.journal(), made.base

            def save(lockfile: Lockfile) -> None:
                nonlocal base
                base = self.store.write(lockfile, base)

            showing = list(sinks)

            def emit(event: Event) -> None:
                journal(event)
                for sink in list(showing):
                    try:
                        sink(event)
                    except Exception:  # who watches must not decide what becomes of the nodes
                        showing.remove(sink)

            context = Context(
                http=self.http,
                resolver=self.resolver,
                hosts=Hosts(self.shells, self.root),
                lineage=plan.lineage or secrets.token_hex(16),
                serial=plan.serial + 1,
                apply=secrets.token_hex(4),
                fleet=self.fleet.identity,
                emit=emit,
                parallel=pace.parallel,
                max_failures=pace.max_failures,
            )
            applied = Applied(now(), who(), self.fleet.digest, commit(self.root), __version__)
            seed = self.resolver.seed_fingerprint() or (made.lockfile.seed if made.lockfile else "")
            try:
                outcome = apply(plan, made.lockfile, context, applied, seed, save, emit)
            finally:
                journal.close()
            notes = (*outcome.notes, *publish(self.fleet, outcome.lockfile), *self._remember_lineage(outcome.lockfile))
            try:
                remember(self, self.plan(pace=pace, only_look=True))
            except (Exception, KeyboardInterrupt) as error:  # what was done is done, and must be told
                notes += (f"what sessions are told is not of after this apply ({type(error).__name__})",)
            return Result(
                plan,
                True,
                outcome.done,
                outcome.failed,
                outcome.skipped,
                notes,
                outcome.lockfile.serial,
            )

    def _remember_lineage(self, lockfile: Lockfile) -> tuple[str, ...]:
        from fleethub.operations.trust import moved
        from fleethub.state.trust import TrustError

        try:
            moved(self.fleet, lockfile)
        except TrustError as error:
            return (str(error),)
        return ()

    def observations(self, made: Planned) -> dict[Address, Observation]:
        """What was seen of every resource, wanted or last applied."""
        from fleethub.kinds import KINDS
        from fleethub.planning import observed

        locked = made.lockfile.resources if made.lockfile else {}
        sight = ObserveContext(made.facts, self.resolver, made.lockfile.lineage if made.lockfile else "")
        return {
            a: observed(KINDS[a.kind], a, made.wanted.get(a), locked.get(a), sight, self.trust.blocks)
            for a in sorted({*made.wanted, *locked})
        }

    def fleet_status(self, made: Planned) -> FleetStatus:
        """The fleet as one value, from a plan and what it was made from."""
        from fleethub.planning import fleet_status

        return fleet_status(self.fleet, made.lockfile, made.wanted, made.facts, made.plan, self.observations(made))

    def reveal(self, address: Address) -> Secret:
        """The value of one key, for its user; raises KeyError for what is no key of the spec."""
        return self.resolver.open(self.wanted(self.fleet)[address].material["slot"])

    def _protected(self, lockfile: Lockfile) -> Lockfile:
        """The lockfile with what the spec says by now of who may end a thing, though no apply has recorded it yet."""
        wanted = self.wanted(self.fleet)
        known = {address: (record, wanted.get(address)) for address, record in lockfile.resources.items()}
        kept = {
            address: record
            if want is None
            else replace(record, protected=record.protected or want.protected, by_hand=record.by_hand or want.by_hand)
            for address, (record, want) in known.items()
        }
        return replace(lockfile, resources=kept)

    def _seed_findings(self) -> list[Finding]:
        from fleethub.clients.resolver import SecretError

        if self.fleet.key_seed is None:
            return []
        try:
            self.resolver.seed()
        except SecretError as error:
            if error.code == "seed.malformed":
                return [Finding(error.code, str(error), hint="check which file or variable key_seed names")]
        return []


def _nothing_to_destroy(made: Planned) -> Plan:
    """The plan of a destroy where nothing was applied; a proxy that cannot be read may hold keys of a lost lockfile."""
    from fleethub.model.observation import Unknown

    readings = made.facts.readings
    unread = sorted(at for (system, at), r in readings.items() if system == "litellm" and isinstance(r, Unknown))
    if unread:
        says = f"Nothing was applied from here; whether something was from elsewhere is unknown: {', '.join(unread)}"
        return replace(made.plan, sentence=says)
    return Plan("", made.plan.fleet, "Nothing to destroy: this fleet was never applied.", findings=made.plan.findings)


def plan_exit(plan: Plan, detailed: bool = False) -> Exit:
    """The exit code of a plan."""
    fatal = [Exit(FATAL[f.code]) for f in plan.findings if f.code in FATAL]
    if fatal:
        return worst(*fatal)
    codes = [Exit.FINE]
    if any(f.severity is Severity.ERROR for f in plan.findings):
        codes.append(Exit.REFUSED)
    elif plan.changes and not plan.doable and _has(plan, Why.UNKNOWN):
        codes.append(Exit.ERROR)
    if detailed and plan.changes:
        codes.append(Exit.CHANGES)
    return worst(*codes)


def apply_exit(result: Result) -> Exit:
    """The exit code of an apply."""
    if not result.applied:
        return plan_exit(result.plan)
    if result.failed or result.skipped:
        return Exit.PARTIAL
    refused = any(f.severity is Severity.ERROR for f in result.plan.findings)
    return Exit.PARTIAL if refused or _has(result.plan, Why.UNKNOWN) else Exit.FINE


def _has(plan: Plan, why: Why) -> bool:
    return any(o.why is why for c in plan.changes for o in c.blockers)
