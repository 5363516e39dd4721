"""``fleethub assign``."""

from __future__ import annotations

from typing import Any

import click

from fleethub.cli.completion import models, nodes
from fleethub.cli.editing import edits, run_edit


@click.command()
@click.argument("node", shell_complete=nodes)
@click.argument("model", shell_complete=models)
@edits
@click.pass_obj
def cmd(options: dict[str, object], /, node: str, model: str, **asked: Any) -> None:
    """Make MODEL the primary of NODE in the spec, and show the plan that would follow. Applies nothing.

    Comments and everything else in the spec stay as they are. Exit 3 when the entry belongs to another project, or
    when a backend would not hold what is planned for it: then nothing is written.
    """
    from fleethub.model.edit import Assign

    run_edit(options, lambda out: Assign(node, model), **asked)
