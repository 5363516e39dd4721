"""Variables of a ``.env`` as Docker Compose reads them, but for ``$``, which is not expanded here.

``clients/scripts/endpoints.sh`` reads single lines by the same rule on nodes, which need not have Python.
"""

from __future__ import annotations

import re
from io import StringIO

_NAME = re.compile(r"\s*(?:export\s+)?([^=#\s]+)\s*=")


def assignments(text: str) -> dict[str, str | None]:
    """Return the value of each variable, the last line of a name counting; None where that line cannot be read."""
    from dotenv.parser import parse_stream

    found: dict[str, str | None] = {}
    for binding in parse_stream(StringIO(text.removeprefix("\ufeff"))):
        broken = _NAME.match(binding.original.string) if binding.error else None
        if broken:
            found[broken[1]] = None
        elif binding.key is not None and binding.value is not None:
            found[binding.key] = binding.value
    return found
