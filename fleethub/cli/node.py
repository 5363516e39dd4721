"""``fleethub node``: the entries of nodes in the spec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from fleethub.cli.completion import models, nodes, roles
from fleethub.cli.editing import edits, run_edit
from fleethub.cli.options import option
from fleethub.cli.output import Out
from fleethub.fleetspec.files import registrable_files, type_names
from fleethub.operations.inputs import RegisterInput


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
    from fleethub.fleetspec.fieldtext import typed
    from fleethub.model.edit import SetFields

    pairs: dict[str, Any] = {}
    for text in fields:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError("write each field as FIELD=VALUE, such as port=18790")
        if name in pairs:
            raise click.UsageError("a field is given twice")
        pairs[name] = typed(name, value)
    run_edit(options, lambda out: SetFields(node, pairs), **asked)


def _files(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each file that a node may have already."""
    for role, usual in registrable_files().items():
        help = f"Where its {usual} lies, below the target or absolute there."
        command = click.option(f"--{role}", metavar="PATH", help=help)(command)
    return command


@cmd.command("register")
@click.argument("name")
@option(RegisterInput, "host")
@option(RegisterInput, "target")
@option(RegisterInput, "type", "type_", metavar="TYPE", help=f"One of {', '.join(type_names())}; default: the first.")
@option(RegisterInput, "model", shell_complete=models)
@option(RegisterInput, "role", shell_complete=roles)
@option(RegisterInput, "owner", help="Who it belongs to; default: --project.")
@option(RegisterInput, "image")
@option(RegisterInput, "port", type=str)
@_files
@edits
@click.pass_obj
def register(options: dict[str, object], /, name: str, **given: Any) -> None:
    """Add node NAME to the spec, with the places of the files that it has already.

    The target is looked at, and each file told by what is in it; none is changed. What cannot be read is unknown, not
    absent. A later plan leaves files without FleetHub's mark alone: the node is blocked by node.target-taken for as
    long as they are there. Registering a node again sets its fields.
    """
    from fleethub.fleetspec.fieldtext import typed
    from fleethub.model.edit import Edit, Register
    from fleethub.operations.register import look
    from fleethub.views.edit import located_data, located_text

    files = {role: path for role in registrable_files() if (path := given.pop(role)) is not None}
    given["type"] = given.pop("type_")
    wanted = ("host", "target", "type", "model", "role", "owner", "image", "port")
    fields = {field: typed(field, text) for field in wanted if (text := given.pop(field)) is not None}

    def edit(out: Out) -> Edit:
        made, found = look(out.path, Register(name, fields), files)
        out.text(located_text(found, out.style))
        out.lines(located_data(one) for one in found)
        return made

    run_edit(options, edit, **given)
