"""What is a type's own stands in its folder: nothing else of the product names OpenClaw, but texts for people."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2] / "fleethub"
#: The type itself, and the stand-ins and the demo.
OWN = ("nodetypes/openclaw/", "testing/")

#: File -> how many texts in it name OpenClaw as an example. A text is a string with a space in it that is shown: it is
#: neither compared, nor a key, nor looked for in another one. Docstrings and comments are not looked at.
TEXTS = {
    "checks/fields.py": 1,  # the fields of a node that a check may ask, for people
    "fleetspec/nodes.py": 3,  # hints: write target = …, image = …
    "fleetspec/scaffold.py": 1,  # the spec that init writes
    "fleetspec/schema.py": 1,  # what [nodes] is, for editors
    "fleetspec/targets.py": 1,  # a hint: how a target is written
    "operations/allowed.py": 1,  # a hint: a pattern of targets
    "operations/found_nodes.py": 1,  # a hint: how a target is written
}
#: The one line that registers the type, and the one that takes its types.
REGISTRY = {"nodetypes/registry.py": ["openclaw", "openclaw"]}
#: A path of another system's API, which has the name in it.
PROTOCOLS = {"integrations/tangleclaw/client.py": ["/api/openclaw/connections"]}


def named(tree: ast.Module) -> tuple[list[str], list[str]]:
    """The names and strings of a module that name OpenClaw, and its texts that do."""
    docs, used = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docs |= {id(e.value) for e in node.body if isinstance(e, ast.Expr)}
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Subscript):
            parts = [node.slice]
        elif isinstance(node, ast.Dict):
            parts = [*node.keys]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        for part in parts:
            used |= {id(one) for one in (part, *getattr(part, "elts", ()))}
    names, texts = [], []
    for node in ast.walk(tree):
        for text in _words(node):
            if "openclaw" not in text.lower() or id(node) in docs:
                continue
            shown = isinstance(node, ast.Constant) and " " in text and id(node) not in used
            (texts if shown else names).append(text)
    return names, texts


def _words(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text):
            yield text
        case ast.keyword(arg=str(text)):
            yield text
        case ast.FunctionDef(name=text) | ast.ClassDef(name=text) | ast.AsyncFunctionDef(name=text):
            yield text
        case ast.alias(name=text, asname=other):
            yield text
            if other:
                yield other
        case ast.ImportFrom(module=str(text)):
            yield text
        case _:
            return


def test_only_its_own_folder_knows_openclaw() -> None:
    names: dict[str, list[str]] = {}
    texts: dict[str, int] = {}
    for path in sorted(ROOT.rglob("*.py")):
        where = path.relative_to(ROOT).as_posix()
        if where.startswith(OWN):
            continue
        code, shown = named(ast.parse(path.read_text()))
        names |= {where: code} if code else {}
        texts |= {where: len(shown)} if shown else {}
    assert names == REGISTRY | PROTOCOLS
    assert texts == TEXTS
    scripts = [path for path in ROOT.rglob("*.sh") if "openclaw" in path.read_text().lower()]
    assert scripts == []
