"""A first spec of what runs already: read, proposed as a diff, written when somebody says yes. Changes nothing else."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path

from fleethub import folders
from fleethub.adoption.proposal import Told
from fleethub.atomic import create
from fleethub.clients.resolver import new_seed
from fleethub.fleetspec import Loaded, load
from fleethub.fleetspec.added import NewBlock, added
from fleethub.fleetspec.scaffold import found_spec
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import Proposal, SpecChanged
from fleethub.model.errors import InputError, SpecError
from fleethub.model.exit import Exit
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Unknown
from fleethub.model.secret import Secret
from fleethub.operations import init
from fleethub.operations.edit_write import write
from fleethub.operations.existing import Question, judged, look
from fleethub.operations.found_nodes import known_to, look_at, place_of
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit
from fleethub.operations.trust import Trusting
from fleethub.placement.backends import sources as backend_sources

MAIN = "fleet.toml"
PROXY = re.compile(r"(?:(?P<name>[a-z0-9][a-z0-9-]*)=)?(?P<url>https?://[^\s=]+)(?:=(?P<ref>(?:env|file|command):.+))?")
MASTER = "env:LITELLM_MASTER_KEY"


@dataclass(frozen=True, slots=True)
class DiscoverInput:
    """``folder`` and ``name`` of the fleet, which may be there already. ``proxies``: ``[NAME=]URL[=REF]`` each.

    ``nodes``: ``[NAME=]TARGET`` each; ``tangleclaw``: the URL of one that knows of more.
    """

    folder: Path
    name: str
    proxies: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    tangleclaw: str = ""
    contexts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Discovery:
    """``edit``: what the spec would say. ``new``: there is no spec yet. ``left``: what it does not say, and why.

    ``blind``: a new spec of which no proxy could be read: it would hold nothing that runs.
    """

    edit: Proposal
    new: bool
    left: tuple[Told, ...] = ()
    findings: tuple[Finding, ...] = ()
    blind: bool = False


def propose(asked: DiscoverInput, trusting: Trusting) -> Outcome[Discovery]:
    """Ask the proxies and what they lead to; raises InputError, SpecError, EditError."""
    main = asked.folder / MAIN
    disk = load(main) if folders.exists(main) else None
    spec, overlay, named = _begun(asked, main, disk)
    given = [place_of(text) for text in asked.nodes]
    named += tuple(place.target for place in given if "://" in place.target)
    named += (asked.tangleclaw,) if asked.tangleclaw else ()
    seed = Secret(new_seed()) if disk is None else None
    question = Question(
        main, spec, Trusting((*trusting.items, *named), trusting.ask), (), asked.contexts, overlay, seed
    )
    with question.workplace() as now:
        held = look(now)
        if held.plan.fatal:
            raise SpecError(held.plan.findings)
        places, unsaid = known_to(now, asked.tangleclaw) if asked.tangleclaw else ([], [])
        targets, unseen = look_at(now, [*given, *places])
        made = judged(replace(question, targets=targets), held, now)
    after = load(main, made.edit.files).fleet
    told = (*made.left, *unsaid, *unseen, *(_about(after, made.held.facts) if after is not None else ()))
    says = made.edit.says.replace("import", "propose", 1)
    edit = replace(made.edit, says=says, before=disk.digest if disk is not None else "")
    unread = {one.address for one in told if one.address.startswith("proxy.")}
    blind = disk is None and unread >= {f"proxy.{name}" for name in spec.fleet.proxies} if spec.fleet else False
    found = Discovery(edit, disk is None, told, made.after.findings, blind)
    return Outcome(found, plan_exit(made.after) if made.after.fatal else Exit.ERROR if unread else Exit.FINE)


def take(asked: DiscoverInput, found: Discovery) -> init.InitResult | None:
    """Write the spec that was seen: of a new fleet with all that ``init`` makes. None: the spec was there already."""
    if not found.new:
        write(found.edit)
        return None
    asked.folder.mkdir(parents=True, exist_ok=True)
    try:
        create(asked.folder / MAIN, found.edit.files[MAIN] or b"", 0o644)
    except FileExistsError:
        raise SpecChanged(f"{asked.folder / MAIN} is there by now, so nothing was written") from None
    return init.run(init.InitInput(asked.folder, asked.name, trusted=True)).data


def _begun(
    asked: DiscoverInput, main: Path, disk: Loaded | None
) -> tuple[Loaded, Mapping[str, bytes], tuple[str, ...]]:
    """The spec with the proxies that were named, the files that are not so on disk yet, and what to trust."""
    if disk is not None and disk.fleet is None:
        raise SpecError(disk.findings)
    there = disk.fleet.proxies if disk is not None and disk.fleet is not None else {}
    name, text = next(iter(disk.texts.items())) if disk is not None else (MAIN, _head(asked))
    blocks: dict[str, NewBlock] = {}
    named = []
    for item in asked.proxies:
        match = PROXY.fullmatch(item)
        if match is None:
            raise InputError(f"--proxy {item!r}: it is [NAME=]URL[=REF], like http://llm:4000={MASTER}")
        url, ref = match["url"].rstrip("/"), match["ref"] or MASTER
        named.append(f"{url}={ref}")
        if not any(url in (proxy.url, proxy.admin_url) for proxy in there.values()):
            called = match["name"] or _free("main", {*there, *blocks})
            if called in there or called in blocks:
                raise InputError(f"--proxy {item!r}: there is a proxy {called!r} already; give it another name")
            blocks[called] = NewBlock(("proxies", called), {"url": url, "master_key": [ref]})
    if not there and not blocks:
        raise InputError("name a LiteLLM to ask: --proxy http://HOST:4000 (its master key: =env:NAME behind it)")
    overlay = {name: added(name, text, list(blocks.values()))} if blocks or disk is None else {}
    spec = load(main, overlay)
    if spec.fleet is None:
        raise SpecError(spec.findings)
    return spec, overlay, tuple(named)


def _head(asked: DiscoverInput) -> bytes:
    fleet_id = secrets.token_hex(10)
    return found_spec(asked.name, fleet_id, init.reference(f"{asked.name}-{fleet_id[:8]}.seed")).encode()


def _free(name: str, taken: set[str]) -> str:
    return next(one for one in (name, *(f"{name}-{n}" for n in range(2, 100))) if one not in taken)


def _about(fleet: Fleet, facts: Facts) -> Iterable[Told]:
    """What nothing there tells of proxies and backends, and what to write where it is otherwise."""
    for name, proxy in fleet.proxies.items():
        if not proxy.replicas and proxy.processes == 1:
            yield Told(f"proxies.{name}", "taken as one process: write replicas or processes where it is more")
    unread = {s.at: r.reason for s in backend_sources(fleet) if isinstance(r := facts.of(s), Unknown)}
    for name, backend in fleet.backends.items():
        if backend.engine is not None and backend.engine.url in unread:
            yield Told(f"backends.{name}", f"it does not answer from here: {unread[backend.engine.url]}")
        if not backend.gpus and backend.ssh is None:
            yield Told(f"backends.{name}", 'its GPUs are not known: write ssh = "user@host", or gpus')
