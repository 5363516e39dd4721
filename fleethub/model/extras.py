"""How what an extra brings is added to the FleetHub that runs: as whoever installed it would."""

from __future__ import annotations

import re
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
        how, extra = "pipx install --force", _beside(extra)
    elif "uv" in parts and "tools" in parts:
        how, extra = "uv tool install --force", _beside(extra)
    elif find_spec("pip") is None:
        how = f"uv pip install --python {program}"
    else:
        how = f"{program} -m pip install"
    return f"{how} '.[{extra}]' in FleetHub's checkout"


def _beside(extra: str) -> str:
    """With the extras that are there already: what is installed by force has those alone that are named."""
    from importlib.metadata import requires  # with what reads e-mail: only where something is missing

    parts: dict[str, list[str]] = {}
    for line in (requires("fleethub") or ()) if _there("fleethub") else ():
        found = re.fullmatch(r"([\w.-]+).*;\s*extra\s*==\s*['\"]([\w-]+)['\"]", line)
        if found and found[1] != "fleethub":
            parts.setdefault(found[2], []).append(found[1])
    return ",".join(sorted({extra, *(name for name, needs in parts.items() if all(map(_there, needs)))}))


def _there(package: str) -> bool:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return distribution(package) is not None
    except PackageNotFoundError:
        return False
