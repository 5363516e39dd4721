"""What an operation on a living fleet works with: its spec, lockfile, secrets, and a connection pool."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from fleethub import folders
from fleethub.fleetspec import Overlay
from fleethub.kinds.values import AnyState, Inputs, ObserveContext
from fleethub.model.address import Address
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.fleet_status import FleetStatus
from fleethub.model.observation import AnyLocked, AnyResource, Lockfile, Observation, Source
from fleethub.model.plan import Plan
from fleethub.operations.certificates import authorities
from fleethub.operations.spec import open_fleet, same_memory
from fleethub.operations.stores import known, left_behind, lockfile_of, moved_away, store_of
from fleethub.stores.interface import Store

if TYPE_CHECKING:
    from fleethub.clients.ssh.kept import Kept
    from fleethub.model.trust import Guard
    from fleethub.operations.held import HeldPlan
    from fleethub.operations.trust import Trusting
    from fleethub.rendering import Rendered


class Workplace:
    """One fleet, opened for one command. Use as a context manager."""

    def __init__(
        self,
        path: Path,
        overlay: Overlay = MappingProxyType({}),
        trusting: Trusting | None = None,
        store: Callable[[Fleet, Guard], Store] = store_of,
        lockfile: Lockfile | None = None,
        wait: float = 0,
        kept: Kept | None = None,
    ) -> None:
        """Open the spec at ``path``, and the store of its state; what ``store`` gives is the giver's to close.

        ``lockfile``: the one to remember, where the store's own cannot be read. ``wait``: seconds to wait for the lock.
        ``kept``: SSH connections of an earlier one, and for a later one.
        Raises SpecError, StoreError, and what ``operations.trust.settle`` raises.
        """
        from fleethub.clients.http import Http
        from fleethub.clients.resolver import SecretResolver
        from fleethub.clients.shell import Shells
        from fleethub.operations.trust import ALONE, settle

        self.opened = open_fleet(path, overlay)
        self.fleet = self.opened.fleet
        self.root = Path(self.fleet.root)
        with suppress(OSError):
            if folders.exists(self.root / ".fleethub/edit.json"):
                from fleethub.operations.edit_write import finish

                finish(self.root)
        recalled, trusting = known(self.fleet), trusting or ALONE
        self.trust = settle(self.fleet, recalled, trusting)
        self.store, self._lent = store(self.fleet, self.trust.guard), store is not store_of
        try:
            found = lockfile or lockfile_of(self.store)
        except BaseException:
            self.store.close()
            raise
        if found is not recalled:  # somebody applied elsewhere
            self.trust = settle(self.fleet, found, replace(trusting, ask=None))
            if not same_memory(self.fleet, found):
                self.opened = open_fleet(path, overlay, lambda fleet: found)
                self.fleet = self.opened.fleet
        guard = self.trust.guard
        guarded = (*(proxy.master_key for proxy in self.fleet.proxies.values()), self.fleet.state.reference)
        self.resolver = SecretResolver(self.root, self.fleet.key_seed, tuple(r for r in guarded if r), guard)
        self.http = Http(guard=guard, authorities=authorities(self.fleet))
        self.shells = Shells(self.fleet.ssh_program, self.fleet.secret_variables, guard, kept)
        self._locked, self._wait = False, wait

    def __enter__(self) -> Workplace:
        return self

    def __exit__(self, *args: object) -> None:
        self.http.close()
        self.shells.close()
        if not self._lent:
            self.store.close()

    @contextmanager
    def lock(self, operation: str) -> Iterator[None]:
        """Hold the fleet's apply lock; who holds it already just goes on. Raises stores.interface.LockedError."""
        if self._locked:
            yield
            return
        with self.store.lock(operation, self._wait):
            self._locked = True
            try:
                yield
            finally:
                self._locked = False

    def read(self, sources: Iterable[Source], parallel: int = 32) -> Facts:
        """Ask all of them, now; ``parallel`` at a time."""
        from fleethub.observing import observe

        return observe(self.fleet, sources, self.http, self.resolver, self.shells, parallel=parallel)

    def refused(self) -> Plan | None:
        """A plan that says why nothing may be asked or sent (the wrong seed, another name), or None."""
        from fleethub.planning.guards import before_any_request

        lockfile = self.store.read().lockfile
        fatal = [*self._seed_findings(), *before_any_request(self.fleet, lockfile, self.resolver.seed_fingerprint())]
        if lockfile is None and (left := left_behind(self.fleet)):
            message = f"{left}, and {self.store.place} holds no lockfile: an apply would begin from nothing"
            hint = "fleethub state migrate takes it there; a fleet.lock of another fleet belongs elsewhere"
            fatal.append(Finding("state.not-moved", message, hint=hint))
        if lockfile is None and (moved := moved_away(self.fleet, self.store)):
            hint = "git pull, or write [state] store as in the spec of now; if it is not so: fleethub lock release"
            fatal.append(Finding("state.moved", f"nothing is planned by this spec: {moved}", hint=hint))
        if not fatal:
            return None
        says = "Nothing was asked or sent: see the findings."
        return Plan("", self.fleet.name, says, findings=tuple(fatal), fatal=True)

    def keyless(self) -> tuple[str, ...]:
        """Why no proxy's master key can be had here, in words; empty where one can, or there is no proxy."""
        from fleethub.clients.resolver import SecretError

        why: dict[str, None] = {}
        for proxy in self.fleet.proxies.values():
            if f"proxy.{proxy.name}" in self.trust.blocks:
                return ()  # a stranger: nothing is opened for it, and the plan says so
            try:
                self.resolver.open(proxy.master_key)
            except SecretError as error:
                why[str(error)] = None
            else:
                return ()
        return tuple(why)

    def wanted(self, fleet: Fleet) -> dict[Address, AnyResource]:
        """Every resource that the spec wants; ``fleet`` is this one, or with other values kept."""
        from fleethub.kinds import KINDS

        inputs = Inputs(fleet, self.resolver, {**self.opened.rendered, **self._anew(fleet)})
        return {r.address: r for kind in KINDS.values() for r in kind.desired(inputs)}

    def _anew(self, fleet: Fleet) -> dict[str, Rendered]:
        """Nodes whose key had a value of FleetHub's as they were rendered, and has one of its own in ``fleet``; or one
        that is derived from another name or generation.
        """
        kept = {a for a, value in fleet.kept.items() if a in self.fleet.floors and self.fleet.kept.get(a) != value}
        names = {a.alias for a in kept}
        born = {a.alias for a in {*fleet.births, *self.fleet.births} if fleet.births.get(a) != self.fleet.births.get(a)}
        made = {a for a in fleet.floors if a not in fleet.kept}
        born |= {a.alias for a in made if fleet.generation(a) != self.fleet.generation(a)}
        wired = [node for node in fleet.nodes.values() if node.manage == "wiring" and node.key in names]
        nodes = [*wired, *(node for node in fleet.nodes.values() if node.key in born)]
        if not nodes:
            return {}
        from fleethub.rendering import Renderer, load_schemas, load_templates

        renderer = Renderer(load_templates(self.root), load_schemas(self.root))
        return {node.name: renderer.render(fleet, node) for node in nodes}

    def observations(self, held: HeldPlan) -> Mapping[Address, Observation]:
        """What was seen of every resource, wanted or last applied."""
        from fleethub.kinds import KINDS
        from fleethub.planning import observed

        if held.plan.observed:
            return held.plan.observed
        lockfile = held.known
        locked = lockfile.resources if lockfile else {}
        context = ObserveContext(held.facts, self.resolver, lockfile.lineage if lockfile else "", self.fleet)
        return {
            a: observed(KINDS[a.kind], a, held.wanted.get(a), locked.get(a), context, self.trust.blocks)
            for a in sorted({*held.wanted, *locked})
        }

    def state(
        self, address: Address, want: AnyResource | None, locked: AnyLocked | None, context: ObserveContext
    ) -> AnyState:
        """One resource as it is wanted, seen and recorded."""
        from fleethub.kinds import KINDS
        from fleethub.kinds.values import ResourceState
        from fleethub.planning import observed

        kind = KINDS[address.kind]
        have = observed(kind, address, want, locked, context, self.trust.blocks)
        want = kind.completed(want, have, locked) if want is not None else None
        return ResourceState(address, want, have, locked)

    def fleet_status(self, held: HeldPlan) -> FleetStatus:
        """The fleet as one value, from a plan and what it was made from."""
        from fleethub.planning import fleet_status

        return fleet_status(self.fleet, held.known, held.wanted, held.facts, held.plan, self.observations(held))

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
