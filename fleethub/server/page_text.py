"""The page as text: rendered from one snapshot, for all who ask until the next.

Every name in it is somebody's input: autoescaping is on, attributes are quoted, and the policy runs no other script.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from pydantic import ValidationError

from fleethub.model.capacity import Answer, Fit
from fleethub.model.errors import InputError
from fleethub.model.fleet_status import FleetStatus, KeyStatus, NodeStatus
from fleethub.model.text import flat, gib, plural
from fleethub.operations.inputs import CapacityInput
from fleethub.operations.snapshots import Snapshot
from fleethub.server.errors import Refusal, invalid
from fleethub.server.kept import NOTHING, Kept
from fleethub.server.reading import capacity_of
from fleethub.server.site import looked
from fleethub.views import picture
from fleethub.views.commands import AS_WRITTEN, Commands
from fleethub.views.graph import svg
from fleethub.views.proposals import by_force

REFRESH = 15  # seconds
#: Stand in the text for the seconds since the observation, and for them in words. No name has either: ``flat``.
SECONDS, WORDS = Markup("\x01"), Markup("\x02")
TONES = ("bad", "unknown", "pending", "good")
#: fit -> (tone, words)
FITS = {
    Fit.FITS: ("good", "fits"),
    Fit.UNKNOWN: ("unknown", "not known"),
    Fit.SPILLS: ("bad", "spills to the CPU"),
    Fit.EVICTS: ("bad", "evicts"),
    Fit.EXCEEDS: ("bad", "does not fit"),
}


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
    parts = _parts(snapshot.fleet_status, snapshot.facts is not None) if snapshot.fleet_status else {}
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
    }
    text = template().render(**told, **answered, **parts)
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


def status_of(thing: NodeStatus | KeyStatus, observed: bool, keys: Iterable[KeyStatus] = ()) -> tuple[str, str, str]:
    """Tone, word and sentence for a node or key; the worst first, and unknown is never good.

    A node is no better than the ``keys`` that it calls with.
    """
    if not observed:
        return "unknown", "not observed", ""
    if thing.state == "unknown":
        return "unknown", "unknown", thing.reason
    if thing.drift:
        return "bad", "drift", thing.drift
    if thing.change == "blocked":
        return "bad", "blocked", "; ".join(thing.waits)
    if thing.change:
        return "pending", f"{thing.change} planned", "; ".join(thing.waits)
    if thing.state != "there":
        return "unknown", thing.state, thing.reason
    for key in keys:
        tone, word, why = status_of(key, observed)
        if tone != "good":
            return tone, f"key: {word}", why
    return "good", "as planned", ""


def fit_of(value: str) -> tuple[str, str]:
    """Tone and words of a fit."""
    return FITS[Fit(value)] if value else ("unknown", "not known")


def _parts(fleet_status: FleetStatus, observed: bool) -> dict[str, Any]:
    """What the template would otherwise have to count; nodes in trouble come first."""
    severities = Counter(f.severity.value for f in fleet_status.findings)
    states = Counter(n.state for n in fleet_status.nodes)
    unknown = [
        states["unknown"],
        *(
            sum(thing.state == "unknown" for thing in things)
            for things in (fleet_status.proxies, fleet_status.backends, fleet_status.keys)
        ),
    ]
    keys: dict[str, list[KeyStatus]] = {}
    for key in fleet_status.keys:
        keys.setdefault(key.name, []).append(key)
    rows = [(node, status_of(node, observed, keys.get(node.key, ()))) for node in fleet_status.nodes]
    known = [b for b in fleet_status.backends if b.headroom is not None and b.state == "there"]
    return {
        "errors": severities["error"],
        "warnings": severities["warning"],
        "findings": sorted(fleet_status.findings, key=lambda f: f.severity.value != "error"),
        "blocked": [c for c in fleet_status.changes if c.action == "blocked"],
        "planned": [c for c in fleet_status.changes if c.action != "blocked"],
        "unknown_nodes": states["unknown"],
        "unknowns": sum(unknown),
        "owners": len({n.owner for n in fleet_status.nodes if n.owner}),
        "headroom": sum(b.headroom or 0 for b in known) if known else None,
        "total": sum(b.total or 0 for b in known),
        "unseen_backends": sum(1 for b in fleet_status.backends if b.url and b.state != "there"),
        "rows": sorted(rows, key=lambda row: TONES.index(row[1][0])),
        "keys_of": keys,
        "loose_keys": [k for k in fleet_status.keys if not k.nodes],
        "wiring": picture.wiring(fleet_status),
        "askable": [b.name for b in fleet_status.backends if b.url],
        "aliases": [m.name for m in fleet_status.models if m.backends],
    }


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
