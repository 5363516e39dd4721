"""What tools are asked with, beyond what HTTP is asked with: an unknown argument is refused, never dropped."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from fleethub.operations.inputs import Label, Name


class Nothing(BaseModel):
    """No argument."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SeenInput(Nothing):
    """How old the observation may be that the answer is from."""

    max_age: Annotated[float, Field(ge=1, le=3600, description="Seconds; older, and the fleet is read first.")] = 60


class FleetInput(SeenInput):
    """Which part of the fleet; without any of them all of it."""

    node: Annotated[Name | None, Field(description="Only this node.")] = None
    owner: Annotated[Label | None, Field(description="Only nodes of this owner.")] = None
    backend: Annotated[Name | None, Field(description="Only this backend.")] = None


class VerifyNodesInput(Nothing):
    """Which nodes; none: all of them."""

    nodes: Annotated[list[Name], Field(max_length=64)] = []


class HistoryInput(Nothing):
    """How far back."""

    last: Annotated[int, Field(ge=1, le=500, description="Lines.")] = 20
    address: Annotated[Label | None, Field(description="Only about this: key.main.volta, or a node's bare name.")] = (
        None
    )


class WhyInput(Nothing):
    """About what."""

    address: Annotated[Label, Field(description="node.volta, key.main.volta, route.main.ALIAS, or a bare name.")]
