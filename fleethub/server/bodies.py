"""What may be sent: strict, nothing beyond what is known, and every write names its project."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from fleethub.operations.capacity import QUANTS

#: The spec's own form of a name: fleet, node, backend, key.
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=63)]
Host = Annotated[str, Field(pattern=r"^([A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])$", max_length=253)]
#: Latin, Greek, Cyrillic, Japanese, Chinese and Korean: what is surely printable, whoever's tables one asks.
_SEEN = (
    "!-~\u00a1-\u00ac\u00ae-\u0377\u0384-\u038a\u038c\u038e-\u03a1\u03a3-\u052f"
    "\u3041-\u3096\u3099-\u30ff\u4e00-\u9ffc\uac00-\ud7a3"
)
Label = Annotated[str, Field(pattern=f"^[{_SEEN}]([ {_SEEN}]*[{_SEEN}])?$", max_length=128)]
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=256)]


Params = Annotated[str, Field(pattern=r"^([1-9][0-9]{0,5}(\.[0-9]{1,3})?|0\.[0-9]{0,2}[1-9])[KMBT]$")]
Quant = Annotated[
    str,
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    Field(json_schema_extra={"enum": list(QUANTS)}, pattern=f"^({'|'.join(QUANTS)})$"),
]


def _whole(value: object) -> object:
    """JSON has one kind of number: 18789.0 is 18789."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Body(BaseModel):
    """``project`` says on whose behalf: it is no authentication, and it stops the usual accident."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    project: Annotated[Label, Field(description="who asks: the entry's owner, or who wants to be", examples=["Volta"])]
    force: Annotated[bool, Field(description="take another's entry over; it is recorded with whose it was")] = False


class AssignBody(Body):
    """Make a model the first of a node's chain."""

    node: Annotated[Name, Field(examples=["volta"])]
    model: Annotated[Label, Field(description="an alias of the spec", examples=["qwen3-32b"])]


class ReleaseBody(Body):
    """Take a node out of the spec."""

    node: Annotated[Name, Field(examples=["volta"])]


class NodeBody(Body):
    """Add a node to the spec, or renew one's own: only the fields that are sent change."""

    name: Annotated[Name, Field(examples=["newnode"])]
    host: Annotated[Host, Field(examples=["newnode.example.ts.net"])] | None = None
    model: Annotated[Label, Field(description="an alias of the spec")] | None = None
    fallbacks: Annotated[list[Label], Field(max_length=16)] | None = None
    role: Name | None = None
    type: Name | None = None
    target: Annotated[Line, Field(description="a folder, or ssh://user@{host}/srv/openclaw/{name}")] | None = None
    image: Line | None = None
    owner: Annotated[Label, Field(description="left out: the project")] | None = None
    key: Name | None = None
    port: Annotated[int, Field(ge=1, le=65535), BeforeValidator(_whole)] | None = None
    labels: (
        Annotated[dict[Name, Label], Field(max_length=32, json_schema_extra={"additionalProperties": False})] | None
    ) = None


class CapacityQuery(BaseModel):
    """Without a model: every backend, or the one that is named. With one and no backend: where it could go."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    backend: Name | None = None
    model: Annotated[Label, Field(description="an alias, an installed tag, or any name with params")] | None = None
    context: Annotated[int, Field(ge=1, le=100_000_000, description="tokens per slot")] | None = None
    parallel: Annotated[int, Field(ge=1, le=1024, description="OLLAMA_NUM_PARALLEL")] | None = None
    kv_type: Annotated[Literal["f16", "q8_0", "q4_0"], Field(description="OLLAMA_KV_CACHE_TYPE")] | None = None
    params: Annotated[Params, Field(description="a new model's parameters, like 32B")] | None = None
    quant: Annotated[Quant, Field(description="with params; Q4_K_M when left out")] | None = None
