"""The text of a saved plan: JSON, indented, so that a review sees it line by line."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from fleethub import __version__
from fleethub.codec import said
from fleethub.model.errors import FleetHubError
from fleethub.planfile.document import SavedPlan
from fleethub.planfile.forms import SAVED

#: What the document begins with, and its version: a later one that this FleetHub cannot judge is refused.
HEAD, FORMAT = "fleethub_plan", 1
WIDE = 40  # characters of a version


class PlanFileError(FleetHubError):
    """What is no saved plan, or one that this FleetHub does not understand; the message says what to do."""

    code = "plan.file"


def dump(plan: SavedPlan) -> str:
    """The document, with a newline at its end."""
    table = SAVED.dump_python(plan, by_alias=True, mode="json")
    return json.dumps({HEAD: FORMAT, **table}, indent=1, ensure_ascii=False) + "\n"


def load(text: str, name: str) -> SavedPlan:
    """Read a document; ``name`` is what people know it by. Raises PlanFileError."""
    raw = _read(text, name)
    version = raw.pop(HEAD)
    if version != FORMAT:
        raise PlanFileError(f"{name} is a saved plan of format {version!r}, and this FleetHub reads {FORMAT}: {AGAIN}")
    try:
        return SAVED.validate_json(json.dumps(raw))
    except ValidationError as error:
        by = _by(raw)
        raise PlanFileError(f"{name} is not as FleetHub writes a saved plan ({said(error)}){by}: {AGAIN}") from None


def _by(raw: dict[str, Any]) -> str:
    """That another FleetHub saved it, where it says so."""
    made = raw.get("made")
    version = made.get("version") if isinstance(made, dict) else None
    if not isinstance(version, str) or version in ("", __version__):
        return ""
    return f"; FleetHub {version[:WIDE]} saved it, and this is {__version__}"


AGAIN = "plan again with fleethub plan -o FILE"


def is_plan(text: str) -> bool:
    """Whether a text is a saved plan of any format."""
    try:
        _read(text, "")
    except PlanFileError:
        return False
    return True


def _read(text: str, name: str) -> dict[str, Any]:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raw = None
    if not isinstance(raw, dict) or HEAD not in raw:
        raise PlanFileError(f"{name} is no saved plan: fleethub plan -o FILE writes one")
    return raw
