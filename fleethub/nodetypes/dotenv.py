"""The one form of a rendered ``.env``: every value single-quoted, for Compose, systemd, shells and the dotenv libraries
of programs differ on ``$`` and ``#`` in all other forms.
"""

from __future__ import annotations

import re

from fleethub.model.secret import Text

_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=('(?:[^'\n]*[^'\n\\])?'|[A-Za-z0-9_./:@%,+-]*)")


def variables(text: Text) -> dict[str, str]:
    """The variables of a rendered ``.env``, slots as ``(sensitive)``; raises ValueError naming the line."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.display().split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not NAME='value'")
        name, value = match.groups()
        if name in found:
            raise ValueError(f"line {number} sets {name} again")
        found[name] = value.removeprefix("'").removesuffix("'")
    pairs = zip(text.parts, text.parts[1:], strict=False)
    if any(not isinstance(part, str) and not str(before).endswith("'") for before, part in pairs):
        raise ValueError("a secret stands outside single quotes: write {{ value | envquote }}")
    return found
