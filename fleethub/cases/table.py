"""A file of cases as it is written. The descriptions are the editors' help and the errors' hints."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from fleethub.fleetspec import fields as v
from fleethub.fleetspec.schema import Authoring
from fleethub.fleetspec.values import bad
from fleethub.model.address import Address
from fleethub.model.capacity import Fit
from fleethub.nodetypes.table import Table


def _address(text: str) -> str:
    try:
        return str(Address.parse(text))
    except ValueError as error:
        raise bad("spec.value", f"names no thing of a fleet: {error}", "like node.volta or key.main.volta") from None


def _block(text: str) -> str:
    group, dot, name = text.partition(".")
    if not group or (dot and not name):
        raise bad("spec.value", 'must be a block like "nodes.volta"', "a group alone, like policy, is a block too")
    return text


def _verdict(text: str) -> str:
    if text not in {fit.value for fit in Fit}:
        raise bad("spec.value", "must be what capacity says of a set", ", ".join(fit.value for fit in Fit))
    return text


def _below(text: str) -> str:
    if text.startswith(("/", "~")) or ".." in text.split("/") or "\\" in text or not text.isprintable():
        raise bad("spec.value", "must be a path below the fleet's folder", "without .. and without a / at its begin")
    return text


Addressed = Annotated[str, AfterValidator(_address)]
Below = Annotated[str, AfterValidator(_below)]
#: What becomes of a thing: ``record`` changes only the lockfile, and no case tells it.
Outcome = Literal["create", "update", "delete", "blocked"]
Verdict = Annotated[str, AfterValidator(_verdict), WithJsonSchema({"enum": [fit.value for fit in Fit]})]


class ExpectTable(Table):
    """What must come of it. What is not written is not compared."""

    exit: Literal[0, 1, 3] | None = Field(
        None, description="The exit code of plan --offline: 0, 3 with an error, 1 where the spec is wrong"
    )
    changes: dict[Addressed, Outcome] | None = Field(
        None, description='All that changes: { "node.volta" = "update" }; {}: nothing'
    )
    findings: list[v.Line] | None = Field(
        None, description='All that is found: "check.budget", or "check.budget key.main.volta"; []: nothing'
    )
    fields: dict[Addressed, dict[v.Line, Any]] = Field(
        {}, description="What fields of a change are then, as plans name them: chain, rpm_limit"
    )
    capacity: dict[v.Name, Verdict] = Field(
        {}, description="What becomes of backends: fits, spills, evicts, does not fit or unknown"
    )


class CaseTable(Table):
    """A change of the spec, and what must come of it."""

    name: v.Line = Field(description="What it shows, as a sentence")
    before: Annotated[str, AfterValidator(_below)] = Field(
        "spec",
        description='What was applied before: "spec" (default) the spec as it is, without the change; "nothing"; or a '
        'lockfile, like "fleet.lock"',
    )
    facts: Below = Field(
        "facts", description='What is known of the backends: a folder as fleethub observe --facts writes one; "facts"'
    )
    today: date | None = Field(None, description="The day on which it is planned, for what ends; default: today")
    set: dict[str, Any] = Field({}, description="Values of the spec, in its own tables: [case.set.nodes.volta]")
    remove: list[Annotated[str, AfterValidator(_block)]] = Field(
        [], description='Blocks that are taken out, like ["nodes.tilt"]'
    )
    files: dict[Below, str] = Field({}, description="Whole files of the spec by their names: their text")
    expect: ExpectTable = Field(default_factory=ExpectTable)


class CasesTable(Table):
    """A file of cases for fleethub test."""

    case: list[CaseTable] = Field(min_length=1, description="The cases, each planned by itself")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a file of cases, for editors."""
    schema = CasesTable.model_json_schema(mode="validation", schema_generator=Authoring)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
