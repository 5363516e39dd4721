"""What somebody changed, for people and machines."""

from __future__ import annotations

import shlex
from typing import Any

from fleethub.model.plan import DriftReport
from fleethub.model.text import plural
from fleethub.views import data
from fleethub.views.plan import drift_lines, left_alone_lines
from fleethub.views.style import Style


def drift_text(result: DriftReport, style: Style, apply: str, full: bool = False) -> str:
    """The sentence, the drift, what could not be looked at, what is left alone. ``apply``: the command that repairs."""
    found, unknown = len(result.drift), len(result.unknown)
    sentence = f"{plural(found, 'resource')} changed behind our back." if found else "Nothing has drifted."
    if unknown:
        sentence = f"{sentence.rstrip('.')}{' of what could be read' if not found else ''}; {unknown} unknown."
    lines = [style("bold", sentence), *drift_lines(result.drift, style, full)]
    lines += [f"  {style('blocked', '?')} {address}: {why}" for address, why in sorted(result.unknown.items())]
    repairs = [f"{apply} repairs it"] if any(drift.repaired for drift in result.drift) else []
    accepts = (f"fleethub drift --accept {shlex.quote(str(one))}" for one in result.sayable[:1])
    ways = [*repairs, *(f"{one} writes what is there into the spec" for one in accepts)]
    lines += ["", "; ".join(ways)] if ways else []
    return "\n".join((*lines, *left_alone_lines(result.left_alone, style)))


def drift_data(result: DriftReport) -> list[dict[str, Any]]:
    """A line for each."""
    unknown = ({"type": "unknown", "address": str(a), "reason": why} for a, why in sorted(result.unknown.items()))
    left = (data.left_alone_data(one) for one in result.left_alone)
    return [*(data.drift_data(drift) for drift in result.drift), *unknown, *left]
