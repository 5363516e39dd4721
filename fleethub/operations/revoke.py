"""Revoke: end a key now, on every replica of its proxy, whether or not its nodes can be reached.

It is blocked through each listed replica, which makes each forget what it remembers, and then deleted. The lockfile
remembers it, so that no policy brings the value back: the next value is of a higher generation, and is asked for.
"""

from __future__ import annotations

from dataclasses import replace

from fleethub.fleetspec.report import nearest, shown
from fleethub.kinds.key.actions import KeyRevoke
from fleethub.kinds.key.attributes import KeyAttrs
from fleethub.kinds.key.marks import made
from fleethub.kinds.key.revoked import living, untold
from fleethub.kinds.proxies import proxy_source
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import EditError
from fleethub.model.exit import Exit, worst
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.observation import AnyLocked, Lockfile, Source, Unknown, birth
from fleethub.model.plan import Action, Change, Phase, Result, Step
from fleethub.model.readings.proxy import ProxyReading
from fleethub.model.secret import Derived
from fleethub.operations.apply import ApplyInput, Sink, carry_out
from fleethub.operations.held import HeldPlan, PlanInput, ordered
from fleethub.operations.outcome import Outcome
from fleethub.operations.workplace import Workplace
from fleethub.planning import grounded
from fleethub.planning.sources import merged


@dataclass(frozen=True, slots=True)
class Revocation:
    """What is to end: the plan that does it, and in words what that means. ``unread``: what could not be looked at."""

    held: HeldPlan
    says: tuple[str, ...]
    unread: tuple[Finding, ...] = ()


def prepare(workplace: Workplace, what: str) -> Outcome[Revocation]:
    """Look for the key on each of its proxies. ``what``: its name, or ``key.PROXY.NAME``. Reads, and no more.

    Raises EditError where no such key was applied.
    """
    stored = workplace.store.read()
    lockfile = grounded(stored.lockfile, workplace.trust.credential)
    if lockfile is None:
        raise EditError("unknown-key", "nothing was applied from here, so there is no key to revoke")
    records = _meant(lockfile, what)
    sources = {address: _source(workplace, address, record) for address, record in records.items()}
    facts = workplace.read(merged(sources.values()))
    seedless = workplace.refused() is not None or workplace.resolver.sha256(b"") is None
    steps, changes, says, unread = [], [], [], []
    for address, record in records.items():
        reading = facts.of(sources[address])
        if isinstance(reading, Unknown) or not isinstance(reading, ProxyReading):
            unread.append(_unread(workplace, address, facts, sources[address]))
            continue
        resolver = None if seedless else workplace.resolver
        tokens = living(address, record, reading, resolver, lockfile.lineage)
        unsure = seedless and untold(record, reading, tokens)
        if unsure:
            unread.append(_untold(workplace, address, tokens))
        if unsure and not tokens:
            continue
        after = replace(record, attrs=record.attrs if unsure else _after(record), revoked=True)
        value = None if seedless else Derived.key_of(record.shape, birth(address, record).owner)
        do = _action(workplace, address, value, sources[address], tokens)
        steps.append(Step(f"{address}/revoke", address, Phase.CONTRACT, do, locked=after))
        changes.append(Change(address, Action.UPDATE, locked=after))
        says.append(_says(workplace, address, lockfile, do))
    sentence = f"Revokes {', '.join(str(change.address) for change in changes) or 'nothing'}."
    others = (address for address in lockfile.resources if address not in records)
    plan = ordered(lockfile, sentence, changes, others, steps)
    held = HeldPlan(PlanInput(), plan, {}, facts, lockfile, base=stored.version)
    return Outcome(Revocation(held, tuple(says), tuple(unread)), Exit.ERROR if unread else Exit.FINE, tuple(unread))


def run(workplace: Workplace, made: Revocation, sinks: tuple[Sink, ...] = ()) -> Outcome[Result]:
    """End what was prepared; see ``apply.carry_out`` for what it raises. Exit 6: something of it is left."""
    with workplace.lock("revoke"):
        done = carry_out(workplace, made.held, ApplyInput(action="revoke"), sinks)
    return Outcome(done.data, worst(Exit.ERROR, done.exit) if made.unread else done.exit, made.unread)


def _meant(lockfile: Lockfile, what: str) -> dict[Address, AnyLocked]:
    keys = {address: record for address, record in lockfile.resources.items() if address.kind == "key"}
    found = {a: r for a, r in keys.items() if what in (a.alias, str(a))}
    if not found:
        names = {name for address in keys for name in (address.alias, str(address))}
        raise EditError("unknown-key", f"no key {shown(what)} was applied", nearest(what, names, "key"))
    return found


def _source(workplace: Workplace, address: Address, record: AnyLocked) -> Source:
    """Where the key was made, with the credential that the spec or this machine's record has for it, and its values:
    one that the proxy's list lacks is asked for by itself.
    """
    proxy = workplace.fleet.proxies.get(address.owner)
    source = record.source
    if proxy is not None and proxy.admin_url == record.source.at:
        source = proxy_source(proxy)
    return replace(source, known=made(address, None, record, workplace.fleet.identity))


def _action(
    workplace: Workplace, address: Address, value: Derived | None, source: Source, tokens: tuple[str, ...]
) -> KeyRevoke:
    proxy = workplace.fleet.proxies.get(address.owner)
    endpoints = proxy.endpoints if proxy is not None and proxy.admin_url == source.at else ()
    return KeyRevoke(
        source,
        tuple(dict.fromkeys((source.at, *endpoints))),
        address.alias,
        tokens,
        proxy.key_cache_ttl if proxy else 60.0,
        proxy.processes if proxy else 1,
        value,
    )


def _after(record: AnyLocked) -> KeyAttrs | None:
    attrs = record.attrs
    return replace(attrs, replaces=None, interim=None) if isinstance(attrs, KeyAttrs) else None


def _says(workplace: Workplace, address: Address, lockfile: Lockfile, do: KeyRevoke) -> str:
    users = sorted(
        {str(a) for a, r in lockfile.resources.items() if address in r.needs}
        | {str(node.address) for node in workplace.fleet.nodes.values() if node.key == address.alias}
    )
    who = f"; every call of {', '.join(users)} with it is refused from then on" if users else ""
    if not do.tokens:
        return f"{address} is not there any more: that its value is never used again is recorded"
    return f"{address} is blocked through {', '.join(do.endpoints)}, then deleted{who}"


def _unread(workplace: Workplace, address: Address, facts: Facts, source: Source) -> Finding:
    reading = facts.of(source)
    why = reading.reason if isinstance(reading, Unknown) else "not read as a LiteLLM"
    proxy = workplace.fleet.proxies.get(address.owner)
    hint = "its keys live until it answers: block the key there by hand, or run this again"
    message = f"{address} was not revoked: {source.at}: {why}"
    return Finding("proxy.unreadable", message, address, proxy.place if proxy else None, hint)


def _untold(workplace: Workplace, address: Address, tokens: tuple[str, ...]) -> Finding:
    proxy = workplace.fleet.proxies.get(address.owner)
    what = f"a value of {address}" if tokens else str(address)
    message = f"{what} may live on: without the fleet's seed a key that has no mark cannot be told from others"
    hint = "run this again with the seed that key_seed names; or block the key in LiteLLM by hand"
    return Finding("key.unmarked", message, address, proxy.place if proxy else None, hint)
