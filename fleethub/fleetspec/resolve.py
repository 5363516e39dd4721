"""A checked spec into the fleet that everything else reads: names resolved, defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from fleethub import nodetypes
from fleethub.engines.registry import ENGINES
from fleethub.fleetspec.accept import acknowledged
from fleethub.fleetspec.chains import LookupFailure, entries, hop, proxy_of
from fleethub.fleetspec.merge import OWN, MergedNode
from fleethub.fleetspec.own_checks import own_checks
from fleethub.fleetspec.renames import renamed
from fleethub.fleetspec.schema import Spec
from fleethub.fleetspec.sources import Sources
from fleethub.fleetspec.tables.consuming import WiringTable
from fleethub.fleetspec.tables.fleet import AgentTable, NotifyTable, PolicyTable
from fleethub.fleetspec.tables.serving import BackendTable, KeyTable, ModelTable, ProxyTable
from fleethub.fleetspec.targets import expand, expand_words, normal
from fleethub.fleetspec.values import Plain
from fleethub.model.consuming import DeclaredType, Hop, Node, Sink, WiredProvider
from fleethub.model.fleet import Agent, Fleet, Notify, Policy, State
from fleethub.model.serving import LIMITS, Backend, Gpu, Key, Model, Proxy
from fleethub.nodetypes.declared import Declared
from fleethub.nodetypes.sink.words import PLACEHOLDERS

#: What else a key is given, as its attributes are called.
GIVEN = ("expires", "allowed_routes", "tags", "team")


def resolve(spec: Spec, nodes: list[MergedNode], sources: Sources, types: Mapping[str, DeclaredType | None]) -> Fleet:
    """The fleet; only for a spec in which no check found an error."""

    def common(group: str, name: str, table: BaseModel) -> dict[str, Any]:
        said = _said(table, "owner", "projects", "labels", "protected")
        said |= {"projects": tuple(said["projects"])} if "projects" in said else {}
        return {**said, "name": name, "place": sources.at((group, name))}

    return Fleet(
        name=spec.fleet.name,
        id=spec.fleet.id or "",
        by_name=spec.fleet.derive_from == "name" or not spec.fleet.id,
        root=str(sources.root),
        digest=sources.digest,
        key_seed=spec.fleet.key_seed,
        ssh_program=spec.fleet.ssh_program,
        policy=_policy(spec.policy),
        state=State(store=spec.state.store or "", endpoint=spec.state.endpoint or ""),
        proxies={n: _proxy(p, common("proxies", n, p)) for n, p in spec.proxies.items()},
        backends={n: _backend(b, common("backends", n, b)) for n, b in spec.backends.items()},
        models={n: _model(spec, m, common("models", n, m)) for n, m in spec.models.items()},
        nodes={n.name: _node(spec, n, sources, types) for n in nodes},
        keys={n: _key(k, common("keys", n, k)) for n, k in spec.keys.items()},
        moved=renamed(spec),
        acknowledged=acknowledged(spec, sources),
        checks=own_checks(spec, sources),
        notify={n: _told(n, t) for n, t in spec.notify.items()},
        agents={n: _agent(n, a) for n, a in spec.agents.items()},
    )


def _agent(name: str, table: AgentTable) -> Agent:
    nodes, backends = (None if names is None else tuple(names) for names in (table.nodes, table.backends))
    return Agent(name=name, nodes=nodes, backends=backends, a_day=table.a_day)


def _told(name: str, table: NotifyTable) -> Notify:
    command = tuple(table.command or ())
    return Notify(name, table.url or "", table.format, table.token, command, tuple(table.on))


def _policy(table: PolicyTable) -> Policy:
    said = _said(table, *type(table).model_fields)
    targets = said.pop("targets", None)
    return Policy(**said, targets=None if targets is None else tuple(targets))


def _said(table: BaseModel, *fields: str) -> dict[str, Any]:
    """What a table says, so that what it leaves out keeps the model's default."""
    return {f: getattr(table, f) for f in fields if f in table.model_fields_set}


def _proxy(table: ProxyTable, common: Mapping[str, Any]) -> Proxy:
    return Proxy(
        **common,
        **_said(table, "key_cache_ttl", "manage_routes", "processes"),
        url=table.url,
        admin_url=table.admin_url or table.url,
        replicas=tuple(table.replicas),
        ca=table.ca or "",
        master_key=table.master_key,
    )


def _backend(table: BackendTable, common: Mapping[str, Any]) -> Backend:
    engine = next(
        (ENGINES[name].settings(**_said(t, *type(t).model_fields)) for name, t in table.engines().items()), None
    )
    return Backend(
        **common,
        host=table.host,
        proxy=table.proxy,
        ssh=table.ssh,
        endpoints=table.endpoints,
        ca=table.ca or "",
        gpus=tuple(Gpu(name=g.name, vram=g.vram) for g in table.gpus),
        **_said(table, "memory", "memory_for", "cordoned"),
        engine=engine,
    )


def _model(spec: Spec, table: ModelTable, common: Mapping[str, Any]) -> Model:
    proxy = proxy_of(spec, table)
    tag = table.tag
    if tag is None and table.backends:
        tag = table.route.partition("/")[2] or table.route
    return Model(
        **common,
        **_said(table, "context", "quant", "vram", "params", "file", "pull", "warm", "pinned"),
        digest=table.digest or "",
        backends=tuple(table.backends),
        proxy=None if isinstance(proxy, LookupFailure) else proxy,
        route=table.route,
        tag=tag,
        capabilities=tuple(table.capabilities),
        place_on=tuple(table.place_on),
    )


def _key(table: KeyTable, common: Mapping[str, Any]) -> Key:
    return Key(
        **common,
        limits={LIMITS[f]: value for f, value in _said(table, *LIMITS).items() if value is not None},
        given={
            f: tuple(sorted(value)) if isinstance(value, list) else value
            for f, value in _said(table, *GIVEN).items()
            if value
        },
        also=tuple(table.also),
        models=tuple(table.models),
        generation=table.generation,
        grace=table.grace,
        adopt=table.adopt,
        ignore=tuple(LIMITS.get(name, name) for name in table.ignore),
    )


def _node(spec: Spec, merged: MergedNode, sources: Sources, types: Mapping[str, DeclaredType | None]) -> Node:
    values = dict(merged.values)
    host, name = values["host"], merged.name

    def filled(text: str) -> str:
        return expand(text, host, name)

    chain = [hop(spec, e) for e in entries(values.pop("model"), values.pop("fallbacks", []))]
    env = {n: filled(v.value) if isinstance(v, Plain) else v for n, v in values.pop("env", {}).items()}
    files = {k: filled(f) for k, f in values.pop("files", {}).items()}
    called = values.pop("type", nodetypes.DEFAULT)
    declared = types.get(called)
    kind = Declared(declared) if declared is not None else nodetypes.get(called)
    assert kind is not None  # a check of the spec
    command = values.pop("command", None) or [filled(word) for word in (declared.command if declared else ())]
    sink = _sink(values.pop("sink", None), host, name)
    if sink is not None:
        command = list(expand_words(command, host, name, PLACEHOLDERS))
    tables = {table: values.pop(table, {}) for table in OWN}
    return Node(
        name=name,
        place=sources.at(merged.layers[0]),
        type=kind.name,
        settings=tables[kind.table.name] if kind.table else {},
        port=values.pop("port", kind.port),
        projects=tuple(values.pop("projects", ())),
        origins=tuple(values.pop("origins", ())),
        target=normal(filled(values.pop("target")), sources.root, kind.home),
        image=filled(values.pop("image", "")),
        chain=tuple(h for h in chain if isinstance(h, Hop)),
        key=values.pop("key", name),
        ignore=tuple(values.pop("ignore", ())),
        command=tuple(command),
        stop=tuple(filled(word) for word in (declared.stop if declared else ())),
        declared=declared,
        env=env,
        files=files,
        manage=values.pop("manage", kind.manage),
        sink=sink,
        wiring={id: _provider(table) for id, table in values.pop("wiring", {}).items()},
        **values,
    )


def _sink(sink: Sink | None, host: str, name: str) -> Sink | None:
    """Its commands with what only the block says; URL and models come with the fleet."""
    if sink is None:
        return None
    command = expand_words(sink.command, host, name, PLACEHOLDERS)
    check, remove = (expand_words(words, host, name) for words in (sink.check, sink.remove))
    return replace(sink, command=command, check=check, remove=remove)


def _provider(table: WiringTable) -> WiredProvider:
    return WiredProvider(
        proxy=table.proxy or "",
        endpoint=table.endpoint or "",
        models=tuple(table.models),
        url=table.url or "",
        key_variable=table.key_variable or "",
        keep=frozenset(table.keep),
    )
