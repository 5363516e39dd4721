"""What a table of the spec is, for the tables that are a type's own."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A TOML table: only known keys, no silent conversions, and no input echoed in an error."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        defer_build=True,  # the whole spec is built once, where it is read; no table is read by itself
    )
