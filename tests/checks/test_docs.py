"""docs/checks.md: its table of fields is the code's, and its expressions are right."""

from __future__ import annotations

import re
from pathlib import Path

from fleethub.checks.fields import CHANGED, FIELDS, GPU, HOP, NAMED
from fleethub.checks.language import problem

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"
BEGIN, END = "<!-- fields -->\n", "<!-- end of fields -->\n"


def table() -> str:
    """The fields as Markdown."""
    lines = []
    alike = {"`node`, `key`, `model` and `backend`": NAMED}
    own = {
        f"`{about}`": {name: field for name, field in fields.items() if NAMED.get(name) is not field}
        for about, fields in FIELDS.items()
    }
    others = {"a step of a chain": HOP, "a card": GPU, "of a change's fields": CHANGED}
    for title, fields in {**alike, **own, **others}.items():
        lines += [f"### {title}", "", "| field | type | |", "|---|---|---|"]
        lines += [
            f"| `{name}` | {field.type} | {field.help}{'; may be unknown' if field.may_be_unknown else ''} |"
            for name, field in fields.items()
        ]
        lines.append("")
    return "\n".join(lines)


def test_the_table_of_fields_is_this() -> None:
    """When this fails: put what table() returns between the two marks."""
    text = PAGE.read_text()
    assert text.partition(BEGIN)[2].partition(END)[0] == table()


def test_its_expressions_are_right() -> None:
    rows = re.findall(r"^\| ([^|]+) \| `((?:[^`])+)` \|$", PAGE.read_text(), re.MULTILINE)
    found = []
    for rule, expression in rows:
        expression = expression.replace("\\|", "|")
        if "." not in expression and "(" not in expression:
            continue
        named = re.search(r"\(`(\w+)`\)", rule)
        about = named[1] if named else expression.lstrip("!(").replace("has(", "").partition(".")[0]
        found.append((rule, problem(expression, about if about in FIELDS else "fleet")))
    assert len(found) >= 8
    assert [one for one in found if one[1] is not None] == []
