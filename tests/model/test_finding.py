"""The table of codes: in the documentation as in the code, every code used, every one of a severity."""

from __future__ import annotations

from pathlib import Path

from fleethub.model.finding import CODES, FATAL

ROOT = Path(__file__).parents[2] / "fleethub"


def table() -> str:
    """The documentation's table, made from the one in the code."""
    lines = [
        "# Findings",
        "",
        "An error refuses what needs it (exit 3, or as the last column says); a warning never changes the exit code.",
        "What a check of the fleet's own finds has the check's name, `check.NAME`, and its severity.",
        "",
        "| code | severity | what it means | exit |",
        "|---|---|---|---|",
    ]
    for code, (severity, means) in CODES.items():
        lines.append(f"| `{code}` | {severity.value} | {means} | {FATAL.get(code, '')} |")
    return "\n".join(lines) + "\n"


def test_the_documentation_has_the_same_table() -> None:
    assert (ROOT / "model/FINDINGS.md").read_text() == table()


def test_every_code_is_used() -> None:
    text = "".join(p.read_text() for p in ROOT.rglob("*.py") if p.name != "finding.py")
    assert [code for code in CODES if f'"{code}"' not in text] == []
