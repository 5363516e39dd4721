"""What uses models: nodes, with their roles, defaults and wiring, and consumers that are no node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, create_model

from fleethub import nodetypes
from fleethub.engines.registry import ENGINES
from fleethub.fleetspec import fields as v
from fleethub.fleetspec.tables.block import BlockTable
from fleethub.fleetspec.values import bad
from fleethub.nodetypes.table import Table
from fleethub.nodetypes.tangleclaw.table import Profiles, TangleClawTable

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
        for kind in nodetypes.writable()
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
    TypeTables = BlockTable
else:  # what the types of node have of their own in the spec
    TypeTables = create_model("TypeTables", __base__=BlockTable, **_tables())


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
    key_store: Literal["env", "file"] | None = Field(
        None,
        description="Where a gateway's key stands: env (default), in its env file; file, in a file of its own (0600), "
        "so that a rotation restarts nothing",
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


class ConsumerTable(BlockTable):
    """A consumer of models that is no node, as Open WebUI or Aider: FleetHub brings it a key, and no more."""

    model: Hop | None = Field(None, description="Its model, by alias")
    fallbacks: list[Hop] = Field([], description="Further models that its key may call, by alias")
    key: v.Label | None = Field(None, description="The key it uses; default: its own name; [keys.NAME] has its limits")
    target: v.Line = Field(
        "consumers/{name}",
        description='Where its file goes: a folder of the fleet, or "ssh://user@host/path"; {name} expands. With '
        "profile: ~/.tangleclaw where it is not written",
    )
    env: EnvPlaceTable | None = Field(None, description="Its key goes into a .env, with the URL and the model")
    file: v.Line | None = Field(None, description="Its key alone goes into this file below target, with mode 0600")
    settings: v.Line | None = Field(
        None, description="With file: a JSON file below target with the URL and the models, without a secret"
    )
    type: v.Name | None = Field(
        None,
        description=f"The program, for its own settings and key files below target: {', '.join(nodetypes.clients())}",
    )
    profile: Profiles | None = Field(
        None,
        description='Its orchestration profile in TangleClaw, like "local", which is then listed as fleethub-local; of '
        'several models { local = "qwen3-32b", small = "gpt-oss-20b" }',
    )
    tangleclaw: TangleClawTable | None = Field(None, description="With profile: what its sessions' engine needs")
    files: dict[v.Name, v.Line] = Field(
        {}, description="With type: other names for its files, by what they are to it (settings, env, key)"
    )
    manage: Literal["whole", "wiring"] | None = Field(
        None,
        description="With type aider or continue, \"wiring\": its files are its operator's, and FleetHub's part of "
        'them alone is FleetHub\'s; default: "whole"',
    )
    command: list[v.Line] | None = Field(
        None,
        min_length=1,
        description="Its key is handed to this command on standard input: arguments, as a list, run in the fleet's "
        "folder or at an ssh:// target; {name}, {host}, {url}, {model}, {models} and {generation} expand",
    )
    stdin: v.Stdin = Field(
        "key",
        description="What command gets: key (default), env, json, json-string, op-item, or a template of the fleet's "
        'in templates/sink, like "mine.j2"',
    )
    check: list[v.Line] | None = Field(
        None,
        min_length=1,
        description="With command: prints the key that is there, or its SHA-256; nothing where there is none",
    )
    remove: list[v.Line] | None = Field(
        None, min_length=1, description="With command: takes the key away when the block is taken out"
    )
    restart: list[v.Line] | None = Field(
        None,
        min_length=1,
        description="What makes it use a new key: arguments, as a list, run at an ssh:// target, or where command runs",
    )
    settle: v.Duration | None = Field(None, description='How long it must be well after that, like "10s"')
    timeout: v.PositiveDuration | None = Field(
        None, description='How long each of its commands may take, like "60s" (default)'
    )


class DefaultsTable(Table):
    """What holds unless a role or a node says otherwise."""

    node: RoleTable = Field(default_factory=RoleTable, description="Defaults of every node")
