"""The spec as it is written, as one schema: its tables, with those and the keys that each engine adds.

Everything about a single value is judged by it; what needs a second value is in ``checks`` and ``nodes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DictSchema, NullableSchema, WithDefaultSchema

from fleethub.engines.interface import Engine, SpecKey
from fleethub.engines.registry import ENGINES
from fleethub.fleetspec import fields as v
from fleethub.fleetspec.tables.consuming import ConsumerTable, DefaultsTable, NodeTable, RoleTable
from fleethub.fleetspec.tables.fleet import (
    AcceptTable,
    AgentTable,
    CheckTable,
    FleetTable,
    MovedTable,
    NotifyTable,
    PolicyTable,
    StateTable,
)
from fleethub.fleetspec.tables.serving import BackendTable, EngineTable, KeyTable, ModelTable, ProxyTable
from fleethub.nodetypes.table import Table


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
    check: list[CheckTable] = Field([], description="Rules of the fleet's own; in any file")
    moved: list[MovedTable] = Field(
        [], description="What was renamed: nodes, consumers, proxies, backends, keys; in the main file"
    )


def spec_model() -> type[Spec]:
    """``Spec`` with the tables and keys of every engine."""
    return _with_engines(tuple(ENGINES.values()), frozenset())


def reading_model(doc: Mapping[str, Any]) -> type[Spec]:
    """The same to read a document: what that has not is not made and compiled, which takes longer than to read it."""
    return _with_engines(tuple(ENGINES.values()), frozenset(Spec.model_fields.keys() - doc.keys()))


@cache
def _with_engines(engines: tuple[Engine, ...], without: frozenset[str]) -> type[Spec]:
    groups: dict[str, Any] = {name: (Any, Spec.model_fields[name]) for name in without}
    if "backends" not in without:
        tables: dict[str, Any] = {}
        for engine in engines:
            about = f"The {engine.settings.title} server on it"
            tables[engine.settings.engine] = (_table(engine) | None, Field(None, description=about))
        backend = create_model("BackendTable", __base__=BackendTable, __doc__=BackendTable.__doc__, **tables)
        groups["backends"] = (dict[v.Name, backend], Spec.model_fields["backends"])
    if "models" not in without:
        tags: dict[str, Any] = {}
        for engine in engines:
            about = f"Its tag on {engine.settings.title}; default: the route after its first /"
            tags[engine.settings.engine] = (v.Line | None, Field(None, description=about))
        model = create_model("ModelTable", __base__=ModelTable, __doc__=ModelTable.__doc__, **tags)
        groups["models"] = (dict[v.Label, model], Spec.model_fields["models"])
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


class Authoring(GenerateJsonSchema):
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
    schema = spec_model().model_json_schema(mode="validation", schema_generator=Authoring)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
