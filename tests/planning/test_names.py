"""The planner knows kinds, node types and engines by the registry alone: none of their names stands in its code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub import nodetypes
from fleethub.kinds import KINDS

ROOM = Path(__file__).parents[2] / "fleethub/planning"
ENGINES = {"ollama", "litellm"}
#: Kinds whose names are fields of what is planned, too: ``PlannedModel.model``, and ``Kind.consumer``, a property.
FIELDS = {"model", "consumer"}
#: Of the kinds only these may be imported: what every kind is, and the registry.
SHARED = {f"fleethub.kinds{part}" for part in ("", ".interface", ".values", ".compare", ".readdress")}


def code(path: Path) -> Iterator[ast.AST]:
    """Every node but docstrings."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            yield from (c for c in ast.iter_child_nodes(node) if not isinstance(c, ast.Expr))


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda p: p.name)
def test_planning_names_no_kind_no_node_type_and_no_engine(path: Path) -> None:
    whole = {*KINDS, *nodetypes.names(), *ENGINES}
    for node in code(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if " " in node.value.strip():
                continue  # a sentence for people
            words = set(node.value.replace(".", " ").replace(":", " ").split())
            assert not words & whole, f"{path.name}:{node.lineno}: {node.value!r}"
        if isinstance(node, ast.Name | ast.Attribute):
            name = (node.id if isinstance(node, ast.Name) else node.attr).lower()
            assert name not in ENGINES, f"{path.name}:{node.lineno}: {name}"
            words = set(name.split("_")) - ({name} & FIELDS)
            assert not words & {*KINDS}, f"{path.name}:{node.lineno}: {name}"
        imported: set[str] = set()
        if isinstance(node, ast.Import):
            imported = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = (alias.name for alias in node.names if node.module == "fleethub.kinds" and alias.name.islower())
            imported = {node.module, *(f"fleethub.kinds.{name}" for name in modules)}
        of_kinds = {name for name in imported if name.startswith("fleethub.kinds")}
        assert of_kinds <= SHARED, f"{path.name}: imports {of_kinds - SHARED}"
