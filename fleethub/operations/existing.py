"""What runs already, read, judged and said as a spec: what import and discovery have in common. Writes nothing."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import field, replace
from pathlib import Path
from types import MappingProxyType

from fleethub.adoption import Adoption, adopt, keeping
from fleethub.adoption.nodes import FoundTarget
from fleethub.adoption.proposal import SpecProposal, Told
from fleethub.adoption.propose import propose as proposal_of
from fleethub.fleetspec import Loaded
from fleethub.fleetspec.added import added, block_at
from fleethub.kinds.proxies import proxy_source
from fleethub.kinds.values import ObserveContext
from fleethub.model.address import Address
from fleethub.model.address import node as node_address
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import Proposal
from fleethub.model.errors import InputError, SpecError
from fleethub.model.facts import Facts
from fleethub.model.finding import FATAL, Finding, Severity
from fleethub.model.fleet import Fleet
from fleethub.model.observation import EVERY, Lockfile
from fleethub.model.plan import Plan
from fleethub.model.readings.proxy import ProxyReading
from fleethub.model.secret import Secret
from fleethub.model.text import plural
from fleethub.operations.held import HeldPlan, PlanInput
from fleethub.operations.plan import unresolved
from fleethub.operations.text_diff import diff_lines
from fleethub.operations.trust import Trusting
from fleethub.operations.workplace import Workplace
from fleethub.planning import grounded, sources
from fleethub.planning.guards import after_reading
from fleethub.planning.sources import merged
from fleethub.planning.state import items_of
from fleethub.state.session_summary import LOCKFILE, stamps

NOTHING: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ImportProposal:
    """``edit``: what the spec would say more. ``held``: the records, with the lockfile that they were made for.

    ``after`` is the plan that follows; ``left`` what is not taken, and why.
    """

    edit: Proposal
    held: HeldPlan
    after: Plan
    left: tuple[Told, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to write."""
        return self.held.plan.fatal or not (self.edit.files or self.held.plan.changes)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for: ``wanted`` by address (none: all), ``contexts`` in tokens that nothing tells.

    ``overlay``: files of the spec as they would be already, of a fleet that has none yet. ``seed``: one for judging
    alone, where there is none yet. ``targets``: nodes that were looked at.
    """

    path: Path
    spec: Loaded
    trusting: Trusting
    wanted: tuple[Address, ...] = ()
    contexts: Mapping[str, int] = field(default_factory=dict)
    overlay: Mapping[str, bytes] = field(default_factory=dict)
    seed: Secret | None = None
    targets: tuple[FoundTarget, ...] = ()

    def workplace(self, files: Mapping[str, bytes | None] = NOTHING) -> Workplace:
        """The fleet with its spec as it is, or as ``files`` say."""
        found = Workplace(self.path, {**self.overlay, **files}, self.trusting)
        if self.seed is not None and found.fleet.key_seed is not None:
            found.resolver.take(found.fleet.key_seed, self.seed)
        return found


def look(now: Workplace) -> HeldPlan:
    """All that a plan reads, and the teams of all keys; with a plan that is fatal where nothing may be decided."""
    stored = now.store.read()
    lockfile = grounded(stored.lockfile, now.trust.credential)
    seen = {**now.opened.stamps, **stamps(now.root, [LOCKFILE])}
    asked = PlanInput(only_look=True)
    if (refused := now.refused()) is not None:
        return HeldPlan(asked, refused, {}, Facts(""), lockfile, seen, stored.version)
    wanted = now.wanted(now.fleet)
    teams = [replace(proxy_source(proxy), ask=(EVERY,)) for proxy in now.fleet.proxies.values()]
    asking = [replace(s, ask=()) if s.system == "litellm" else s for s in sources(now.fleet, wanted, lockfile)]
    facts = now.read(merged((*asking, *teams)))
    context = ObserveContext(facts, now.resolver, lockfile.lineage if lockfile else "", now.fleet)
    items = tuple(items_of(wanted, lockfile, context, now.trust.blocks).values())
    fatal = tuple(f for f in after_reading(items, lockfile, now.fleet, facts) if f.code in FATAL)
    plan = Plan("", now.fleet.name, "", findings=fatal, fatal=bool(fatal))
    return HeldPlan(asked, plan, wanted, facts, lockfile, seen, stored.version)


def judged(question: Question, held: HeldPlan, now: Workplace) -> ImportProposal:
    """What the spec would say, without what the plan that follows would change; ``now``: the fleet as it is."""
    assert question.spec.fleet is not None
    _contexts(question.contexts, question.spec.fleet, held.facts)
    closed: dict[str, str] = {}  # servers that are no backends, and why
    refused: dict[tuple[str, str], str] = {}  # blocks that the spec cannot have, and why
    left: dict[Address, str] = {}
    while True:
        wanted = question.wanted or None
        # of a node that is not taken, the key is one that no node uses
        targets = [at for at in question.targets if node_address(at.name) not in left]
        asked = (wanted, question.contexts, closed, targets, refused, held.lockfile, left)
        made = proposal_of(question.spec.fleet, held.facts, *asked).without(left)
        _there(question.wanted, made, left)
        edit = edit_of(question, made)
        try:
            opened = question.workplace(edit.files) if edit.files else nullcontext(now)
        except SpecError as error:
            _refuse(error, edit, made, closed, refused)
            continue
        with opened as after:
            new = {url for url in made.servers if not after.trust.guard.allows(url)} - closed.keys()
            if new:
                closed |= {url: f"not known here, so its models go without: --trust {shlex.quote(url)}" for url in new}
                continue
            done, facts = _adopted(after, made, held)
            digest = after.fleet.digest
        if done.after.fatal or not done.left:
            break
        left |= done.left
    told = (*made.told, *(Told(str(address), why) for address, why in sorted(left.items())))
    plan = replace(done.plan, findings=() if not done.after.fatal else done.after.findings)
    edit = replace(edit, after=digest, says=_says(done, made))
    return ImportProposal(edit, replace(held, plan=plan, facts=facts), done.after, told)


def _adopted(after: Workplace, made: SpecProposal, held: HeldPlan) -> tuple[Adoption, Facts]:
    """What the lockfile takes with the spec as it would be; only what was not read yet is read."""
    resolver, facts = after.resolver, held.facts
    fleet = keeping(after.fleet, facts, resolver, made.chosen)
    wanted = after.wanted(fleet)
    missing = [s for s in sources(fleet, wanted, held.lockfile) if s.id not in facts.readings]
    if missing:
        more = after.read(missing)
        facts = replace(more, readings={**facts.readings, **more.readings})
    base = held.lockfile or Lockfile(
        fleet=fleet.name,
        lineage=secrets.token_hex(16),
        serial=0,
        seed=resolver.seed_fingerprint() or "",
        id=fleet.id,
        by_name=fleet.by_name,
    )
    findings: list[Finding] = [*after.opened.findings, *after.trust.findings, *unresolved(after)]
    return adopt(fleet, base, wanted, facts, resolver, made.chosen, findings, after.trust.blocks), facts


def _refuse(
    error: SpecError,
    edit: Proposal,
    made: SpecProposal,
    closed: dict[str, str],
    refused: dict[tuple[str, str], str],
) -> None:
    """Take note of the new blocks that the spec cannot have; raises the error where they are not all that is wrong."""
    text = edit.files.get(edit.main) or b""
    servers = {name: url for url, name in made.servers.items()}
    wrong = [finding for finding in error.findings if finding.severity is Severity.ERROR]
    if not wrong:
        raise error
    for finding in wrong:
        place = finding.place
        block = block_at(text, made.blocks, place.line) if place is not None and place.file == edit.main else None
        if block is None:
            raise error
        why = f"the spec cannot say it: {finding.message}"
        group, name = block.path
        if group == "backends":
            closed[servers[name]] = why
        else:
            refused.setdefault((group, name), why)


def edit_of(question: Question, made: SpecProposal) -> Proposal:
    """The proposal as an edit of the spec's main file; its diff is against what is on disk."""
    spec, fleet = question.spec, question.spec.fleet
    assert fleet is not None
    main = next(iter(spec.texts))
    files = {**question.overlay, main: added(main, spec.texts[main], made.blocks)} if made.blocks else question.overlay
    disk = {name: text for name, text in spec.texts.items() if name not in question.overlay}
    return Proposal(
        action="import",
        says="import",
        address=Address("fleet", fleet.name),
        project="",
        force=False,
        root=fleet.root,
        main=main,
        before=fleet.digest,
        after=fleet.digest,
        files=files,
        diff=tuple(diff_lines(disk, files)),
    )


def _says(done: Adoption, made: SpecProposal) -> str:
    counts: dict[str, int] = {}
    for group, _ in (block.path for block in made.blocks):
        counts[group[:-1]] = counts.get(group[:-1], 0) + 1
    counts = {what: n for what, n in counts.items() if what not in ("key", "node")}
    for address in done.taken:
        counts[address.kind] = counts.get(address.kind, 0) + 1
    return f"import {', '.join(plural(n, what) for what, n in counts.items()) or 'nothing'}"


def _contexts(contexts: Mapping[str, int], fleet: Fleet, facts: Facts) -> None:
    """Raises InputError for the context of a model that no proxy has; of a proxy that was not read, nobody knows."""
    readings = [facts.of(proxy_source(proxy)) for proxy in fleet.proxies.values()]
    there = {
        name
        for reading in readings
        if isinstance(reading, ProxyReading)
        for name in (*reading.models, *(row.alias for row in reading.deployments))
    }
    lost = [alias for alias in contexts if alias not in there]
    if lost and all(isinstance(reading, ProxyReading) for reading in readings):
        raise InputError(f"--context {lost[0]}: no proxy has a model of that name")


def _there(wanted: tuple[Address, ...], made: SpecProposal, left: Collection[Address]) -> None:
    """Raises InputError for an address of which nothing is there that is not in the fleet already."""
    told = {one.address for one in made.told}
    for address in wanted:
        if address in made.found or str(address) in told or address in left:
            continue
        near = ", ".join(str(a) for a in made.found if a.kind == address.kind) or "none"
        raise InputError(f"there is no {address} to import; there are: {near}")
