"""``fleethub release``."""

from __future__ import annotations

from typing import Any

import click

from fleethub.cli.completion import nodes
from fleethub.cli.editing import edits, run_edit


@click.command()
@click.argument("node", shell_complete=nodes)
@click.option("--abandon-files", is_flag=True, help="Its machine is gone: let its files and its process be.")
@edits
@click.pass_obj
def cmd(options: dict[str, object], /, node: str, abandon_files: bool, **asked: Any) -> None:
    """Take NODE out of the spec, with its key's block where no other node uses it. The next apply takes it down.

    With --abandon-files its machine need not answer: fleethub apply --forget node.NODE deletes its key, and what lies
    on the machine stays there.
    """
    from fleethub.model.edit import Release

    run_edit(options, lambda out: Release(node, abandon_files), **asked)
