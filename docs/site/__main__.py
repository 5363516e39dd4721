"""``python -m docs.site pages FOLDER`` writes the pages; ``check FOLDER`` looks at what was built of them.

The generator of the site gets plain Markdown and a mkdocs.yml, no hook and no plugin beyond its own: MkDocs 1, and with
it Material for MkDocs, come to an end, and what follows them (Zensical) reads the same two.
"""

from __future__ import annotations

import sys
from pathlib import Path

from docs.site.built import loaded_from_elsewhere
from docs.site.pages import BrokenLink, write

ROOT = Path(__file__).parents[2]


def main(what: str, folder: str) -> int:
    """0: done, or nothing found."""
    if what == "check":
        found = loaded_from_elsewhere(Path(folder))
        print(*found, sep="\n", end="\n" if found else "")
        return 1 if found else 0
    try:
        write(ROOT, Path(folder))
    except BrokenLink as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
