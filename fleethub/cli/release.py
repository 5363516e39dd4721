"""``fleethub release``."""

from __future__ import annotations

from typing import Any

import click

from fleethub.cli.completion import nodes
from fleethub.cli.editing import edits, run_edit


@click.command()
@click.argument("node", shell_complete=nodes)
@edits
@click.pass_obj
def cmd(options: dict[str, object], /, node: str, **asked: Any) -> None:
    """Take NODE out of the spec, with its key's block where no other node uses it. The next apply takes it down."""
    from fleethub.model.edit import Release

    run_edit(options, lambda out: Release(node), **asked)
