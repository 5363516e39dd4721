"""What may be asked of the operations that both front ends offer, each field declared once: its type, bounds and words.

The HTTP API takes them as they are: strict, nothing beyond what is known, and every write names its project. The
command line's options are made from their fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from fleethub.model.edit import Assign, Edit, Register, Release
from fleethub.sizing.quant import BITS

QUANTS = tuple(sorted(BITS))
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
KvType = Literal["f16", "q8_0", "q4_0"] | None
Quant = Annotated[
    str,
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    Field(json_schema_extra={"enum": list(QUANTS)}, pattern=f"^({'|'.join(QUANTS)})$"),
]


def _whole(value: object) -> object:
    """JSON has one kind of number: 18789.0 is 18789."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class NodeInput(BaseModel):
    """``project`` says on whose behalf: it is no authentication, and it stops the usual accident."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    project: Annotated[
        Label,
        Field(
            description="who asks: the entry's owner, or who wants to be; or projectId, TangleClaw's number",
            examples=["Volta"],
        ),
    ]
    force: Annotated[bool, Field(description="Take the entry over from its owner; recorded.")] = False

    @model_validator(mode="before")
    @classmethod
    def _by_number(cls, value: Any) -> Any:
        """A pane knows its project by TangleClaw's number; the name is known from ``tangleclaw register``."""
        ids = [key for key in ("projectId", "project_id") if isinstance(value, dict) and key in value]
        if not ids:
            return value
        if len(ids) > 1 or "project" in value:
            raise PydanticCustomError("project.twice", "a project is named once: by project, or by projectId")
        number = value[ids[0]]
        if isinstance(number, bool) or not isinstance(number, int | str) or not str(number).isdecimal():
            raise PydanticCustomError("project.number", "projectId is the number that TangleClaw has for a project")
        return {k: v for k, v in value.items() if k != ids[0]} | {"project": str(number)}

    def edit(self) -> Edit:
        """The edit of the spec that it asks for."""
        raise NotImplementedError

    def models(self) -> Iterator[str]:
        """The aliases that it names."""
        yield from ()


class AssignInput(NodeInput):
    """Make a model the first of a node's chain."""

    node: Annotated[Name, Field(examples=["volta"])]
    model: Annotated[Label, Field(description="an alias of the spec", examples=["qwen3-32b"])]

    def edit(self) -> Edit:
        """As an edit of the spec."""
        return Assign(self.node, self.model)

    def models(self) -> Iterator[str]:
        """The new primary."""
        yield self.model


class ReleaseInput(NodeInput):
    """Take a node out of the spec."""

    node: Annotated[Name, Field(examples=["volta"])]

    def edit(self) -> Edit:
        """As an edit of the spec."""
        return Release(self.node)


class RegisterInput(NodeInput):
    """Add a node to the spec, or renew one's own: only the fields that are sent change."""

    name: Annotated[Name, Field(examples=["newnode"])]
    host: Annotated[
        Host | None, Field(description="The host that it runs on.", examples=["newnode.example.ts.net"])
    ] = None
    target: Annotated[
        Line | None, Field(description="Where its files lie: ssh://user@host/path or a folder of the fleet.")
    ] = None
    type: Name | None = None
    model: Annotated[Label | None, Field(description="Its primary model.")] = None
    fallbacks: Annotated[list[Label] | None, Field(max_length=16)] = None
    role: Annotated[Name | None, Field(description="The role that it takes what it does not say from.")] = None
    owner: Annotated[Label | None, Field(description="left out: the project")] = None
    image: Annotated[Line | None, Field(description="Its container image with a tag.")] = None
    key: Name | None = None
    port: Annotated[
        int | None, Field(ge=1, le=65535, description="The gateway's port on the host."), BeforeValidator(_whole)
    ] = None
    labels: (
        Annotated[dict[Name, Label], Field(max_length=32, json_schema_extra={"additionalProperties": False})] | None
    ) = None

    def edit(self) -> Edit:
        """As an edit of the spec, with the fields that are given."""
        sent = self.model_dump(exclude={"name", "project", "force", "labels"}, exclude_none=True)
        return Register(self.name, sent | {f"labels.{name}": value for name, value in (self.labels or {}).items()})

    def models(self) -> Iterator[str]:
        """Its chain, as far as it is given."""
        yield from (name for name in (self.model, *(self.fallbacks or ())) if name is not None)


class CapacityInput(BaseModel):
    """Without a model: every backend, or the one that is named. With one and no backend: where it could go."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    backend: Name | None = None
    model: Annotated[Label | None, Field(description="an alias, an installed tag, or any name with params")] = None
    context: Annotated[int | None, Field(ge=1, le=100_000_000, description="Tokens per slot (num_ctx).")] = None
    parallel: Annotated[int | None, Field(ge=1, le=1024, description="OLLAMA_NUM_PARALLEL of the server.")] = None
    kv_type: Annotated[KvType, Field(description="OLLAMA_KV_CACHE_TYPE of the server.")] = None
    params: Annotated[Params | None, Field(description="A new model's parameters, like 32B.")] = None
    quant: Annotated[Quant | None, Field(description="with params; Q4_K_M when left out")] = None
