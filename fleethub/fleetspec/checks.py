"""What needs two values to judge: names that refer to others, and what models, roles and keys may say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from fleethub import nodetypes
from fleethub.engines.registry import ENGINES
from fleethub.fleetspec import report
from fleethub.fleetspec.chains import Entry, LookupFailure, entries, hop, proxy_of
from fleethub.fleetspec.schema import Spec
from fleethub.fleetspec.sources import Sources
from fleethub.fleetspec.tables.consuming import ConsumerTable, RoleTable
from fleethub.fleetspec.users import nodes_of, said
from fleethub.fleetspec.validate import Validated
from fleethub.model import keycall
from fleethub.model.block import is_named
from fleethub.model.consuming import DeclaredType
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Finding
from fleethub.model.text import name_key
from fleethub.model.written import KeyPath
from fleethub.nodetypes import NodeType
from fleethub.nodetypes.declared import Declared

#: Names that stand for several models.
MAGIC = ("all-proxy-models", "all-team-models", "no-default-models", "all-model-access-groups")
GROUPS = ("proxies", "backends", "models", "roles", "nodes", "consumers", "keys")
ONE = {"proxies": "proxy", "backends": "backend", "models": "model", "roles": "role"}


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What every check looks at. ``defined`` names each group's members, those that are broken too."""

    spec: Spec
    sources: Sources
    validated: Validated
    defined: Mapping[str, frozenset[str]]
    complete: bool  # no file of the spec was missing or unreadable
    types: Mapping[str, DeclaredType | None]  # that the fleet brings; None: one that is wrong

    def kind(self, name: str) -> NodeType | None:
        """Return the type of that name, built in or the fleet's."""
        declared = self.types.get(name)
        return Declared(declared) if declared is not None else nodetypes.get(name)

    def finding(self, code: str, message: str, path: KeyPath, hint: str = "") -> Finding:
        """Return a finding about the value at a path."""
        return report.finding(code, message, self.sources.at(path), hint, report.address_of(path))

    def has(self, group: str, name: str | None) -> bool:
        """Return whether a name is defined and unbroken."""
        return name is not None and name in getattr(self.spec, group)

    def reference(self, group: str, name: str | None, path: KeyPath) -> Iterator[Finding]:
        """Find a name that is not defined, where all that is defined is known."""
        known = self.defined[group]
        if name is None or name in known or not self.complete or self.validated.incomplete(group):
            return
        what = ONE[group]
        yield self.finding(
            "spec.reference", f"there is no {what} {report.shown(name)}", path, report.nearest(name, known, what)
        )


def check(context: CheckContext) -> Iterator[Finding]:
    """All checks but those of whole nodes."""
    spec = context.spec
    yield from _names(context)
    yield from _state(context)
    yield from _owners(context)
    yield from _backends(context)
    yield from _agents(context)
    yield from _notify(context)
    yield from _models(context)
    yield from _places(context)
    yield from _pulls(context)
    yield from check_role(context, ("defaults", "node"), spec.defaults.node)
    for name, role in spec.roles.items():
        yield from check_role(context, ("roles", name), role)
    for name, node in spec.nodes.items():
        yield from context.reference("roles", node.role, ("nodes", name, "role"))
        yield from check_role(context, ("nodes", name), node)
    yield from _keys(context)
    yield from _routes(context)


def _names(context: CheckContext) -> Iterator[Finding]:
    for group in GROUPS:
        if group == "roles":
            continue
        seen: dict[str, str] = {}
        for name in sorted(context.defined[group], key=lambda n: (context.sources.key((group, n)), n)):
            other = seen.setdefault(name.casefold(), name)
            if other != name:
                message = f"{report.shown(name)} and {report.shown(other)} differ by case alone"
                yield report.finding(
                    "spec.name-case", message, context.sources.key((group, name)), "rename one of them"
                )


#: As the path of a chat's webhook has it, which is all that somebody needs to write there; a bot's token after a colon.
_SECRET_PART = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])\w{20,}|.*:[\w-]{20,}", re.ASCII)


def _agents(context: CheckContext) -> Iterator[Finding]:
    policy = context.spec.policy
    if policy.agents_elicit and policy.agents != "propose":
        message = f'agents_elicit says nothing where agents = "{policy.agents}": nobody is asked there'
        hint = 'take it out, or write agents = "propose"'
        yield context.finding("spec.value", message, ("policy", "agents_elicit"), hint)
    for name, agent in context.spec.agents.items():
        for index, backend in enumerate(agent.backends or ()):
            yield from context.reference("backends", backend, ("agents", name, "backends", index))


def _places(context: CheckContext) -> Iterator[Finding]:
    """Patterns of place_on that name no backend: a model would be said to fit nowhere, for a misspelt name."""
    backends = context.spec.backends
    if not context.complete or context.defined["backends"] - backends.keys():
        return  # what is missing, or wrong by itself, may be what is named
    for name, model in context.spec.models.items():
        for index, pattern in enumerate(model.place_on):
            if not any(is_named(one, table.labels, (pattern,)) for one, table in backends.items()):
                hint = report.nearest(pattern, backends, "backend") or "a name, a pattern like gpu-*, or @label=value"
                message = f"place_on of {report.shown(name)} names no backend: {report.shown(pattern)}"
                yield context.finding("spec.reference", message, ("models", name, "place_on", index), hint)


def _notify(context: CheckContext) -> Iterator[Finding]:
    for name, table in context.spec.notify.items():
        path: KeyPath = ("notify", name)
        said = {"url", "command"} & context.sources.doc["notify"][name].keys()
        if len(said) != 1:
            hint = 'write url = "https://…" or command = ["mail", "…"]'
            yield context.finding("spec.value", f"notify {name} needs a url or a command, one of them", path, hint)
        elif table.command is not None and (table.token is not None or "format" in table.model_fields_set):
            yield context.finding("spec.value", "token and format are for url", path, "take them out")
        elif any(_SECRET_PART.fullmatch(part) for part in (table.url or "").split("/")[3:]):
            message = f"the url of notify {report.shown(name)} has what looks like a secret in its path"
            hint = 'a program that reads it from elsewhere can tell it too: command = ["/usr/local/bin/tell-slack"]'
            yield context.finding("spec.literal-secret", message, (*path, "url"), hint)
        elif table.format == "ntfy" and (table.url or "").count("/") < 3:
            hint = "like https://ntfy.sh/TOPIC"
            yield context.finding("spec.value", "an ntfy url ends with its topic", (*path, "url"), hint)


def _state(context: CheckContext) -> Iterator[Finding]:
    state, fleet = context.spec.state, context.spec.fleet
    if state.store is not None and not fleet.id:
        message = "a fleet whose state is kept with that of others needs an id: names may be the same"
        yield context.finding(
            "spec.value",
            message,
            ("state", "store"),
            'write id = "…", 16 random lower-case letters and digits, and derive_from = "name" in [fleet]',
        )
    if state.endpoint is not None and state.store is None:
        message = "an endpoint is for an object store, and no store is named"
        yield context.finding("spec.value", message, ("state", "endpoint"), 'write store = "s3://BUCKET/PREFIX"')


def _owners(context: CheckContext) -> Iterator[Finding]:
    """Two spellings are compared as one name, and read as two."""
    seen: dict[str, str] = {}
    for group in GROUPS:
        for name, table in getattr(context.spec, group).items():
            owner = getattr(table, "owner", None)
            if not isinstance(owner, str):
                continue
            other = seen.setdefault(name_key(owner), owner)
            if other != owner:
                message = f"{report.shown(owner)} and {report.shown(other)} are one owner, spelled in two ways"
                path: KeyPath = (group, name, "owner")
                yield context.finding("spec.owner-spelling", message, path, f"write {report.shown(other)} in both")


def _backends(context: CheckContext) -> Iterator[Finding]:
    for name, backend in context.spec.backends.items():
        yield from context.reference("proxies", backend.proxy, ("backends", name, "proxy"))
        for engine in sorted(ENGINES.keys() & backend.endpoints.keys()):
            path = ("backends", name, "endpoints", engine)
            hint = f"write it as [backends.{name}.{engine}], or rename it"
            yield context.finding("spec.name", f'an endpoint cannot be named "{engine}"', path, hint)
        for other in list(backend.engines())[1:]:
            message = f"{report.shown(name)} has one model server already"
            yield context.finding(
                "spec.value", message, ("backends", name, other), "make another backend of it, with the same host"
            )


def is_one_name(alias: str) -> bool:
    """Whether a LiteLLM takes a name as that of one model: it cuts what is called at commas, and takes blanks off."""
    return "," not in alias and alias == alias.strip()


def _models(context: CheckContext) -> Iterator[Finding]:
    spec = context.spec
    for alias, model in spec.models.items():
        path: KeyPath = ("models", alias)
        if "*" in alias or alias in MAGIC:
            message = f"{report.shown(alias)} means more than one model to LiteLLM, so no key could be proved"
            yield context.finding("spec.name", message, path, "give the model a name of its own")
        elif not is_one_name(alias) and (model.proxy is not None or spec.proxies):
            called = ", ".join(report.shown(part.strip()) for part in alias.split(","))
            message = f"{report.shown(alias)} is listed by LiteLLM and cannot be called: a call of it asks for {called}"
            yield context.finding("spec.name", message, path, "give it a name without commas, and no blank around it")
        yield from _distinct(context, model.backends, (*path, "backends"))
        for i, backend in enumerate(model.backends):
            for lost in context.reference("backends", backend, (*path, "backends", i)):
                users = said(nodes_of(spec, context.validated, alias))
                gone = "" if "did you mean" in lost.hint else "; if it is gone: fleethub assign NODE MODEL, for each"
                message = f"{lost.message}, and {alias} is {users}"
                yield replace(lost, message=message, hint=lost.hint + gone) if users else lost
        yield from context.reference("proxies", model.proxy, (*path, "proxy"))
        if not model.backends and model.proxy is None and not context.validated.incomplete(*map(str, path)):
            message = f"{report.shown(alias)} has neither backends nor a proxy"
            yield context.finding("spec.missing", message, path, "name its backends, or the proxy of a cloud model")
        found = all(context.has("backends", b) for b in model.backends)
        sound = found and not any(context.validated.incomplete("backends", b) for b in model.backends)
        proxy = proxy_of(context.spec, model)
        if sound and isinstance(proxy, LookupFailure):
            key = "proxy" if model.proxy is not None else "backends"
            yield context.finding("model.proxies", f"{report.shown(alias)} {proxy.message}", (*path, key), proxy.hint)


def _pulls(context: CheckContext) -> Iterator[Finding]:
    """``pull`` where a server can be told to, what goes with it, and one digest for one name."""
    spec, pinned = context.spec, dict[tuple[str, str], tuple[str, str]]()
    able = [engine.settings.title for engine in ENGINES.values() if engine.pulls]
    for alias, model in spec.models.items():
        path: KeyPath = ("models", alias)
        for field in ("warm", "digest"):
            if getattr(model, field) and not model.pull:
                yield context.finding("spec.value", f"{field} goes with pull = true", (*path, field), "write both")
        for name in model.backends if model.pull and sound(context, alias) else ():
            engines = spec.backends[name].engines()
            if not any(ENGINES[engine].pulls for engine in engines):
                message = f"{name} has no server that pulls a model when it is told to"
                yield context.finding("spec.value", message, (*path, "pull"), f"only {' and '.join(able)} can")
                continue
            tag = ENGINES[next(iter(engines))].canonical(model.tag or model.route.partition("/")[2])
            first, digest = pinned.setdefault((name, tag), (alias, model.digest or ""))
            if model.digest and digest and digest != model.digest:
                message = f"{tag} on {name} is held to another digest by {report.shown(first)}"
                yield context.finding("spec.value", message, (*path, "digest"), "write one for both")
        if model.pull and not model.backends:
            message = "a cloud model is not pulled"
            yield context.finding("spec.value", message, (*path, "pull"), "take it out, or name backends")


def check_role(context: CheckContext, path: KeyPath, table: RoleTable | ConsumerTable) -> Iterator[Finding]:
    """Find models and endpoints of a chain that are not there, and what a type's own table may not say."""
    for entry in entries(table.model, table.fallbacks):
        at = (*path, *_written(context, path, entry))
        yield from context.reference("models", entry.model, at)
        if not context.has("models", entry.model) or entry.via is None:
            continue
        way = hop(context.spec, entry)
        if isinstance(way, LookupFailure) and way.message and not _hurt(context, entry.model):
            yield context.finding("spec.reference", way.message, (*path, *entry.path, "via"), way.hint)
    for own in nodetypes.tables() if isinstance(table, RoleTable) else ():
        written = getattr(table, own.name)
        for one in own.check(written if isinstance(written, dict) else {}):
            at = (*path, own.name, *one.path)
            yield context.finding(one.code, f"{report.dotted(at)} {one.message}", at, one.hint)


def _written(context: CheckContext, path: KeyPath, entry: Entry) -> KeyPath:
    """An entry is a string or a table: where its model's name stands."""
    inner = (*entry.path, "model")
    return inner if (*path, *inner) in context.sources.places else entry.path


def _hurt(context: CheckContext, alias: str) -> bool:
    backends = context.spec.models[alias].backends
    return context.validated.incomplete("models", alias) or any(
        context.validated.incomplete("backends", b) for b in backends
    )


def sound(context: CheckContext, alias: str) -> bool:
    """True when a model is defined, and nothing that its way depends on is broken."""
    spec = context.spec
    if alias not in spec.models or _hurt(context, alias):
        return False
    model = spec.models[alias]
    if any(b not in spec.backends for b in model.backends):
        return False
    return bool(model.backends or model.proxy) and not isinstance(proxy_of(spec, model), LookupFailure)


def _keys(context: CheckContext) -> Iterator[Finding]:
    spec = context.spec
    for name, key in spec.keys.items():
        for field in ("also", "models"):
            listed = getattr(key, field)
            yield from _distinct(context, listed, ("keys", name, field))
            for i, alias in enumerate(listed):
                path: KeyPath = ("keys", name, field, i)
                yield from context.reference("models", alias, path)
                if not context.has("models", alias) or not sound(context, alias):
                    continue
                if proxy_of(spec, spec.models[alias]) is None:
                    message = f"{report.shown(alias)} is on no proxy, so no key can allow it"
                    yield context.finding(
                        "chain.no-proxy", message, path, "take it out of the key; a direct hop needs no key"
                    )


def _routes(context: CheckContext) -> Iterator[Finding]:
    """Routes of a key that shut out what FleetHub, or a node, must ask with it."""
    spec = context.spec
    users = {node.key or name for name, node in spec.nodes.items()}
    users |= {consumer.key or name for name, consumer in spec.consumers.items()}
    for name, key in spec.keys.items():
        routes, path = key.allowed_routes or [], ("keys", name, "allowed_routes")
        for i, route in enumerate(routes):
            if not route.startswith("/") and route not in keycall.ROUTE_WORDS:
                message = f"{report.shown(route)} is no route: a path, or one of {', '.join(keycall.ROUTE_WORDS)}"
                yield context.finding("spec.value", message, (*path, i), 'write "/v1/*", or a path as it is called')
        if wide := keycall.manages(routes):
            message = (
                f"allowed_routes of {report.shown(name)} have {report.shown(wide)}, with which it manages the proxy"
            )
            yield context.finding("spec.value", message, path, 'a key calls models: write "/v1/*"')
        for asked, who in ((keycall.LIST, "FleetHub"), (keycall.PATH, "a node" if name in users else "")):
            if who and not keycall.covers(routes, asked):
                message = f"allowed_routes of {report.shown(name)} shut out {asked}, which {who} calls with it"
                yield context.finding("spec.value", message, path, f'add "{asked}", or write "/v1/*"')


def _distinct(context: CheckContext, items: Iterable[str], path: KeyPath) -> Iterator[Finding]:
    seen = set()
    for i, item in enumerate(items):
        if item in seen:
            yield context.finding(
                "spec.duplicate", f"{report.shown(item)} is listed twice", (*path, i), "keep one of the two"
            )
        seen.add(item)
