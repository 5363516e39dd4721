"""The page as text: rendered from one snapshot, for all who ask until the next.

Every name in it is somebody's input: autoescaping is on, attributes are quoted, and the policy runs no other script.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from pydantic import ValidationError

from fleethub.model.capacity import Answer, Fit
from fleethub.model.errors import InputError
from fleethub.model.text import flat, gib, plural
from fleethub.operations.inputs import CapacityInput
from fleethub.operations.snapshots import Snapshot
from fleethub.server.errors import Refusal, invalid
from fleethub.server.kept import NOTHING, Kept
from fleethub.server.page_parts import fit_of, parts, status_of
from fleethub.server.reading import capacity_of
from fleethub.server.site import looked
from fleethub.views import picture
from fleethub.views.commands import AS_WRITTEN, Commands
from fleethub.views.graph import svg
from fleethub.views.proposals import by_force

REFRESH = 15  # seconds
LONGEST = 200  # characters of what was done that are shown at once
#: Stand in the text for the seconds since the observation, and for them in words. No name has either: ``flat``.
SECONDS, WORDS = Markup("\x01"), Markup("\x02")


def page_text(
    snapshot: Snapshot,
    given: Mapping[str, str],
    stale: bool,
    stale_after: float,
    kept: Kept = NOTHING,
    person: str | None = None,
    commands: Commands = AS_WRITTEN,
) -> tuple[str, int]:
    """The page without its age (see ``aged``), and its status."""
    answered, status = _answered(snapshot, given)
    said = parts(snapshot.fleet_status, snapshot.facts is not None) if snapshot.fleet_status else {}
    observed = snapshot.age is not None
    told = {
        "snapshot": snapshot,
        "fleet_status": snapshot.fleet_status,
        "given": given,
        "style": style(),
        "script": script(),
        "refresh": REFRESH,
        "kept": kept,
        "person": person,
        "age": SECONDS if observed else "",
        "ago": WORDS if observed else "",
        "stale": stale,
        "stale_after": stale_after,
        "longest": LONGEST,
    }
    text = template().render(**told, **answered, **said)
    return Commands(str(escape(commands.words)), commands.names).whole(text), status


def aged(text: str, age: float | None) -> str:
    """The page as it is so many seconds after the observation."""
    seconds = int(age or 0)
    return text.replace(SECONDS, str(seconds)).replace(WORDS, ago(seconds))


@cache
def style() -> Markup:
    """The page's style; nothing is filled in, so that the policy can name it by its digest."""
    return _part("page.css")


@cache
def script() -> Markup:
    """The page's script, as the style."""
    return _part("page.js")


def _part(name: str) -> Markup:
    text = (files("fleethub.server") / "templates" / name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - a file of ours


@cache
def policy() -> str:
    """What a browser may run and load: this style and this script, and nothing from elsewhere."""
    names = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in (style(), script())]
    return (
        f"default-src 'none'; style-src 'sha256-{names[0]}'; script-src 'sha256-{names[1]}'; connect-src 'self'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


@cache
def template() -> Any:
    """The page's template with all that it includes."""
    environment = Environment(
        loader=PackageLoader("fleethub.server", "templates"),
        autoescape=True,
        finalize=lambda value: flat(value) if type(value) is str else value,  # not Markup, which is made here
        undefined=StrictUndefined,
        auto_reload=False,
        extensions=["jinja2.ext.loopcontrols"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"gib": gib, "tokens": lambda n: f"{n:,}"}
    environment.filters["rows"] = rows
    environment.filters["changes"] = lambda changes: [f"{where}: {what}" for where, what in changes.items()]
    environment.globals |= {"plural": plural, "bar_of": picture.bar, "status_of": status_of, "fit_of": fit_of}
    environment.globals |= {"svg_of": svg, "by_force": by_force}
    for name in environment.list_templates(["html"]):
        environment.get_template(name)
    return environment.get_template("page.html")


def rows(texts: Iterable[object]) -> Markup:
    """Lines of a block; each is one line, whatever it holds, and keeps its indentation."""
    return Markup("\n").join(flat(str(text)) for text in texts)


def ago(seconds: float) -> str:
    """``12 s``, ``4 min``, ``26 h``, ``3 days``; the script says it in the same words."""
    for size, unit in ((86400 * 2, 86400), (3600 * 2, 3600), (60 * 2, 60)):
        if seconds >= size:
            return f"{int(seconds // unit)} { {86400: 'days', 3600: 'h', 60: 'min'}[unit] }"
    return f"{int(seconds)} s"


def _answered(snapshot: Snapshot, given: Mapping[str, str]) -> tuple[dict[str, Any], int]:
    """The form's question, where one was put: an answer, a ranking, or what is wrong with it."""
    found: dict[str, Any] = {"answer": None, "places": (), "wrong": ""}
    if not given.get("model"):
        wrong = "Say which model: an alias of the fleet, or a tag that is installed." if given else ""
        return found | {"wrong": wrong}, 400 if wrong else 200
    if snapshot.fleet is None:
        return found, 200
    try:
        asked = capacity_of(looked(snapshot), CapacityInput.model_validate(dict(given)))
    except ValidationError as error:
        return found | {"wrong": invalid(error.errors()).message}, 400
    except (Refusal, InputError) as refusal:
        return found | {"wrong": refusal.message}, 400
    return found | {"answer": asked.answer, "places": asked.places, "later": _later(asked.answer)}, 200


def _later(answer: Answer | None) -> list[str]:
    """Fallbacks that do not fit beside the primaries, though the primaries do."""
    if answer is None or answer.verdict.fit is not Fit.FITS:
        return []
    return [f"{name}: {fit.value}" for name, fit in answer.verdict.fallbacks if fit is not Fit.FITS]
