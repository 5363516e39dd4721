"""The spec as it is written, table by table. The descriptions are the editors' help and the errors' hints.

Everything about a single value is judged here; what needs a second value is in ``checks`` and ``nodes``.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DictSchema, NullableSchema, WithDefaultSchema

from fleethub import nodetypes
from fleethub.engines.interface import Engine, SpecKey
from fleethub.engines.registry import ENGINES
from fleethub.fleetspec import fields as v
from fleethub.fleetspec.values import bad
from fleethub.nodetypes.table import Table


class Block(Table):
    """What every named thing may say."""

    owner: v.Label | None = Field(None, description="Who it belongs to, as people write it")
    projects: list[v.Label] = Field(
        [], description="Its owner's projects of other names (or ids): their sessions are the owner's"
    )
    labels: dict[v.Label, v.Label] = Field({}, description="Free names and values, for filters and views")
    protected: bool = Field(False, description="true: never deleted, whatever a plan says")


class FleetTable(Table):
    """The fleet itself."""

    name: v.Name = Field(description="The fleet's name; without an id keys are derived from it, so it stays for good")
    id: v.FleetId | None = Field(
        None, description="Random, written by fleethub init: keys are derived from it, so it stays for good"
    )
    derive_from: Literal["id", "name"] = Field(
        "id", description="name: keys stay derived from the name, in a fleet that got its id after its first apply"
    )
    required_version: v.Specifiers | None = Field(None, description="Which FleetHub may read this: PEP 440")
    key_seed: v.Reference | None = Field(
        None,
        description="Reference to the seed of all derived keys (env:, file:, command:), or a list of them",
    )
    ssh_program: bool = Field(
        False, description="true: log in to every machine through the ssh program, not only where that is needed"
    )


class StateTable(Table):
    """Where what was applied is kept, with its lock and history."""

    store: v.StateStore | None = Field(
        None,
        description="A reference to a PostgreSQL URL (env:, file:, command:), or s3://BUCKET/PREFIX, gs://…, az://…; "
        "not written: fleet.lock beside this file",
    )
    endpoint: v.Url | None = Field(
        None, description="The URL of an object store that is not its cloud's own, like MinIO's"
    )


class PolicyTable(Table):
    """What to refuse and what to repair."""

    overcommit: Literal["refuse", "refuse-new", "warn"] = Field(
        "refuse-new", description="When models do not fit: refuse, refuse-new (only when it grows) or warn"
    )
    drift: Literal["repair", "stop"] | None = Field(
        None, description="What was changed by hand: repair or stop; not written: asked on a terminal"
    )
    revoked: Literal["stop", "restore"] = Field("stop", description="A key deleted or blocked by hand: stop or restore")
    unreachable: Literal["defer", "fail"] = Field(
        "defer",
        description="What cannot be looked at: defer (the rest is done, and it stays owed) or fail (nothing is done)",
    )
    reserve: v.Size | None = Field(None, description='VRAM kept free on each GPU, like "1 GiB" (default)')
    targets: list[v.Line] | None = Field(
        None,
        description='Where an edit by command or HTTP may put a node, like ["nodes/*", "ssh://ops@*.example/srv/*"]; '
        "* is anything within one part of a path, ** any parts. Not written: HTTP only beside nodes that there are",
    )
    max_delete_percent: int = Field(
        30, ge=0, le=100, description="A plan that deletes a greater part of the nodes, keys or routes is stopped"
    )
    max_update_percent: int = Field(
        100, ge=0, le=100, description="A plan that changes a greater part of the nodes, keys or routes is stopped"
    )
    min_existing: int = Field(10, ge=1, description="With fewer things of a kind than this, no percentage stops a plan")
    key_idle: v.Duration | None = Field(
        None, description='How long a key that no node has must be unused before it is deleted, like "10m" (default)'
    )
    last_node: Literal["stop", "allow"] = Field(
        "allow", description="The last node that uses a backend goes: stop or allow"
    )
    agents: Literal["read", "propose", "apply"] = Field(
        "propose",
        description="Edits that an agent asks for over MCP: propose (default; a person approves each), read (none) or "
        "apply (at once, where [agents.NAME] allows it)",
    )


CA = 'A PEM file of certificates to trust for its https URLs besides the usual ones, like "file:certs/ca.pem"'


class ProxyTable(Block):
    """A LiteLLM proxy."""

    url: v.Url = Field(description="The URL that nodes use")
    admin_url: v.Url | None = Field(None, description="The URL that FleetHub uses; default: url")
    replicas: list[v.Url] = Field([], description="Every replica's own URL, when there are several")
    key_cache_ttl: v.Duration | None = Field(
        None, description='LiteLLM\'s user_api_key_cache_ttl, like "60s" (default)'
    )
    ca: v.Certificates | None = Field(None, description=CA)
    master_key: v.Reference = Field(
        description="Reference to the master key (env:, file:, command:), or a list of them"
    )
    manage_routes: bool = Field(False, description="true: FleetHub may add and remove routes through the API")
    processes: int = Field(1, ge=1, le=10_000, description="Workers or hidden replicas behind one URL, 1 or more")


class GpuTable(Table):
    """One GPU of a backend."""

    name: v.Label = Field(description="The GPU's name")
    vram: v.PositiveSize = Field(description='Its memory, like "48 GiB"')


class EngineTable(Table):
    """A backend's model server, and the settings that it does not tell by itself."""

    url: v.Url


class BackendTable(Block):
    """A host with GPUs."""

    host: v.Host = Field(description="The host's name or address")
    proxy: v.Name | None = Field(None, description="The proxy that fronts it; none: only direct hops reach it")
    ssh: v.SshHost | None = Field(
        None,
        description='"user@host" to read its GPUs and its model server\'s settings, "local" for this machine; '
        "none: only what is declared is known",
    )
    endpoints: dict[v.Name, v.Url] = Field({}, description="Further URLs by name, for via =")
    ca: v.Certificates | None = Field(None, description=CA)
    gpus: list[GpuTable] = Field([], description='The GPUs: [{ name = "RTX 6000 Ada", vram = "48 GiB" }]')
    memory: v.PositiveSize | None = Field(
        None, description='Memory of the machine, like "128 GiB", where models lie in it: no GPU has memory of its own'
    )
    memory_for: Literal["cpu", "metal", "shared"] = Field(
        "cpu",
        description="Who uses that memory: cpu (no GPU), metal (Apple), shared (a GPU without memory of its own: GB10, "
        "Jetson, Strix Halo)",
    )

    def engines(self) -> dict[str, EngineTable]:
        """Its tables of model servers, by the engine's name."""
        tables = ((name, getattr(self, name, None)) for name in ENGINES)
        return {name: table for name, table in tables if isinstance(table, EngineTable)}


class ModelTable(Block):
    """A model alias that keys and nodes name."""

    backends: list[v.Name] = Field([], description="Which backends serve it; none, with a proxy: a cloud model")
    proxy: v.Name | None = Field(None, description="The proxy of a cloud model (one without backends)")
    route: v.Line = Field(description='LiteLLM\'s model, like "ollama_chat/qwen3:32b"')
    context: int = Field(ge=1, le=100_000_000, description="Tokens of context that the route really loads (num_ctx)")
    quant: v.Label | None = Field(None, description='Quantisation, like "Q4_K_M": for what is not installed')
    vram: v.PositiveSize | None = Field(
        None, description='VRAM with this context, like "21 GiB": for what is not installed'
    )
    params: v.Params | None = Field(None, description='Parameters, like "32B": for what is not installed')
    capabilities: list[v.Label] = Field([], description='What it can do, like ["tools", "reasoning"]')
    file: v.Line | None = Field(
        None,
        description="A file that tells its shape, by its path from the fleet's folder: a GGUF, or Hugging Face's "
        "config.json with model.safetensors.index.json beside it; for what no server tells",
    )

    pull: bool = Field(
        False, description="true: where it is missing an apply has its server download it, and removes what it pulled"
    )
    warm: bool = Field(
        False, description="With pull: loaded with its context after a swap to it; that pins it no more than a request"
    )
    digest: v.Digest | None = Field(
        None, description="With pull: the digest that it must have, its first 12 or more digits, as its server lists it"
    )

    @property
    def tag(self) -> str | None:
        """Its name on the servers, as a key with an engine's name says it."""
        names = (getattr(self, name, None) for name in ENGINES)
        return next((name for name in names if isinstance(name, str)), None)


_NAMES = '", "'.join(ENGINES)


class HopTable(Table):
    """One step of a chain: a model, and how to reach it."""

    model: v.Label = Field(description="The model's alias")
    via: v.Line | None = Field(
        None,
        description=f'Round the proxy: "{_NAMES}" or an endpoint of its first backend, or "BACKEND.ENDPOINT"',
    )


def _hop(value: Any) -> Any:
    if isinstance(value, str):
        return {"model": value}
    if not isinstance(value, dict):
        raise bad("spec.value", 'must be a model\'s alias or { model = "…", via = "…" }')
    return value


Hop = Annotated[HopTable, BeforeValidator(_hop, json_schema_input_type=v.Label | HopTable)]


def _roles() -> str:
    """The files of each type, for people."""
    named = (
        (kind, ", ".join(file.role for file in found.files))
        for kind in nodetypes.names()
        if (found := nodetypes.get(kind))
    )
    return "; ".join(f"{kind}: {roles}" for kind, roles in named)


def _tables() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for table in nodetypes.tables():
        if table.model is None:
            found[table.name] = (dict[str, Any], Field({}, description=table.help))
        else:
            found[table.name] = (table.model() | None, Field(None, description=table.help))
    return found


if TYPE_CHECKING:
    TypeTables = Block
else:  # what the types of node have of their own in the spec
    TypeTables = create_model("TypeTables", __base__=Block, **_tables())


class WiringTable(Table):
    """A provider of a node's own config: where it leads, and what of it stays as it is found."""

    proxy: v.Name | None = Field(None, description="The proxy that it leads to")
    endpoint: v.Line | None = Field(None, description='Or, round the proxy, "BACKEND.ENDPOINT"')
    models: list[v.Label] = Field([], description="The models that go through it; default: all that go there")
    url: v.Url | None = Field(None, description="Its base URL, where that is not the proxy's or backend's")
    key_variable: v.EnvName | None = Field(None, description="The variable of its key; default FLEETHUB_KEY_<PROXY>")
    keep: list[Literal["key", "url", "api", "context"]] = Field(
        [], description="What stays as it is found; key: until its key is made anew, as by fleethub rotate"
    )


class RoleTable(TypeTables):
    """What nodes have in common: a role's or the defaults' part of a node."""

    host: v.Host | None = Field(None, description="The host that the node runs on")
    type: v.Name | None = Field(None, description=f'The folder of templates; default "{nodetypes.DEFAULT}"')
    target: v.Line | None = Field(
        None,
        description='Where its files go: "ssh://user@host/path" or a folder; {host} and {name} expand',
    )
    image: v.Line | None = Field(None, description="The container image with its tag; {host} and {name} expand")
    model: Hop | None = Field(None, description='The primary model: an alias, or { model = "…", via = "…" }')
    fallbacks: list[Hop] = Field(
        [], description='Fallbacks in order: aliases or { model = "…", via = "…" }; [] empties a role\'s'
    )
    key: v.Label | None = Field(None, description="The key it uses; default: the node's own name")
    manage: Literal["whole", "wiring"] | None = Field(
        None,
        description="whole (default): all of its files; wiring: its providers, chain and FleetHub's own variables, "
        "in files that somebody else wrote",
    )
    wiring: dict[v.Label, WiringTable] = Field(
        {}, description='Providers of its own config that it is wired through, by their ids; with manage = "wiring"'
    )
    port: int | None = Field(None, ge=1, le=65535, description="The port that it listens on, 1 to 65535")
    origins: list[v.Origin] = Field(
        [],
        description='Further origins of its web page, as browsers say them, like "https://volta.example.ts.net"; its '
        "own port's and those of TangleClaw's first tunnels are allowed without",
    )
    files: dict[v.Name, v.Line] = Field(
        {}, description=f"Where its files lie below the target, by what they are to its type ({_roles()})"
    )
    uid: int | None = Field(None, ge=0, le=2**31 - 1, description="User id that owns state and workspace")
    project: v.Project | None = Field(None, description="The compose project's name")
    activate: Literal["auto", "never"] | None = Field(
        None, description="auto (default): restart when needed; never: a human does"
    )
    command: list[v.Line] | None = Field(None, description="Arguments of the activation's own command, as a list")
    move_state: bool | None = Field(
        None,
        description="Whether what it keeps itself (state, workspace) is copied along when its target changes; "
        "default false",
    )
    settle: v.Duration | None = Field(None, description='How long it must be well after activation, like "10s"')
    timeout: v.PositiveDuration | None = Field(None, description='How long activation may take, like "60s"')
    generation: int | None = Field(None, ge=1, le=2**31 - 1, description="Generation of its gateway token, 1 or more")
    env: dict[v.EnvName, v.EnvValue] = Field(
        {},
        description='Variables: references (env:, file:, command:), or { value = "…" } for what is no secret',
    )
    ignore: list[v.Line] = Field(
        [],
        description='What is left alone where somebody changed it by hand: a file, or with manage = "wiring" a path as '
        'the plan shows it, like ".env.LLM_KEY"',
    )


class NodeTable(RoleTable):
    """A consumer of models, as an OpenClaw gateway."""

    role: v.Name | None = Field(None, description="The role that it takes what it does not say from")


class EnvPlaceTable(Table):
    """Which variables of which ``.env`` tell a consumer its key, the proxy's URL and its model."""

    file: v.Line = Field(".env", description="The file, below target; what others wrote into it stays byte for byte")
    variable: v.EnvName = Field("OPENAI_API_KEY", description="The variable of its key")
    url: v.EnvName = Field("OPENAI_API_BASE_URL", description="The variable of the proxy's URL, ending in /v1")
    model: v.EnvName = Field("DEFAULT_MODELS", description="The variable of its model")
    prefix: str = Field("", pattern="^[A-Za-z0-9_./:-]*$", description="What stands before the model's name")


class ConsumerTable(Block):
    """A consumer of models that is no node, as Open WebUI or Aider: FleetHub brings it a key, and no more."""

    model: Hop | None = Field(None, description="Its model, by alias")
    fallbacks: list[Hop] = Field([], description="Further models that its key may call, by alias")
    key: v.Label | None = Field(None, description="The key it uses; default: its own name; [keys.NAME] has its limits")
    target: v.Line = Field(
        "consumers/{name}",
        description='Where its file goes: a folder of the fleet, or "ssh://user@host/path"; {name} expands',
    )
    env: EnvPlaceTable | None = Field(None, description="Its key goes into a .env, with the URL and the model")
    file: v.Line | None = Field(None, description="Its key alone goes into this file below target, with mode 0600")
    settings: v.Line | None = Field(
        None, description="With file: a JSON file below target with the URL and the models, without a secret"
    )
    restart: list[v.Line] | None = Field(
        None, min_length=1, description="What makes it use a new key, run at an ssh:// target: arguments, as a list"
    )
    settle: v.Duration | None = Field(None, description='How long it must be well after that, like "10s"')
    timeout: v.PositiveDuration | None = Field(None, description='How long restart may take, like "60s"')


class DefaultsTable(Table):
    """What holds unless a role or a node says otherwise."""

    node: RoleTable = Field(default_factory=RoleTable, description="Defaults of every node")


Ignorable = Literal[
    "rpm", "tpm", "max_budget", "soft_budget", "budget_duration", "max_parallel_requests", "model_rpm", "model_tpm",
    "expires", "allowed_routes", "tags", "team", "aliases", "router_settings",
]  # fmt: skip


class KeyTable(Block):
    """Limits and further scope of a key."""

    rpm: int | None = Field(None, ge=0, le=2**53, description="Requests per minute")
    tpm: int | None = Field(None, ge=0, le=2**53, description="Tokens per minute")
    max_budget: float | None = Field(None, ge=0, description="Budget in the proxy's currency")
    soft_budget: float | None = Field(None, gt=0, description="Spend from which LiteLLM warns, and refuses nothing")
    budget_duration: v.Period | None = Field(None, description='After which the budget starts anew, like "30d"')
    max_parallel_requests: int | None = Field(None, ge=1, le=2**31 - 1, description="Calls at a time")
    model_rpm: dict[v.Label, v.Limit] | None = Field(None, description="Requests per minute by model")
    model_tpm: dict[v.Label, v.Limit] | None = Field(None, description="Tokens per minute by model")
    expires: v.Lifetime | None = Field(
        None, description='How long a value of it lives from the apply that makes it, like "90d"; none: for ever'
    )
    allowed_routes: list[v.Line] | None = Field(
        None, description='The only routes that it may call, like "/v1/*" or "llm_api_routes"; with /v1/models'
    )
    tags: list[v.Label] | None = Field(None, description="Tags of its spend, as metadata.tags")
    team: v.Line | None = Field(None, description="The id of its team in LiteLLM")
    also: list[v.Label] = Field([], description="Models beyond what the wiring needs")
    models: list[v.Label] = Field([], description="The scope of a key that no node uses")
    generation: int = Field(1, ge=1, le=2**31 - 1, description="Raised to rotate the key; never lowered")
    grace: v.Duration | None = Field(
        None, description='How long an old value works beside a new one; default "7d" where no node uses it, else "0s"'
    )
    adopt: Literal["keep", "narrow"] = Field(
        "keep", description="What an adopted key may call beyond the wiring: keep (default), or narrow takes it away"
    )
    ignore: list[Ignorable] = Field(
        [], description="Fields that are left alone where somebody changed them in LiteLLM by hand"
    )


class AgentTable(Table):
    """What an agent may edit over MCP; where any is listed, the others may only read."""

    nodes: list[v.Line] | None = Field(
        None, description='Nodes by name, pattern or label, like ["volta", "lab-*", "@team=ml"]'
    )
    backends: list[v.Name] | None = Field(None, description="Backends on which its edits may load models")
    a_day: int | None = Field(None, ge=1, le=10_000, description="Edits in 24 hours, 1 or more")


class MovedTable(Table):
    """A node that has another name by now."""

    old: v.Line = Field(alias="from", description='What it was called, like "node.volta"')
    new: v.Line = Field(alias="to", description='What it is called now, like "node.ohm"')


class NotifyTable(Table):
    """Who is told what is wrong, once, and when it is over: by a URL or a command."""

    url: v.Url | None = Field(
        None, description="A webhook, which gets JSON; or an ntfy topic, like https://ntfy.sh/TOPIC"
    )
    format: Literal["json", "ntfy"] = Field("json", description="What is posted to url")
    token: v.Reference | None = Field(None, description="Its bearer token, by reference")
    command: list[v.Line] | None = Field(None, min_length=1, description="A program, which gets the text as its input")
    on: list[Literal["drift", "error", "full", "unknown", "verify"]] = Field(
        ["drift", "error", "full", "unknown", "verify"], description="What is told; default: all"
    )


class AcceptTable(Table):
    """A warning that is known: plans show it as one line, until a day. An error is never accepted."""

    code: v.Line = Field(description='The finding\'s code, like "capacity.exceeded"')
    address: v.Line | None = Field(None, description='Of what, like "backend.gpu"; default: of everything')
    reason: v.Line = Field(description="Why it is accepted, for whoever reads the plan")
    until: date = Field(description="The last day on which it is, like 2027-03-31")


class Spec(Table):
    """A FleetHub fleet: fleet.toml."""

    fleet: FleetTable
    include: list[v.Line] = Field([], description='Further files, like ["nodes/*.toml"]; only in the main file')
    policy: PolicyTable = Field(default_factory=PolicyTable)
    state: StateTable = Field(default_factory=StateTable)
    proxies: dict[v.Name, ProxyTable] = Field({}, description="LiteLLM proxies by name")
    backends: dict[v.Name, BackendTable] = Field({}, description="Hosts with GPUs by name")
    models: dict[v.Label, ModelTable] = Field({}, description="Models by alias; quote an alias that has dots")
    defaults: DefaultsTable = Field(default_factory=DefaultsTable)
    roles: dict[v.Name, RoleTable] = Field({}, description="Roles of nodes by name")
    nodes: dict[v.Name, NodeTable] = Field({}, description="Consumers of models by name, as OpenClaw gateways")
    consumers: dict[v.Name, ConsumerTable] = Field({}, description="Consumers of models that are no node, by name")
    keys: dict[v.Label, KeyTable] = Field({}, description="Limits of keys by alias; a node's key has the node's name")
    agents: dict[v.Name, AgentTable] = Field(
        {}, description="Limits of agents by the name that fleethub mcp --as gives"
    )
    notify: dict[v.Name, NotifyTable] = Field({}, description="Who is told what is wrong, by name")
    accept: list[AcceptTable] = Field([], description="Warnings that are known; only in the main file")
    moved: list[MovedTable] = Field([], description="Nodes that were renamed; only in the main file")


def spec_model() -> type[Spec]:
    """``Spec`` with the tables and keys of every engine."""
    return _with_engines(tuple(ENGINES.values()))


@cache
def _with_engines(engines: tuple[Engine, ...]) -> type[Spec]:
    tables: dict[str, Any] = {}
    tags: dict[str, Any] = {}
    for engine in engines:
        name, title = engine.settings.engine, engine.settings.title
        tag = f"Its tag on {title}; default: the route after its first /"
        tables[name] = (_table(engine) | None, Field(None, description=f"The {title} server on it"))
        tags[name] = (v.Line | None, Field(None, description=tag))
    backend = create_model("BackendTable", __base__=BackendTable, __doc__=BackendTable.__doc__, **tables)
    model = create_model("ModelTable", __base__=ModelTable, __doc__=ModelTable.__doc__, **tags)
    groups: dict[str, Any] = {
        "backends": (dict[v.Name, backend], Spec.model_fields["backends"]),
        "models": (dict[v.Label, model], Spec.model_fields["models"]),
    }
    return create_model("Spec", __base__=Spec, __doc__=Spec.__doc__, **groups)


def _table(engine: Engine) -> type[EngineTable]:
    title = engine.settings.title
    text = f"The {title} server of a backend, and the settings that its API does not tell."
    keys: dict[str, Any] = {"url": (v.Url, Field(description=f"The URL of {title}"))}
    return create_model(f"{title}Table", __base__=EngineTable, __doc__=text, **keys | dict(map(_key, engine.keys)))


def _key(key: SpecKey) -> tuple[str, Any]:
    kinds: dict[str, Any] = {"whole": int, "size": v.Size, "flag": bool, "choice": Literal[key.choices or ("",)]}
    kinds |= {"text": v.Line, "share": v.Share}
    kind = kinds[key.kind] if key.default is not None else kinds[key.kind] | None
    least, most = (key.least, key.most) if key.kind == "whole" else (None, None)
    field: Any = Field(key.default, ge=least, le=most, description=key.description)
    return key.name, (kind, field)


class _Authoring(GenerateJsonSchema):
    """TOML has no null, so an optional key is a key that may be absent."""

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def dict_schema(self, schema: DictSchema) -> JsonSchemaValue:
        json_schema = super().dict_schema(schema)
        return json_schema | ({"additionalProperties": False} if "patternProperties" in json_schema else {})

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        json_schema = super().default_schema(schema)
        return {k: x for k, x in json_schema.items() if not (k == "default" and x is None)}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of fleet.toml, for editors."""
    schema = spec_model().model_json_schema(mode="validation", schema_generator=_Authoring)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
