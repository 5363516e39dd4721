"""What every named thing of the spec may say."""

from __future__ import annotations

from pydantic import Field

from fleethub.fleetspec import fields as v
from fleethub.nodetypes.table import Table


class BlockTable(Table):
    """What every named thing may say."""

    owner: v.Label | None = Field(None, description="Who it belongs to, as people write it")
    projects: list[v.Label] = Field(
        [], description="Its owner's projects of other names (or ids): their sessions are the owner's"
    )
    labels: dict[v.Label, v.Label] = Field({}, description="Free names and values, for filters and views")
    protected: bool = Field(False, description="true: never deleted, whatever a plan says")
