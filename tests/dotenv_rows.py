"""Lines of a ``.env`` and what Compose 2.26 makes of the variable A; see tests/real/test_dotenv.py."""

from __future__ import annotations

ROWS: dict[str, str | None] = {
    "A='x'": "x",
    'A="x"': "x",
    "A=x": "x",
    "A=sk-abc==": "sk-abc==",
    "export A=x": "x",
    "export  A=x": "x",
    "\tA=x": "x",
    "A = x": "x",
    "A= x ": "x",
    "A=x # c": "x",
    "A=x#c": "x#c",
    "A='x' # c": "x",
    "A='x'#c": "x",
    "A='it\\'s'": "it's",
    "A='a\\nb'": "a\\nb",
    'A="a\\nb"': "a\nb",
    "A='a\nb'": "a\nb",
    "A=a\\b": "a\\b",
    "A=x\r": "x",
    "A='x'\r": "x",
    "A=": "",
    "A=1\nA=2": "2",
    "B=1\nA='$B'": "$B",
    "\ufeffA=x": "x",
    "#A=x": None,
    "A": None,
}
#: What Compose reads in another way: it expands ``$``, takes a colon, stops at a quote that ends.
APART: dict[str, tuple[str | None, str | None]] = {
    "B=1\nA=$B": ("1", "$B"),
    "A: x": ("x", None),
    "A='x'y": ("x", None),
}
