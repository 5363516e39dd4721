"""Types of node that a fleet brings itself: ``templates/NAME/type.toml`` beside the templates of its files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from fleethub import folders
from fleethub.fleetspec import fields as v
from fleethub.fleetspec.report import finding
from fleethub.fleetspec.sources import Sources, read_document
from fleethub.fleetspec.targets import Refused, expand, relative_file
from fleethub.fleetspec.validate import finding_of, literal_secrets
from fleethub.fleetspec.values import bad, matching
from fleethub.model.consuming import DeclaredFile, DeclaredType
from fleethub.model.finding import Finding
from fleethub.model.written import KeyPath
from fleethub.nodetypes.table import Table

MAIN = "type.toml"
DEFAULT_MODE = {"dotenv": "0600"}


def _below(text: str) -> str:
    try:
        return relative_file(text)
    except Refused as refused:
        raise bad("spec.value", str(refused), refused.hint) from None


Below = Annotated[str, AfterValidator(_below)]
Template = Annotated[str, AfterValidator(matching(r"[A-Za-z0-9._-]+\.j2", "must be a file beside it that ends in .j2"))]
Mode = Annotated[str, AfterValidator(matching("0[4-7][0-7]{2}", 'must be like "0644", and its owner may read it'))]
Path = Annotated[str, AfterValidator(matching(r"/[A-Za-z0-9._~/-]*", 'must be a path like "/health"'))]


class TypeFileTable(Table):
    """One file of a type."""

    path: Below = Field(description="Where it lies below a node's target")
    format: Literal["json", "yaml", "dotenv", "text"] = Field("text", description="json, yaml, dotenv or text")
    template: Template | None = Field(None, description="The template beside it; default: the file's name here and .j2")
    mode: Mode | None = Field(None, description='Permission bits; default "0600" for dotenv, else "0644"')
    effect: Literal["restart", "hot"] = Field(
        "restart", description="hot: a running process takes a change over by itself; restart: command makes it do so"
    )


class ProbeTable(Table):
    """How to see that a node runs."""

    port: int = Field(ge=1, le=65535, description="The port, unless the node says another, 1 to 65535")
    path: Path = Field("/health", description="What must answer there")


class TypeTable(Table):
    """A type of node that a fleet brings itself."""

    title: v.Label | None = Field(None, description="What people call the program")
    key: v.EnvName | None = Field(
        None, description="The variable of its key in its .env; default: FLEETHUB_KEY_ and the proxy's name"
    )
    command: list[v.Line] = Field([], description="What makes a node use its files, unless the node says another")
    stop: list[v.Line] = Field([], description="What ends a node whose block is removed")
    probe: ProbeTable | None = Field(None, description="How to see that a node runs; none: it is not asked")
    files: dict[v.Name, TypeFileTable] = Field(min_length=1, description="Its files by what they are to it")


def read_type(sources: Sources, name: str) -> tuple[DeclaredType | None, list[Finding]]:
    """The type of that name that the fleet brings, and what is wrong with it; neither where it brings none."""
    file = sources.root / "templates" / name / MAIN
    own = Sources(sources.root, f"templates/{name}/{MAIN}", overlay=sources.overlay)
    try:
        if not folders.exists(file):
            return None, []
        outside = not file.resolve().is_relative_to(sources.root)
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        return None, [finding("spec.unreadable", f"{own.main} cannot be looked at: {why}", own.at(()))]
    if outside:
        return None, [finding("spec.unreadable", f"{own.main} leads out of the fleet's folder", own.at(()))]
    document = read_document(own, file, own.main)
    if document is None:
        return None, own.findings
    own.doc, own.places = document
    found = literal_secrets(own)
    try:
        table = TypeTable.model_validate(own.doc)
    except ValidationError as errors:
        wrong = errors.errors(include_url=False, include_input=False)
        return None, found or [finding_of(error, error["loc"], own, TypeTable) for error in wrong]
    sources.files |= own.files
    found += [*_clashes(table, own), *_braces(table, own)]
    return None if found else _declared(name, table), found


def taken(sources: Sources, name: str) -> Finding | None:
    """What is wrong where the fleet brings a type under a name that FleetHub has already."""
    main = f"templates/{name}/{MAIN}"
    try:
        there = folders.exists(sources.root / main)
    except OSError:
        return None  # what cannot be listed is a finding of the templates
    if not there:
        return None
    message = f"{main} describes a type that FleetHub has already, so that it says nothing"
    place = Sources(sources.root, main).at(())
    return finding("spec.duplicate", message, place, "give the type, and its folder, a name of its own")


def _clashes(table: TypeTable, own: Sources) -> Iterator[Finding]:
    paths: dict[str, str] = {}
    for role, file in table.files.items():
        path: KeyPath = ("files", role)
        other = paths.setdefault(file.path, role)
        if other != role:
            message = f"files.{other} and files.{role} have one path"
            yield finding("spec.duplicate", message, own.at((*path, "path")), "give each its own")
        if file.format == "dotenv" and file.mode and int(file.mode, 8) & 0o077:
            message = f"files.{role} holds secrets, and its mode lets others read it"
            yield finding("spec.value", message, own.at((*path, "mode")), 'write "0600", or leave it away')


def _braces(table: TypeTable, own: Sources) -> Iterator[Finding]:
    """Words of commands that cannot be filled in for a node."""
    for field, words in (("command", table.command), ("stop", table.stop)):
        for number, word in enumerate(words):
            try:
                expand(word, "h", "n")
            except Refused as refused:
                message = f"{field}.{number + 1} {refused}"
                yield finding("spec.placeholder", message, own.at((field, number)), refused.hint)


def _declared(name: str, table: TypeTable) -> DeclaredType:
    files = tuple(
        DeclaredFile(
            role,
            file.template or f"{role}.j2",
            file.format,
            file.path,
            int(file.mode or DEFAULT_MODE.get(file.format, "0644"), 8),
            file.effect == "hot",
        )
        for role, file in table.files.items()
    )
    probe = table.probe
    return DeclaredType(
        name,
        table.title or name,
        files,
        table.key or "",
        tuple(table.command),
        tuple(table.stop),
        probe.port if probe else 0,
        probe.path if probe else "",
    )
