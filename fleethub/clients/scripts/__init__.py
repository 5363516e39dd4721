"""The POSIX shell scripts that FleetHub runs on machines. Each file's first lines say its input and output.

What varies comes on standard input, or as an assignment before the script; no text is formatted into a script. They are
ASCII, and run under dash, bash and BusyBox; ``make lint`` checks them with shellcheck.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent


def load(name: str) -> str:
    """Return the script ``NAME.sh``, each line ``. ./FILE`` replaced by that file: a machine gets one text, without the
    lines that are for people, and without indents, of which nothing in a script is made."""
    text = (FOLDER / f"{name}.sh").read_text(encoding="ascii")
    text = re.sub(r"^(?:#.*|[ \t]*)\n|^[ \t]+(?:#.*\n)?", "", text, flags=re.MULTILINE)
    return re.sub(r"^\. \./(\S+)\.sh$", lambda line: load(line[1]).rstrip("\n"), text, flags=re.MULTILINE)
