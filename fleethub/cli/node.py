"""``fleethub node``: the entries of nodes in the spec."""

from __future__ import annotations

from typing import Any

import click

from fleethub.cli.editing import edits, nodes, run_edit


@click.group()
def cmd() -> None:
    """Register a node, or set its fields, in the spec. Applies nothing."""


@cmd.command("set")
@click.argument("node", shell_complete=nodes)
@click.argument("fields", nargs=-1, required=True, metavar="FIELD=VALUE…")
@edits
@click.pass_obj
def set_(options: dict[str, object], /, node: str, fields: tuple[str, ...], **asked: Any) -> None:
    """Write fields into NODE's own block: model, fallbacks, owner, role, image, host, target, port, labels.X …

    Lists are a,b or TOML, tables TOML: fallbacks='[{ model = "m", via = "ollama" }]'. FIELD= takes a field out of the
    block, so that its role or the defaults hold again.
    """
    from fleethub.model.edit import SetFields
    from fleethub.spec.fieldtext import typed

    pairs: dict[str, Any] = {}
    for text in fields:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError("write each field as FIELD=VALUE, such as port=18790")
        if name in pairs:
            raise click.UsageError("a field is given twice")
        pairs[name] = typed(name, value)
    run_edit(options, lambda out: SetFields(node, pairs), **asked)
