"""What capacity is asked to work out: settings that it finds, loads that it measures; as text and as data."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from fleethub.model.capacity import Fit, Placed
from fleethub.model.measuring import BackendCheck, Checked, ServerSettings
from fleethub.model.readings.server import Resident
from fleethub.model.text import gib, plural
from fleethub.views.style import Style

WIDE = 100


def settings_text(found: Sequence[ServerSettings], style: Style) -> str:
    """Each server's settings, and the file that says them."""
    lines = [line for one in found for line in (*_settings(one, style), "")]
    return "\n".join(lines[:-1]) if lines else "Nothing is planned for any backend with a model server."


def _settings(one: ServerSettings, style: Style) -> list[str]:
    head = style("bold", one.backend)
    if one.verdict is None:
        why = one.now.reason or "; ".join(check.says for check in one.now.checks if not check.holds)
        if one.now.fit is Fit.FITS:
            return [f"{head}: what is planned holds with the settings as they are"]
        known = "it is not known whether" if one.now.fit is Fit.UNKNOWN else "there are no settings under which"
        return [f"{head}: {known} what is planned holds" + (f": {why}" if why else "")]
    same = " (so it does as they are)" if one.now.fit is Fit.FITS else f" (as they are: {one.now.fit.value})"
    lines = [f"{head}: what is planned holds with {one.says}{same}"]
    lines += [f"  it costs: {one.cost}"] if one.cost else []
    lines += [f"  {style('warning', 'but')} {one.lacks}"] if one.lacks else []
    how = wrap(one.how, WIDE, initial_indent="  ", subsequent_indent="  ")
    return [*lines, "", *(f"    {line}" for line in one.text.splitlines()), "", *how]


def settings_data(one: ServerSettings) -> dict[str, Any]:
    """One server's settings as plain values; ``holds`` None: not known."""
    holds = True if one.verdict is not None or one.now.fit is Fit.FITS else None
    return {
        "type": "settings",
        "backend": one.backend,
        "fit": one.now.fit.value,
        "holds": False if holds is None and one.now.fit is not Fit.UNKNOWN else holds,
        "says": one.says,
        "cost": one.cost,
        "lacks": one.lacks,
        "file": one.file,
        "text": one.text,
    }


def before_text(
    backend: str, todo: Sequence[Placed], loaded: Sequence[Resident], says: Sequence[str], style: Style
) -> str:
    """What a check would do, before anybody says yes."""
    if not todo:
        return "\n".join((f"Nothing that is planned for {backend} can be loaded.", *(f"  {text}" for text in says)))
    lines = [style("bold", f"On {backend} {plural(len(todo), 'model')} would be loaded, one after the other")]
    lines += [f"  {p.tag} with {p.context:,} tokens ({gib(p.estimate.total or 0)})" for p in todo]
    lines += [f"  not: {text}" for text in says]
    there = ", ".join(f"{one.tag} ({gib(one.size_vram)})" for one in loaded)
    lines += [f"Loaded there now: {there}. Its server ends what leaves no room, and requests wait meanwhile."] * bool(
        there
    )
    return "\n".join(lines)


def check_text(done: BackendCheck, style: Style) -> str:
    """The loads beside what was reckoned, and the score."""
    rows = [("MODEL", "CONTEXT", "RECKONED", "MEASURED", "OFF", "ON THE CARDS")]
    for one in done.loads:
        off = f"{one.off * 100:+.1f} %" if one.off is not None else "-"
        cards = f"{gib(one.whole)} of {gib(one.total)}" if one.whole and one.total else "-"
        rows.append((one.tag, f"{one.context:,}", _size(one.reckoned), _size(one.measured), off, cards))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"  {one.tag}: {_said(one)}" for one in done.loads if _said(one)]
    if done.score is None:
        return "\n".join((*lines, "", "Nothing could be compared."))
    s = done.score
    beyond = "none took more than the upper end" if not s.below else f"{s.below} took more than the upper end"
    lines += [
        "",
        style("good" if not s.below else "warning", f"{plural(s.count, 'estimate')}: {beyond} of what was reckoned;")
        + f" off by {s.middle * 100:+.1f} % in the middle, {s.lowest * 100:+.1f} to {s.highest * 100:+.1f} %",
        "What was measured is kept, and taken from now on (.fleethub/cache/loads.json).",
    ]
    return "\n".join(lines)


def _size(size: int | None) -> str:
    return f"{size / (1 << 30):.2f} GiB" if size is not None else "-"


def _said(one: Checked) -> str:
    spilled = f"{gib(one.spilled)} are on the CPU" if one.spilled else ""
    was = "it was loaded already, and is measured as it was" if one.was else ""
    return "; ".join(filter(None, (one.says, spilled, was)))


def check_data(one: Checked) -> dict[str, Any]:
    """One load as plain values; what is not known is null."""
    return {
        "type": "checked",
        "model": one.model,
        "tag": one.tag,
        "context": one.context,
        "reckoned": one.reckoned,
        "low": one.low,
        "high": one.high,
        "measured": one.measured,
        "off": one.off,
        "total": one.total,
        "cards": one.whole,
        "spilled": one.spilled,
        "was_loaded": one.was,
        "says": one.says,
    }


def score_data(done: BackendCheck) -> dict[str, Any]:
    """The score as plain values."""
    s = done.score
    shown = {"middle": s.middle, "lowest": s.lowest, "highest": s.highest, "below": s.below} if s else {}
    return {"loaded": len(done.loads), "compared": s.count if s else 0, **shown}
