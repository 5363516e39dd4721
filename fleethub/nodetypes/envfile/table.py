"""The ``envfile`` table of a node: what its program calls its variables, and how it is asked whether it runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fleethub.nodetypes.envfile.kind import Names
from fleethub.nodetypes.table import Table

USUAL = Names()

Variable = Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]


class EnvFileTable(Table):
    """What a program that takes one ``.env`` calls its variables. The defaults are Open WebUI's."""

    url: Variable = Field(USUAL.url, description="The variable of the endpoint's URL, ending in /v1")
    key: Variable = Field(USUAL.key, description="The variable of the key")
    model: Variable = Field(USUAL.model, description="The variable of the model")
    prefix: str = Field(USUAL.prefix, pattern="^[A-Za-z0-9_./:-]*$", description="What stands before a model")
    keep: list[Literal["key", "url"]] = Field(
        [], description='With manage = "wiring": what stays as it is found; key: until its key is made anew'
    )
    health: str = Field(USUAL.health, pattern="^/[A-Za-z0-9_./-]*$", description="What answers at the node's port")
