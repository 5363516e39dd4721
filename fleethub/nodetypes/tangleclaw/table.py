"""The ``tangleclaw`` table of a node: which orchestration profiles it has."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from fleethub.nodetypes.table import Table
from fleethub.nodetypes.tangleclaw.kind import PREFIX

NAMED = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


def _name(value: str) -> str:
    if not re.fullmatch(NAMED, value):
        said = {"message": "is no name of a profile", "hint": "letters, digits, - and _, at most 64, like local"}
        raise PydanticCustomError("spec.value", "{message}", said)
    return value


Profile = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": NAMED})]


def _by_name(value: Any) -> Any:
    if not isinstance(value, str | dict):
        said = {
            "message": 'must be a name in quotes, or of several models a table like { local = "MODEL" }',
            "hint": "",
        }
        raise PydanticCustomError("spec.value", "{message}", said)
    return {value: ""} if isinstance(value, str) else value


#: The model of each profile; of one that is written as its name alone ``""``: the consumer's own.
Profiles = Annotated[
    dict[Profile, str],
    Field(min_length=1),
    BeforeValidator(_by_name, json_schema_input_type=Profile | dict[Profile, str]),
]


class TangleClawTable(Table):
    """The orchestration profiles of a TangleClaw that are FleetHub's."""

    profiles: dict[Profile, str] = Field(
        {},
        description='The model of each, like { local = "qwen3-32b" }, which TangleClaw then lists as fleethub-local; '
        "default: the node's model under the node's name",
    )
    prefix: str = Field(
        PREFIX,
        pattern="^[A-Za-z0-9_./:-]*$",
        description='What stands before a model\'s name, as Aider wants it; "" for an engine that takes the bare name',
    )
