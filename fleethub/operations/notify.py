"""Tell somebody what is wrong, once, and when it is over: by a webhook, ntfy, or a command's standard input.

What each was told is kept below ``.fleethub``: what was told already is not told again, what could not be told is told
with the next look.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fleethub.atomic import replace as write_file
from fleethub.model.capacity import Fit
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Notify
from fleethub.model.fleet_status import FleetStatus
from fleethub.model.text import heard
from fleethub.operations.workplace import Workplace
from fleethub.stores.interface import LockedError
from fleethub.stores.lock import local_lock

KEPT, LOCK = ".fleethub/notified.json", ".fleethub/notify.lock"
SECONDS = 15.0
LINES = 20  # of each sort that one message names
LOOKS = frozenset({"drift", "error", "full", "unknown"})
FULL = {fit.value for fit in (Fit.EVICTS, Fit.SPILLS, Fit.EXCEEDS)}
#: What is known by a key that stays the same while it lasts -> what is said of it.
Events = Mapping[str, str]


def seen_events(status: FleetStatus) -> dict[str, str]:
    """What a look at the fleet shows that somebody should know of. Keys are ``SORT WHAT``."""
    found = {f"drift {one.address}": f"{one.address} was changed by hand: {one.says}" for one in status.drift}
    found |= finding_events("error", status.findings)
    for backend in status.backends:
        if backend.state == "there" and backend.headroom is not None and backend.headroom < 0:
            found[f"full backend.{backend.name}"] = f"backend.{backend.name} has too little VRAM for what is loaded"
        elif backend.placed and backend.fit in FULL:
            found[f"full backend.{backend.name}"] = f"backend.{backend.name}: what is planned there {backend.fit}"
    kinds = (("proxy", status.proxies), ("backend", status.backends), ("node", status.nodes))
    for kind, things in kinds:
        for thing in things:
            if thing.state == "unknown":
                address = f"{kind}.{thing.name}"
                found[f"unknown {address}"] = f"{address} could not be looked at: {thing.reason}"
    return found


def finding_events(sort: str, findings: Iterable[Finding]) -> dict[str, str]:
    """Errors among findings."""
    return {
        f"{sort} {f.code} {f.address or ''}".rstrip(): f"{f.code}{f' {f.address}' if f.address else ''}: {f.message}"
        for f in findings
        if f.severity is Severity.ERROR
    }


def tell(workplace: Workplace, at: str, events: Events, sorts: frozenset[str] = LOOKS) -> tuple[str, ...]:
    """Tell each what is new to it and what is over; returns what could not be told, in words. Raises nothing of theirs.

    ``sorts``: those that ``events`` are all of; what was told of others is left as it is.
    """
    sinks = workplace.fleet.notify
    if not sinks:
        return ()
    path = workplace.root / KEPT
    try:
        with local_lock(workplace.root / LOCK, "notify"):
            kept, failed = _read(path), []
            for name, sink in sinks.items():
                told = kept.get(name, {})
                asked = sorts & frozenset(sink.on)
                now = {key: heard(says, 400) for key, says in events.items() if key.partition(" ")[0] in asked}
                new = {key: says for key, says in now.items() if key not in told}
                over = {key: says for key, says in told.items() if key.partition(" ")[0] in asked and key not in now}
                if not new and not over:
                    continue
                if why := _send(workplace, sink, at, new, over):
                    failed.append(f"notify.{name} could not be told ({why}); the next look tries again")
                    continue
                kept[name] = {**{key: says for key, says in told.items() if key not in over}, **new}
            write_file(path, json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False).encode(), 0o600)
            return tuple(failed)
    except LockedError:
        return ()  # another look tells at this moment
    except OSError as error:
        return (f"nobody could be told: {error.strerror or error}",)


def _read(path: Path) -> dict[str, dict[str, str]]:
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(path.read_bytes())
        if isinstance(found, dict):
            return {
                str(name): {str(k): str(v) for k, v in told.items()}
                for name, told in found.items()
                if isinstance(told, dict)
            }
    return {}


def message(fleet: str, new: Events, over: Events) -> tuple[str, str]:
    """Title and text of what is told."""
    parts = [f"{len(new)} new"] if new else []
    parts += [f"{len(over)} over"] if over else []
    return f"{fleet}: {', '.join(parts)}", "\n".join((*_lines("", new), *_lines("over: ", over)))


def _lines(before: str, events: Events) -> Iterator[str]:
    for says in list(events.values())[:LINES]:
        yield f"{before}{says}"
    if len(events) > LINES:
        yield f"{before}and {len(events) - LINES} more"


def _send(workplace: Workplace, sink: Notify, at: str, new: Events, over: Events) -> str:
    """Why it could not be told; empty where it was."""
    from fleethub.clients.http_answer import HttpError
    from fleethub.clients.resolver import SecretError

    title, text = message(workplace.fleet.name, new, over)
    if sink.command:
        return _run(workplace, sink, f"{title}\n{text}\n")
    body: dict[str, Any] = {
        "fleet": workplace.fleet.name,
        "at": at,
        "text": f"{title}\n{text}",
        "new": [{"sort": key.partition(" ")[0], "says": says} for key, says in new.items()],
        "over": [{"sort": key.partition(" ")[0], "says": says} for key, says in over.items()],
    }
    url = sink.url
    if sink.format == "ntfy":
        url, _, topic = sink.url.rpartition("/")
        body = {"topic": topic, "title": title, "message": text, "tags": ["warning"] if new else ["white_check_mark"]}
    try:
        token = workplace.resolver.open(sink.token) if sink.token is not None else None
        answer = workplace.http.request("POST", url, token=token, json=body, limit=SECONDS)
    except (HttpError, SecretError) as error:
        return heard(str(error))
    return "" if answer.status < 300 else answer.reason()


def _run(workplace: Workplace, sink: Notify, text: str) -> str:
    from fleethub.clients.process import ShellError, run

    line = shlex.join(sink.command)
    if not workplace.trust.guard.runs(line):
        return f"{sink.command[0]} is not known on this machine: fleethub trust add"
    try:
        done = run(sink.command, text.encode(), SECONDS, workplace.resolver.environment(), sink.command[0])
    except (OSError, ShellError) as error:
        return heard(str(error))
    return "" if done.code == 0 else f"{sink.command[0]} ended with {done.code}"
