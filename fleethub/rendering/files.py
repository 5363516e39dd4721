"""A node's files: each template rendered, its output put into its final form, all of it checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleethub import nodetypes
from fleethub.model import address
from fleethub.model.finding import Finding, Severity, SourceLocation
from fleethub.model.fleet import Fleet, Node
from fleethub.model.secret import Text
from fleethub.nodetypes.interface import NodeType, Role, Unwired
from fleethub.rendering.engine import TemplateProblem, render_text
from fleethub.rendering.lookup import Schemas, Templates, no_schemas


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One file of a node. ``path`` is relative to the target; ``consequence`` is what a change entails."""

    role: Role
    path: str
    text: Text
    mode: int
    consequence: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A node's files in the order in which they are renamed, what is wrong with them, and the node's chain.

    A file whose template failed is not among ``files``; then there is a finding of severity error.
    """

    files: tuple[RenderedFile, ...]
    findings: tuple[Finding, ...]
    chain: tuple[str, ...]


def render(fleet: Fleet, node: Node, templates: Templates, schemas: Schemas = no_schemas) -> Rendered:
    """All files of a node. Never raises for what a spec or template says: it becomes a finding."""
    kind = nodetypes.get(node.type)
    if kind is None:
        return _failed(
            node,
            "template.missing",
            f"there is no node type {node.type!r}",
            f"one of {', '.join(nodetypes.names())}",
        )
    try:
        findings = [*kind.precheck(fleet, node)]
        context = kind.context(fleet, node)
    except Unwired as error:
        return _failed(node, "node.dangling-model", str(error))
    texts: dict[Role, Text] = {}
    sources = {name: text for (owner, name), text in templates.items() if owner == node.type}
    roles, names = kind.roles(node), kind.templates()
    for role in roles:
        try:
            texts[role] = _one(kind, node, role, sources, names[role], context)
        except TemplateProblem as problem:
            findings.append(_finding(node, problem))
    if len(texts) == len(roles):
        try:
            schema = schemas(kind.schema(node))
        except ValueError as error:
            schema, hint = None, f"write it anew: openclaw config schema > schemas/{kind.schema(node)}"
            findings.append(Finding("node.config-schema", str(error), address.node(node.name), node.place, hint))
        findings += kind.check(fleet, node, texts, schema)
    paths, modes = kind.paths(node), kind.modes()
    files = tuple(
        RenderedFile(role, paths[role], texts[role], modes[role], kind.consequence(role, node))
        for role in roles
        if role in texts
    )
    config = texts.get("openclaw")
    chain = kind.chain(config.display().encode()) if config else None
    return Rendered(files, tuple(findings), chain or ())


def _one(
    kind: NodeType,
    node: Node,
    role: Role,
    sources: Mapping[str, str],
    name: str,
    context: Mapping[str, object],
) -> Text:
    if name not in sources:
        raise TemplateProblem("template.missing", f"node type {kind.name} has no such template", name, 0)
    text, origin = render_text(sources, name, context), getattr(sources[name], "origin", name)
    try:
        return kind.finish(role, node, text)
    except ValueError as error:
        raise TemplateProblem("template.output", str(error), origin, 0) from None


def _finding(node: Node, problem: TemplateProblem) -> Finding:
    """The place is the template's: that is where the mistake is."""
    place = SourceLocation(problem.origin, problem.line, 1) if problem.line else node.place
    where = problem.origin if not problem.line else f"{problem.origin}:{problem.line}"
    return Finding(problem.code, f"{where}: {problem.message}", address.node(node.name), place)


def _failed(node: Node, code: str, message: str, hint: str = "") -> Rendered:
    finding = Finding(code, message, address.node(node.name), node.place, hint)
    assert finding.severity is Severity.ERROR
    return Rendered((), (finding,), ())
