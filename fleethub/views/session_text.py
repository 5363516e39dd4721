"""What a session reads at its start: summaries of the known fleets as a text of at most 4,000 characters.

Standard library only, and little of it: this is on the path of every session's start.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from fleethub.model.text import name_key, tame

LARGEST = 4000  # characters of what is printed, envelope included
STALE = 3600.0  # seconds after which an observation is called stale
LONGEST = 280  # characters of a line
MOST = 8  # names of consumers of which one line says the same
SHARE = {"trouble": 1200, "yours": 1000, "act": 1300}  # characters that a section may take of a full text
ENOUGH = 300  # characters that are kept for the headline of each further fleet

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}")
LEAVE = (
    "not yours: entries, keys and routes of other owners, and every file in a node's folder: assign, never edit; "
    "an entry of another owner is refused (ask them)"
)


def act(words: str, owner: str, pending: str) -> tuple[str, ...]:
    """What a session can do, as commands to be pasted; ``words`` begin each, ``owner`` is who it acts as."""
    whose = shlex.quote(owner) if _PLAIN.fullmatch(owner) else "YOU"  # a longer one might be a sentence
    now = f" (now: {pending})" if pending else ""
    return (
        f"{words} status: what runs now and what a plan would change",
        f"{words} capacity BACKEND MODEL: ask before wiring a model",
        f"{words} assign NODE MODEL --project {whose} --yes: rewire a node in the spec, which applies nothing",
        f"{words} plan: what an apply would do, for everybody's pending edits{now}",
        f"{words} apply --auto-approve: carry all of that out",
        LEAVE,
    )


class KnownFleet(NamedTuple):
    """A fleet that the user has: its folder, its summary (None: ``why`` says why not), seconds since it was observed.

    ``since`` says what changed on disk since then; ``hint`` what to do where there is no summary. ``words`` begin a
    command about it, as it works where the session is; ``page`` is the URL at which it is served now, if it is.
    """

    folder: str
    summary: dict[str, Any] | None
    age: float | None
    since: str = ""
    why: str = "never observed"
    hint: str = ""
    words: str = "fleethub"
    page: str = ""


def session_text(fleets: Sequence[KnownFleet], mine: frozenset[str], form: str) -> str:
    """The text; ``mine``: ``name_key`` of the session's project's names; ``form``: text, markdown or claude-hook.

    Empty where there is no fleet. Fleets with something of one's own come first.
    """
    if not fleets:
        return ""
    ordered = sorted(fleets, key=lambda known: not _own(known, mine))
    room = LARGEST
    while True:
        text = _fit(ordered, mine, form != "text", max(room, 0))
        shown = text if form != "claude-hook" else _envelope(text)
        if len(shown) <= LARGEST:
            return shown
        room -= len(shown) - LARGEST  # what JSON escapes takes room of its own


def _envelope(text: str) -> str:
    """What a SessionStart hook of Claude Code prints so that several hooks can add to one session."""
    output = {"hookEventName": "SessionStart", "additionalContext": text}
    return json.dumps({"hookSpecificOutput": output}, ensure_ascii=False)


def _fit(fleets: Sequence[KnownFleet], mine: frozenset[str], markdown: bool, room: int) -> str:
    """The first fleets whole as far as there is room; each further one has at least its headline, or is counted."""
    parts: list[str] = []
    advice = "\n".join(_advice(fleets, mine, markdown, room))
    end = f"\n{advice}" if advice else ""
    for at, known in enumerate(fleets):
        later = min(len(fleets) - at - 1, 3)
        left = room - len(end) - sum(len(part) + 2 for part in parts) - ENOUGH * later
        if at > 3 or left < ENOUGH:
            parts.append(f"… and {len(fleets) - at} more fleets; the next: {known.words} context")
            break
        parts.append(_fleet(known, mine, markdown, left))
    return ("\n\n".join(parts)[: max(room - len(end), 0)] + end)[:room]


def _advice(fleets: Sequence[KnownFleet], mine: frozenset[str], markdown: bool, room: int) -> list[str]:
    """How to act, once for all fleets: with the first one's words, which the others' folders go into as well."""
    known = fleets[0]
    if known.summary is None:
        return []
    own = [c for c in known.summary["consumers"] if _is(c["names"], mine)]
    owner = next((str(c.get("owner")) for c in own if c.get("owner")), "")
    edits = known.summary.get("edits", [])
    pending = ", ".join(edits[:3]) + (f" and {len(edits) - 3} more" if len(edits) > 3 else "")
    title = f"How to act on {known.summary['fleet']} (others: -C FOLDER)" if len(fleets) > 1 else "How to act"
    return _section(title, act(known.words, tame(owner), pending), markdown, min(room, SHARE["act"]), status="")


def _fleet(known: KnownFleet, mine: frozenset[str], markdown: bool, room: int) -> str:
    summary = known.summary
    if summary is None:
        head = _title(f"Inference fleet at {_clip(known.folder, 120)} (FleetHub): {known.why}", markdown)
        hint = known.hint or f"{known.words} observe"
        return f"{head}\nNothing is known of it here. Next: {hint}."
    applied = f"apply {summary['serial']} at {summary['applied_at']} by {summary['applied_by']}"
    lines = [
        _title(_clip(f"Inference fleet {summary['fleet']} (FleetHub), {_age(known.age)}", LONGEST), markdown),
        _clip(f"Folder {known.folder}; {applied if summary['serial'] else 'never applied'}.", LONGEST),
    ]
    if known.page:
        lines.append(_clip(f"Page: {known.page}", LONGEST))
    if known.since:
        lines.append(_clip(f"Since then {known.since}: run {known.words} observe.", LONGEST))
    lines += [_clip(f"It cannot be looked at now: {why}", LONGEST) for why in summary["refused"][:3]]
    if summary["pending"]:
        lines.append(_clip(f"A plan would now say: {summary['pending']}", LONGEST))
    own = [c for c in summary["consumers"] if _is(c["names"], mine)]
    others = _grouped(c for c in summary["consumers"] if not _is(c["names"], mine))
    about = {c["about"] for c in own}
    trouble = sorted(summary["trouble"], key=lambda t: about.isdisjoint(t["about"].split()))
    left = room - sum(len(line) + 1 for line in lines)
    wanted = [
        ("Drift and findings", [_trouble(f"{t['kind']}: {t['line']}") for t in trouble], SHARE["trouble"]),
        ("Yours", [f"{c['who']} {said}" for c in own for said in (c["says"], *c["more"])], SHARE["yours"]),
        ("Backends", summary["backends"], left),
        ("Other consumers" if own else "Consumers", others, left),
        ("Models", summary["models"], left),
        ("To call a model yourself", summary["proxies"], left),
        ("Last changes", summary.get("done", []), left),
    ]
    if not trouble:
        lines.append(_clean(known))
        left -= len(lines[-1]) + 1
    for title, entries, share in wanted:
        section = _section(title, entries, markdown, min(share, left), status=f"{known.words} status")
        left -= sum(len(line) + 1 for line in section)
        lines += section
    return "\n".join(lines)


def _clean(known: KnownFleet) -> str:
    """That nothing is wrong is only said of now where it was seen just now, and nothing changed since."""
    refused = known.summary is not None and known.summary["refused"]
    if known.age is None or not -60 <= known.age <= STALE or known.since or refused:
        return "Nothing was wrong when it was observed; whether that is so now is not known."
    return "No drift and no open findings."


def _grouped(consumers: Iterable[dict[str, Any]]) -> list[str]:
    """One line for all consumers of which the same is said."""
    groups: dict[str, list[str]] = {}
    for consumer in consumers:
        groups.setdefault(consumer["says"], []).append(consumer["who"])
    return [f"{_few(who)} {says}" for says, who in groups.items()]


def _few(names: list[str]) -> str:
    """Names, of many only some, so that what is said of them is not cut off; "each" where they are several."""
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + (f"{more}: each" if len(names) > 1 else "")


def _section(title: str, entries: Iterable[str], markdown: bool, room: int, status: str) -> list[str]:
    """As many lines as there is room for, and how many are left out; where not even one fits, how many there are.

    ``status``: the command that tells the rest; empty: none does.
    """
    listed = [_clip(entry, LONGEST) for entry in entries]
    if not listed:
        return []
    lines = ["", f"## {title}" if markdown else f"{title}:"]
    used = len(lines[1]) + 2
    for at, entry in enumerate(listed):
        line = f"{'- ' if markdown else '  '}{entry}"
        more = f"{'- ' if markdown else '  '}… and {len(listed) - at} more{f': {status}' if status else ''}"
        spare = len(more) + 1 if at < len(listed) - 1 else 0
        if used + len(line) + 1 + spare > room:
            counted = f"{title}: {len(listed)}{f', see {status}' if status else ''}"
            whole, short = used + len(more) + 1 <= room, len(counted) + 1 <= room
            return [*lines, more] if at and whole else [counted] if short else []
        lines.append(line)
        used += len(line) + 1
    return lines


def _trouble(line: str) -> str:
    """A finding within a line's length: what to do stays whole, and what is said before it is cut."""
    says, arrow, hint = tame(line).rpartition(" → ")
    room = LONGEST - len(arrow) - len(hint)
    return f"{_clip(says, room)}{arrow}{hint}" if arrow and room > LONGEST // 3 else line


def _title(text: str, markdown: bool) -> str:
    return f"# {text}" if markdown else text


def _own(known: KnownFleet, mine: frozenset[str]) -> bool:
    return known.summary is not None and any(_is(c["names"], mine) for c in known.summary["consumers"])


def _is(names: Iterable[str], mine: frozenset[str]) -> bool:
    return any(name_key(name) in mine for name in names)


def _age(seconds: float | None) -> str:
    """``observed 3 min ago``; ``STALE: observed 26 h ago``; a time that is ahead of this clock is no age."""
    if seconds is None or seconds < -60:
        return "observed at a time that this machine's clock cannot tell"
    seconds = max(seconds, 0.0)
    units = ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"))
    size, unit = next(((s, u) for s, u in units if seconds >= 2 * s or s == 1))
    ago = f"observed {int(seconds // size)} {unit} ago"
    return f"STALE: {ago}" if seconds > STALE else ago


def _clip(text: str, most: int) -> str:
    line = tame(text)
    return line if len(line) <= most else line[: max(most - 1, 0)] + "…"
