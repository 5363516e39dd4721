"""``fleethub schema``."""

from __future__ import annotations

import json
from typing import Any

import click

from fleethub.cli.output import Out


@click.command()
@click.pass_obj
def cmd(options: dict[str, Any]) -> None:
    """Print the JSON Schema of fleet.toml.

    fleethub schema > fleet.schema.json, and "#:schema ./fleet.schema.json" on the spec's first line.
    """
    from fleethub.fleetspec import json_schema

    out = Out(options)
    out.line({"type": "schema", "schema": json_schema()})
    out.line({"type": "summary", "exit": 0})
    out.document(json.dumps(json_schema(), indent=2, ensure_ascii=False))
