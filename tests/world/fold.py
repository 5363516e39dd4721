"""What each step does to the world, as the handlers of ``fleethub.applying`` do it by requests and scripts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import singledispatch
from typing import Any

from fleethub.clients.resolver import SecretError, SecretResolver
from fleethub.kinds.compare import marked
from fleethub.kinds.consumer.actions import HandOver, RestartConsumer, TakeAway
from fleethub.kinds.key.actions import KeyDelete, KeyPut, KeyRelease, KeyWiden, ProveKey
from fleethub.kinds.key.attributes import is_interim
from fleethub.kinds.key.fields import fields
from fleethub.kinds.model.actions import ModelDelete, ModelProve, ModelPull, ModelWarm
from fleethub.kinds.node.actions import Activate, CopyFolders, Deliver, NodeFile, RemoveNode, Settle, StopNode
from fleethub.kinds.node.merging import merged
from fleethub.kinds.node.restoring import restored
from fleethub.kinds.route.actions import ProveRoute, RouteDelete, RoutePut
from fleethub.model.actions import Do
from fleethub.model.observation import Source
from fleethub.model.plan import Step
from fleethub.model.readings.proxy import Deployment, KeyRow
from fleethub.model.readings.server import Installed, Resident, ServerReading
from fleethub.model.secret import Derived, KeptValue
from tests.world.values import SEAL, Node, Process, Proxy, World, mark_of_row

NOW = "2026-11-27T12:00:00+00:00"
#: What a key has of these when they take no power away; limits per model lose their zeros instead.
LIFTED: dict[str, Any] = {"expires": None, "allowed_routes": (), "aliases": {}, "router_settings": {}}
NO_LIMITS = dict.fromkeys(("rpm_limit", "tpm_limit", "max_budget", "budget_duration"))


class Failed(Exception):
    """The step did not do what it should; ``world`` is what it left."""

    def __init__(self, reason: str, world: World) -> None:
        self.world = world
        super().__init__(reason)


def fold(world: World, step: Step, fingerprinter: SecretResolver = SEAL) -> World:
    """The world after a step; raises Failed."""
    try:
        return _do(step.do, world, fingerprinter)
    except SecretError as error:
        raise Failed(str(error), world) from None


@singledispatch
def _do(do: Do, world: World, fingerprinter: SecretResolver) -> World:
    raise NotImplementedError(type(do))


@_do.register
def _key_put(do: KeyPut, world: World, fingerprinter: SecretResolver) -> World:
    proxy, token = _proxy(do.source, world), _token(do.value, fingerprinter)
    if do.create:
        if not do.models or proxy.find(do.alias):
            raise Failed(f"{do.alias} has no models, or is there already", _with(world, do.source, proxy))
        like = next((k for k in proxy.keys if k.token == do.like), None)
        row = KeyRow(
            do.alias,
            token,
            do.models,
            {**NO_LIMITS, **(_unmanaged(like, do) if like else {})},
            {
                **{n: v for n, v in (like.metadata if like else {}).items() if n != "tags" or "tags" not in do.limits},
                "fleethub": _key_mark(do, world),
            },
            team=like.team if like else "",
        )
        row = _given(row, do)
        if all(k.token != token for k in proxy.keys):  # an existing value answers 200 and changes nothing
            proxy = proxy.with_key(row)
    else:
        rows = proxy.find(do.alias)
        rows += tuple(k for k in proxy.keys if k.token == token and k not in rows)
        row = _ours(rows, do.alias, world)
        proxy = proxy.with_key(
            replace(
                _given(row, do),
                alias=do.alias,
                models=row.models if do.models is None else do.models,
                metadata={**_given(row, do).metadata, "fleethub": _key_mark(do, world)},
                blocked=row.blocked and not do.unblock,
                **{name: LIFTED[name] for name in do.lift if name in LIFTED},
                **({"lifetime": None} if "expires" in do.lift else {}),
            )
        )
    after = _with(world, do.source, proxy)
    rows = proxy.find(do.alias)
    if len(rows) != 1 or rows[0].token != token:
        raise Failed(f"{do.alias} was not taken over as sent", after)
    return after


@_do.register
def _key_widen(do: KeyWiden, world: World, fingerprinter: SecretResolver) -> World:
    proxy = _proxy(do.source, world)
    row = _ours(tuple(k for k in proxy.keys if k.token == do.token), do.alias, world)
    models = tuple(sorted({*row.models, *do.models})) if row.models else ()
    return _with(world, do.source, proxy.with_key(replace(row, models=models)))


@_do.register
def _key_release(do: KeyRelease, world: World, fingerprinter: SecretResolver) -> World:
    proxy = _proxy(do.source, world)
    for token in do.tokens:
        row = _ours(tuple(k for k in proxy.keys if k.token == token), do.alias, world)
        models = row.models if do.models is None or token != do.tokens[0] else do.models
        metadata = {name: value for name, value in row.metadata.items() if name != "fleethub"}
        row = replace(row, models=models, metadata=metadata)
        if token == do.tokens[0]:
            row = replace(row, alias=do.alias if is_interim(row.alias, do.alias) else row.alias)
            sent = fields(do.limits, row.limits, metadata)
            routes, team = tuple(sent.pop("allowed_routes", row.allowed_routes)), sent.pop("team_id", row.team) or ""
            if "expires" in do.limits:
                sent.pop("duration")
                row = replace(row, expires=do.limits["expires"], lifetime=None)
            row = replace(row, limits={**row.limits, **sent}, allowed_routes=routes, team=team)
        proxy = proxy.with_key(row)
    return _with(world, do.source, proxy)


@_do.register
def _key_delete(do: KeyDelete, world: World, fingerprinter: SecretResolver) -> World:
    proxy = _proxy(do.source, world)
    for token in do.tokens:
        proxy = proxy.without_key(token)
    return _with(world, do.source, proxy)


@_do.register
def _model_pull(do: ModelPull, world: World, fingerprinter: SecretResolver) -> World:
    server = _server(do.source, world)
    digest = hashlib.sha256(do.tag.encode()).hexdigest()
    return _serving(world, do.source, replace(server, installed={**server.installed, do.tag: Installed(1, digest)}))


@_do.register
def _model_prove(do: ModelProve, world: World, fingerprinter: SecretResolver) -> World:
    there = _server(do.source, world).installed.get(do.tag)
    if there is None or not there.digest.startswith(do.digest):
        raise Failed(f"{do.tag} is not there as {do.digest or 'whatever it is'}", world)
    return world


@_do.register
def _model_warm(do: ModelWarm, world: World, fingerprinter: SecretResolver) -> World:
    server = _server(do.source, world)
    loaded = Resident(do.tag, 1, 1, server.installed[do.tag].digest, do.context)
    return _serving(world, do.source, replace(server, residents=(*server.residents, loaded)))


@_do.register
def _model_delete(do: ModelDelete, world: World, fingerprinter: SecretResolver) -> World:
    server = _server(do.source, world)
    left = {tag: one for tag, one in server.installed.items() if tag != do.tag}
    return _serving(world, do.source, replace(server, installed=left))


def _server(source: Source, world: World) -> ServerReading:
    if source.at not in world.ollamas:
        raise Failed("it does not answer", world)
    return world.ollamas[source.at]


def _serving(world: World, source: Source, server: ServerReading) -> World:
    return replace(world, ollamas={**world.ollamas, source.at: server})


@_do.register
def _prove_key(do: ProveKey, world: World, fingerprinter: SecretResolver) -> World:
    token = _token(do.value, fingerprinter)
    for endpoint in do.endpoints:
        proxy = world.proxies.get(endpoint) or Proxy()
        row = next((k for k in proxy.keys if k.token == token), None)
        lists: frozenset[str] = frozenset() if row is None or row.blocked else frozenset(row.models or proxy.aliases)
        if row is None or row.blocked or set(do.scope) - lists:
            raise Failed(f"{endpoint} does not give {do.alias} {sorted(set(do.scope) - lists)}", world)
    return world


@_do.register
def _route_put(do: RoutePut, world: World, fingerprinter: SecretResolver) -> World:
    proxy = _proxy(do.source, world)
    taken, new = {d.id for d in proxy.stored}, []
    for row in do.deployments:
        free = next(f"{do.alias}-{n}" for n in range(99) if f"{do.alias}-{n}" not in taken)
        taken.add(free)
        info = {"fleethub": {**_mark(world, 1), "fleet": _identity(world)}}
        new.append(Deployment(do.alias, row.model, free, row.api_base, row.num_ctx, stored=True, info=info))
    return _without_routes(_with(world, do.source, replace(proxy, stored=(*proxy.stored, *new))), do.source, do.remove)


@_do.register
def _prove_route(do: ProveRoute, world: World, fingerprinter: SecretResolver) -> World:
    for endpoint in do.endpoints:
        if endpoint not in world.proxies or do.alias not in world.proxies[endpoint].aliases:
            raise Failed(f"{endpoint} does not list {do.alias}", world)
    return world


@_do.register
def _route_delete(do: RouteDelete, world: World, fingerprinter: SecretResolver) -> World:
    return _without_routes(world, do.source, do.ids)


def _content(file: NodeFile, fingerprinter: SecretResolver) -> bytes:
    if file.merge is None:
        return fingerprinter.fill(file.text)
    there = file.merge.there.reveal() if file.merge.there else b""
    return merged(file.merge.format, file.merge.projection, there, lambda text: fingerprinter.fill(text).decode())


@_do.register
def _deliver(do: Deliver, world: World, fingerprinter: SecretResolver) -> World:
    node = world.nodes.get(do.source.at, Node())
    for path, blob in do.expects.items():
        there = node.files.get(path)
        if (there is None) != (blob is None) or (there and blob and there[0] != blob.reveal()):
            raise Failed(f"{path} changed since the plan was made", world)
    gone = {p for p, blob in do.stale.items() if p in node.files and node.files[p][0] == blob.reveal()}
    new = {file.path: (_content(file, fingerprinter), file.mode) for file in do.files}
    files = {p: f for p, f in node.files.items() if p not in gone}
    files |= {p: f for p, f in new.items() if p not in do.keep}
    process = node.process
    if process is not None and process.stack and not _stack(files):
        raise Failed(f"{do.source.at}: nothing ends what runs there", world)
    if process is not None:  # a gateway sees the rename of its config, and takes it over
        taken = _config(files)
        process = replace(process, config=taken, key=_key(files) if taken != process.config else process.key)
    sockets = f"{process.number} " if process and process.port == do.port else ""
    return world.at_node(
        do.source.at,
        lambda _: Node(
            files,
            _node_mark(do, do.activated, world, fingerprinter),
            {path: data for path, (data, _) in new.items()},
            process,
            sockets.strip() if do.restart else node.listener,
            node.kept,
        ),
    )


@_do.register
def _activate(do: Activate, world: World, fingerprinter: SecretResolver) -> World:
    node = world.nodes.get(do.source.at)
    old = node is not None and node.process is not None and node.listener == str(node.process.number)
    if node is None or not (do.argv or (node.process and not (do.fresh and old))):
        raise Failed("the gateway does not answer", world)
    if node.process is not None and node.process.stack != _stack(node.files):
        raise Failed(f"port {do.port} is taken by another stack", world)
    mark = _node_mark(do, True, world, fingerprinter)
    if do.tell is not None and not do.fresh and node.process is not None:
        told = replace(node.process, key=_key(node.files))
        world = world.at_node(do.source.at, lambda n: replace(n, process=told))
    fresh = do.fresh and bool(do.argv)  # nothing starts one where a human does
    return started(world, do.source.at, do.port, fresh=fresh).at_node(do.source.at, lambda n: replace(n, mark=mark))


@_do.register
def _stop(do: StopNode, world: World, fingerprinter: SecretResolver) -> World:
    node = world.nodes.get(do.source.at)
    if node is None:
        raise Failed(f"{do.source.at} is not a folder", world)
    mark = {name: value for name, value in node.mark.items() if name != "activated"} if node.mark else node.mark
    return world.at_node(do.source.at, lambda n: replace(n, process=None, mark=mark))


@_do.register
def _copy(do: CopyFolders, world: World, fingerprinter: SecretResolver) -> World:
    """Nobody may write there meanwhile."""
    for at in (do.origin.at, do.source.at):
        if at in world.nodes and world.nodes[at].process is not None:
            raise Failed(f"{at} is still written to", world)
    kept = world.nodes[do.origin.at].kept
    return world.at_node(do.source.at, lambda n: replace(n, kept=kept))


@_do.register
def _hand_over(do: HandOver, world: World, fingerprinter: SecretResolver) -> World:
    key = fingerprinter.open(do.key).reveal()
    assert key not in " ".join((*do.argv, *do.agreed, *do.check))
    return replace(world, sinks={**world.sinks, do.source.at: (do.argv, fingerprinter.fill(do.text), key)})


@_do.register
def _restart_consumer(do: RestartConsumer, world: World, fingerprinter: SecretResolver) -> World:
    return world


@_do.register
def _take_away(do: TakeAway, world: World, fingerprinter: SecretResolver) -> World:
    left = {at: one for at, one in world.sinks.items() if at != do.source.at or not do.argv}
    return replace(world, sinks=left)


@_do.register
def _settle(do: Settle, world: World, fingerprinter: SecretResolver) -> World:
    return world


@_do.register
def _remove(do: RemoveNode, world: World, fingerprinter: SecretResolver) -> World:
    node = world.nodes.get(do.source.at)
    if node is None:
        return world
    same = {p for p, blob in do.files.items() if p in node.files and node.files[p][0] == blob.reveal()}
    left = {p: f for p, f in node.files.items() if p not in same}
    back = restored(do.found, {path: blob.reveal() for path, blob in do.there.items()})
    left |= {path: (data, do.modes[path]) for path, data in back.items()}
    return world.at_node(
        do.source.at, lambda _: Node(left, kept=node.kept)
    )  # OpenClaw's own folders stay, and so does the target


def started(world: World, target: str, port: int, fresh: bool = True) -> World:
    """With the node's process started again, or (not ``fresh``) running on if it does."""
    before = world.nodes[target].process
    files = world.nodes[target].files
    if before is not None and not fresh:
        return world.at_node(target, lambda n: replace(n, process=replace(before, config=_config(files))))
    number = 1 + max((n.process.number for n in world.nodes.values() if n.process), default=0)
    process = Process(number, port, _env(files), _config(files), _key(files), _stack(files))
    return world.at_node(target, lambda n: replace(n, process=process))


def _token(value: Derived | KeptValue, fingerprinter: SecretResolver) -> str:
    return value.token if isinstance(value, KeptValue) else fingerprinter.open(value).sha256()


def _lifted(limit: Any) -> Any:
    return {model: n for model, n in limit.items() if n != 0} if isinstance(limit, Mapping) else limit


def _env(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    return files.get(".env", (b"", 0))[0]


def _key(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    return files.get("openclaw.key", (b"", 0))[0]


def _stack(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """What a compose file calls its project."""
    lines = files.get("compose.yaml", (b"", 0))[0].splitlines()
    return next((line for line in lines if line.startswith(b"name:")), b"")


def _config(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    return files.get("openclaw.json", (b"{}", 0))[0]


def _proxy(source: Source, world: World) -> Proxy:
    if source.at not in world.proxies:
        raise Failed(f"{source.at} does not answer", world)
    return world.proxies[source.at]


def _with(world: World, source: Source, proxy: Proxy) -> World:
    return replace(world, proxies={**world.proxies, source.at: proxy})


def _without_routes(world: World, source: Source, ids: tuple[str, ...]) -> World:
    for one in ids:
        proxy = _proxy(source, world)
        if all(d.id != one for d in proxy.stored):
            raise Failed(f"Model with id={one} not found in db", world)
        world = _with(world, source, replace(proxy, stored=tuple(d for d in proxy.stored if d.id != one)))
    return world


def _ours(rows: tuple[KeyRow, ...], alias: str, world: World) -> KeyRow:
    if len(rows) != 1:
        raise Failed(f"{len(rows)} keys have the alias {alias}", world)
    mark = mark_of_row(rows[0])
    here = _mark(world, 0)
    if mark is not None and (mark.lineage != here["lineage"] or mark.serial > here["serial"]):
        raise Failed(f"the mark of {alias} is another's now", world)
    return rows[0]


def _mark(world: World, generation: int) -> dict[str, Any]:
    """The mark of the apply that is under way, which wrote its intent into the lockfile first."""
    assert world.lockfile is not None
    lockfile = world.lockfile
    return {
        "lineage": lockfile.lineage,
        "serial": lockfile.serial,
        "generation": generation,
        "apply": lockfile.apply,
    }


def _given(row: KeyRow, do: KeyPut) -> KeyRow:
    """The key with what a write gives it, as a LiteLLM takes it over."""
    metadata: dict[str, Any] = {**row.metadata}
    sent = fields(do.limits, row.limits, metadata)
    lifetime = sent.pop("duration", row.lifetime)
    routes, team = sent.pop("allowed_routes", row.allowed_routes), sent.pop("team_id", row.team)
    end = "in a while" if "expires" in do.limits else row.expires
    return replace(row, limits={**row.limits, **sent}, metadata=metadata, allowed_routes=tuple(routes),
                   team=team or "", lifetime=lifetime, expires=end)  # fmt: skip


def _unmanaged(like: KeyRow, do: KeyPut) -> dict[str, Any]:
    return {n: _lifted(limit) for n, limit in like.limits.items() if limit and n not in do.limits}


def _key_mark(do: KeyPut, world: World) -> dict[str, Any]:
    name = {"fleet": _identity(world)} if isinstance(do.value, KeptValue) else {}
    born = {"born": do.value.name, "born_proxy": do.value.scope}
    return {**_mark(world, do.generation), **born, **name, **marked(do.found)}


def _identity(world: World) -> str:
    assert world.lockfile is not None
    return world.lockfile.fleet if world.lockfile.by_name else world.lockfile.id


def _node_mark(do: Deliver | Activate, activated: bool, world: World, fingerprinter: SecretResolver) -> dict[str, Any]:
    digests = {
        f.path: f.digest or fingerprinter.sha256(hashlib.sha256(fingerprinter.fill(f.text)).digest()) for f in do.files
    }
    mark = {**_mark(world, do.generation), "digests": digests, **marked(do.found)}
    return {**mark, "activated": NOW} if activated else mark
