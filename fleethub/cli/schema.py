"""``fleethub schema``."""

from __future__ import annotations

import json

import click


@click.command()
def cmd() -> None:
    """Print the JSON Schema of fleet.toml.

    fleethub schema > fleet.schema.json, and "#:schema ./fleet.schema.json" on the spec's first line.
    """
    from fleethub.fleetspec import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
