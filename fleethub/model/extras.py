"""How what an extra brings is added to the FleetHub that runs: as whoever installed it would."""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec
from pathlib import PurePath


def install(extra: str) -> str:
    """What to type: ``uv tool install --force '.[server]' in FleetHub's checkout``.

    Never by FleetHub's name alone: a registry would be asked for it, and answer with whatever is called so there.
    """
    parts, program = PurePath(sys.prefix).parts, shlex.quote(sys.executable)
    if "pipx" in parts:
        how = "pipx install --force"
    elif "uv" in parts and "tools" in parts:
        how = "uv tool install --force"
    elif find_spec("pip") is None:
        how = f"uv pip install --python {program}"
    else:
        how = f"{program} -m pip install"
    return f"{how} '.[{extra}]' in FleetHub's checkout"
