"""The ``tangleclaw`` table of a node: which orchestration profiles it has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fleethub.nodetypes.table import Table
from fleethub.nodetypes.tangleclaw.kind import PREFIX

Profile = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


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
