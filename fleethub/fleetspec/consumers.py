"""Checks of ``[consumers]``: one place for a key, and fields that go together."""

from __future__ import annotations

from collections.abc import Iterator

from fleethub.fleetspec import report
from fleethub.fleetspec.checks import CheckContext, check_role
from fleethub.fleetspec.tables.consuming import ConsumerTable
from fleethub.model.finding import Finding
from fleethub.model.written import KeyPath


def check_consumers(context: CheckContext) -> Iterator[Finding]:
    """Every consumer by itself; what it has in common with nodes is checked with them."""
    for name, table in context.spec.consumers.items():
        yield from _check(context, name, table)


def _check(context: CheckContext, name: str, table: ConsumerTable) -> Iterator[Finding]:
    """What a consumer calls, and the one place where its key goes."""
    path: KeyPath = ("consumers", name)
    yield from check_role(context, path, table)
    if name in context.defined["nodes"]:
        message = f"{report.shown(name)} is a node already, and both would have one key by default"
        yield context.finding("spec.duplicate", message, path, "give one of them another name")
    if (table.env is None) == (table.file is None) and not context.validated.incomplete(*map(str, path)):
        message = f"consumer {name} needs env or file, one of them: where its key goes"
        hint = 'write env = { file = ".env", variable = "OPENAI_API_KEY" }, or file = "key"'
        yield context.finding("spec.missing" if table.env is None else "spec.value", message, path, hint)
    if table.settings is not None and table.file is None:
        message = "settings goes with file: a .env has the URL and the model in variables"
        yield context.finding("spec.value", message, (*path, "settings"), "take it out, or write file")
    if table.restart and not table.target.startswith("ssh://"):
        message = "restart is run at an ssh:// target; in a folder of the fleet nothing is run"
        yield context.finding("spec.value", message, (*path, "restart"), 'write target = "ssh://user@host/path"')
