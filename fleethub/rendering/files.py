"""A node's files: each template rendered, its output put into its final form, all of it checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleethub import nodetypes
from fleethub.model.consuming import Node
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Finding, Severity, SourceLocation
from fleethub.model.fleet import Fleet
from fleethub.model.secret import Text
from fleethub.nodetypes import FileType, NodeType
from fleethub.nodetypes.endpoints import Unwired
from fleethub.nodetypes.projection import Projection
from fleethub.rendering.engine import TemplateProblem, TemplateSet
from fleethub.rendering.lookup import Schemas, Templates, no_schemas


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One file of a node. ``path`` is relative to the target; ``consequence`` is what a change entails.

    ``projection``: what of it is FleetHub's, in a file that is somebody else's; None: all of ``text``.
    """

    of: FileType
    path: str
    text: Text
    consequence: str
    projection: Projection | None = None

    @property
    def role(self) -> str:
        """What it is to its node."""
        return self.of.role

    @property
    def mode(self) -> int:
        """Permission bits."""
        return self.of.mode


@dataclass(frozen=True, slots=True)
class Rendered:
    """A node's files in the order in which they are renamed, what is wrong with them, and the node's chain.

    ``schema``: what the program of its version publishes for its config, where it is at hand. A file whose template
    failed is not among ``files``; then there is a finding of severity error.
    """

    files: tuple[RenderedFile, ...]
    findings: tuple[Finding, ...]
    chain: tuple[str, ...]
    schema: Mapping[str, Any] | None = None


def render(fleet: Fleet, node: Node, templates: Templates, schemas: Schemas = no_schemas) -> Rendered:
    """All files of one node: see ``Renderer``."""
    return Renderer(templates, schemas).render(fleet, node)


class Renderer:
    """Renders the nodes of a fleet; what is the same of several is made once."""

    def __init__(self, templates: Templates, schemas: Schemas = no_schemas) -> None:
        self._schemas = schemas
        self._of: dict[str, TemplateSet] = {}
        sources: dict[str, dict[str, str]] = {}
        for (kind, name), text in templates.items():
            sources.setdefault(kind, {})[name] = text
        self._sources = sources

    def render(self, fleet: Fleet, node: Node) -> Rendered:
        """All files of a node. Never raises for what a spec or template says: it becomes a finding."""
        kind = nodetypes.of(node)
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
        texts: dict[str, Text] = {}
        wanted = kind.files_of(node)
        for file in wanted:
            try:
                texts[file.role] = self._one(kind, node, file, context)
            except TemplateProblem as problem:
                findings.append(_finding(node, problem))
        schema, problems = _schema(kind, node, self._schemas)
        findings += problems
        if len(texts) == len(wanted):
            findings += kind.check(fleet, node, texts, schema)
        paths = nodetypes.paths(kind, node)

        def owned(file: FileType) -> Projection | None:
            return kind.projection(fleet, node, file, texts[file.role]) if node.manage == "wiring" else None

        files = tuple(
            RenderedFile(file, paths[file.role], texts[file.role], kind.consequence(file, node), owned(file))
            for file in wanted
            if file.role in texts
        )
        chain = kind.chain(node, {role: text.display().encode() for role, text in texts.items()})
        return Rendered(files, tuple(findings), chain or (), schema)

    def _one(self, kind: NodeType, node: Node, file: FileType, context: Mapping[str, object]) -> Text:
        sources, name = self._sources.get(node.type, {}), file.template
        if name not in sources:
            raise TemplateProblem("template.missing", f"node type {kind.name} has no such template", name, 0)
        if node.type not in self._of:
            self._of[node.type] = TemplateSet(sources)
        text = self._of[node.type].text(name, context)
        try:
            return kind.finish(file, node, text)
        except (ValueError, RecursionError) as error:
            says = str(error) if isinstance(error, ValueError) else "it nests too deep to be read"
            raise TemplateProblem("template.output", says, getattr(sources[name], "origin", name), 0) from None


def _schema(kind: NodeType, node: Node, schemas: Schemas) -> tuple[Mapping[str, Any] | None, list[Finding]]:
    """The schema of the node's program where there is one, and why it cannot be used."""
    published = kind.schema(node)
    try:
        return schemas(published.name) if published else None, []
    except ValueError as error:
        hint = f"write it anew: {published.made_by} > schemas/{published.name}" if published else ""
        return None, [Finding("node.config-schema", str(error), node.address, node.place, hint)]


def _finding(node: Node, problem: TemplateProblem) -> Finding:
    """The place is the template's: that is where the mistake is."""
    place = SourceLocation(problem.origin, problem.line, 1) if problem.line else node.place
    where = problem.origin if not problem.line else f"{problem.origin}:{problem.line}"
    return Finding(problem.code, f"{where}: {problem.message}", node.address, place)


def _failed(node: Node, code: str, message: str, hint: str = "") -> Rendered:
    finding = Finding(code, message, node.address, node.place, hint)
    assert finding.severity is Severity.ERROR
    return Rendered((), (finding,), ())
