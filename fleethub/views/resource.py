"""One managed thing in words of people: what is wanted, applied and there, each value once, and what differs beside it.

What FleetHub keeps for itself (fingerprints, marks, shapes) is told by what it means. ``--json`` has all of it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from fleethub.kinds.key.attributes import ALL
from fleethub.model.text import amount, gib, heard, named
from fleethub.views.style import Style

#: Of what is told: what is the same of everything that is well.
PLAIN: tuple[object, ...] = (None, "", 0, [], {}, ())
#: Attributes -> what they say where they are set, or what their value is called.
WORDS = {
    "renamed": "is called there",
    "interim": "is called, until its older value is gone,",
    "stop": "is ended by",
    "project": "project of its containers",
    "base_url": "URL",
    "pulled": "was downloaded by FleetHub",
    "num_ctx": "context",
}
#: Attributes that are a list of arguments.
COMMANDS = ("command", "stop")
#: Attributes that are told by what they mean, or alone where something is wrong with them.
APART = ("files", "value", "given", "marked", "activated", "replaces", "generation", "blocked", "given_at")
#: What is seen beside attributes -> the words before it.
BESIDE = {
    "activated": "runs with what was applied since",
    "has": "has had it since",
    "given_at": "was handed over at",
    "spend": "has spent",
    "spent": "",
    "barred": "",
    "wider": "may also call",
    "groups": "has the access groups",
    "team": "is of the team",
    "unmanaged": "has, and the spec does not say,",
    "runs": "runs",
    "tools": "on its machine:",
    "digest": "digest",
    "named": "called by",
}
#: The same, where it is so and that is worth a word.
TOLD = {"old": "still runs with what was there before", "theirs": "is somebody else's", "read": ""}


def resource_lines(data: Mapping[str, Any], style: Style) -> list[str]:
    """``show_data`` of a resource."""
    lines = [f"written at {data['place']}"] if data["place"] else ["is no longer in the spec"]
    lines += ["needs " + ", ".join(data["needs"])] if data["needs"] else []
    observed, applied = data["observed"], data["applied"] or {}
    lines.append(_state(observed, applied))
    if begun := applied.get("pending"):
        lines.append(style("warning", f"an apply of it is not at its end: {', '.join(begun['phases'])}"))
    sides = {
        "wanted": data["wanted"] or {},
        "applied": applied.get("attrs") or {},
        "there": observed.get("attrs") or {},
    }
    lines += _attributes(sides, style)
    lines += [style("warning", line) for line in _apart(sides)]
    telemetry = dict(observed.get("telemetry") or {})
    telemetry["given_at"] = sides["there"].get("given_at")
    if data["address"].startswith("consumer.") and (since := telemetry.pop("activated", None)):
        telemetry["has"] = since  # nobody here knows its process
    beside = [text for text in _beside(telemetry) if text]
    return lines + [style("dim", line) for line in beside]


def _state(observed: Mapping[str, Any], applied: Mapping[str, Any]) -> str:
    """``is there, applied by apply 3; its value is of generation 2``."""
    if observed["state"] != "there":
        return f"is {observed['state']}" if observed["state"] == "absent" else observed["state"]
    mark = observed.get("mark")
    whose = f", last changed by apply {mark['serial']}" if mark else ""
    generation = (mark or {}).get("generation") or applied.get("generation") or 1
    return f"is there{whose}" + (f", generation {generation}" if generation > 1 else "")


def _attributes(sides: Mapping[str, Mapping[str, Any]], style: Style) -> Iterator[str]:
    told = {name: _leaves({k: v for k, v in side.items() if k not in APART}) for name, side in sides.items()}
    for name, side in sides.items():
        told[name] |= {f"file {path}": text for path, text in _files(side.get("files") or {}).items()}
        told[name] |= {"blocked": "yes"} if side.get("blocked") else {}
    known = [name for name, side in told.items() if side]
    for path in dict.fromkeys(path for side in told.values() for path in side):
        first = told[known[0]].get(path, "none")
        others = [f"{name}: {value}" for name in known[1:] if (value := told[name].get(path, "none")) != first]
        differs = style("warning", f"  ({', '.join(others)})") if others else ""
        head, _, rest = path.partition(" ")
        yield f"{style('dim', ' '.join(filter(None, (WORDS.get(head, head), rest))) + ':')} {first}{differs}"


def _files(files: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """``0600``; of a file that is somebody else's how many values of it are the fleet's."""
    found = {}
    for path, file in files.items():
        if file.get("kind"):
            found[path] = f"no file: {file['kind']}"
        elif (owned := file.get("owned")) is not None:
            found[path] = f"{len(owned)} values of it"
        else:
            found[path] = file.get("mode") or "there"
    return found


def _apart(sides: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What is not as it should be of what is known by fingerprints and marks."""
    wanted, applied, there = (sides[name] for name in ("wanted", "applied", "there"))
    if not there:
        return
    for path, text in _changed(applied.get("files") or {}, there.get("files") or {}):
        yield f"{path} {text} since it was applied"
    for path, _ in _changed(there.get("files") or {}, wanted.get("files") or {}) if wanted else ():
        yield f"{path} is to be another"
    for name, says in (("value", "its value is not the one that was applied"), ("given", "what it was given is other")):
        if applied.get(name) and there.get(name) and applied[name] != there[name]:
            yield says
    if there.get("marked") is False and applied:
        yield "what is there does not have the mark of what was applied"
    if there.get("activated") is False:
        yield "it does not run with this set yet"
    if older := there.get("replaces"):
        yield f"{len(older)} older values of it still work"


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old is None or new is None:
            if before and after:
                yield path, "came" if old is None else "went"
        elif any(old.get(name) != new.get(name) for name in ("fingerprint", "owned", "kind")):
            yield path, "was changed"


def _beside(telemetry: Mapping[str, Any]) -> Iterator[str]:
    """What else is seen, worth a line."""
    if telemetry.get("rows", 1) not in (0, 1):
        yield f"{telemetry['rows']} keys there have its alias"
    if telemetry.get("understood") is False:
        yield "its config cannot be read"
    if size := telemetry.get("size"):
        yield f"takes {gib(size)} of its disk"
    yield from (words for name, words in TOLD.items() if words and telemetry.get(name))
    for name, words in BESIDE.items():
        texts = [" ".join(filter(None, (path, text))) for path, text in _leaves(telemetry.get(name)).items()]
        if texts:
            yield f"{words} {', '.join(texts)}".strip()


def _leaves(value: object, path: str = "") -> dict[str, str]:
    """A nested value as paths and texts; what is not set left out."""
    if isinstance(value, Mapping):
        return {
            name: text
            for key, inner in value.items()
            for name, text in _leaves(inner, f"{path} {key}".lstrip()).items()
        }
    if isinstance(value, bool):
        return {path: "yes" if value else "no"}
    if value in PLAIN:
        return {}
    if isinstance(value, list | tuple):
        return {path: heard(shlex.join(map(str, value)), 120) if path in COMMANDS else _several(value)}
    if isinstance(value, float):
        value = amount(float(f"{value:.10g}"))  # a sum of prices: 0.01315, and not 0.013149999999999632
    return {path: named(str(value), 120)}


def _several(values: list[Any] | tuple[Any, ...]) -> str:
    if all(isinstance(one, str | int) for one in values):
        return ", ".join(ALL if one == ALL else named(str(one)) for one in values)
    rows = [_leaves(one) if isinstance(one, Mapping) else {"": json.dumps(one, ensure_ascii=False)} for one in values]
    return "; ".join(
        ", ".join(f"{WORDS.get(path, path)} {text}".strip() for path, text in sorted(row.items())) for row in rows
    )
