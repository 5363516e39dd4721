"""What ``fleethub context`` does, for click and without: it is at every session's start, so it imports next to nothing
and never fails.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from fleethub.cli import COMMANDS
from fleethub.cli.streams import forgive
from fleethub.cli.whereabouts import all_known, around, command, here, lacks
from fleethub.folders import content, is_file
from fleethub.model.text import name_key
from fleethub.state.served import page
from fleethub.state.session_summary import LARGEST, read
from fleethub.views.commands import Commands
from fleethub.views.session_text import KnownFleet, session_text
from fleethub.views.style import escaped

FORMATS = ["text", "markdown", "claude-hook"]


class ContextInput(NamedTuple):
    """What a session asks for: of which fleet (None: of all that are known), in which form, for machines or people."""

    folder: str | None = None
    form: str = FORMATS[0]
    as_json: bool = False


def asked(words: Sequence[str]) -> ContextInput | None:
    """A command line that click would take for ``context`` with these options. None for any other: those that are
    rarer, and all that is wrong, are left to click.
    """
    left, found = list(words), dict[str, str]()
    while left:
        word = left.pop(0)
        if (word == "context" and word not in found) or word == "--json":
            found[word] = word
        elif word in ("-C", "--format") and word not in found and left and not left[0].startswith("-"):
            if word == "--format" and ("context" not in found or left[0] not in FORMATS):
                return None
            found[word] = left.pop(0)
        else:
            return None
    if "context" not in found:
        return None
    return ContextInput(found.get("-C"), found.get("--format", FORMATS[0]), "--json" in found)


def tell(what: ContextInput) -> None:
    """Print it."""
    try:
        place = here()
        folders = [_folder(Path(what.folder))] if what.folder is not None else list(all_known(place))
        known = [_known(f) for f in folders]
        mine = _mine(place, folders)
        told = what.folder is not None or what.form != "claude-hook" or _concerns(known, mine, place)
        text = session_text(known, mine, what.form) if told else ""
        if what.as_json:
            _lines(known, text)
        elif text:
            print(text)
    except Exception as error:  # a session must start whatever became of this cache
        print(f"fleethub context: {type(error).__name__}; run fleethub observe", file=sys.stderr)
    forgive()


def _lines(known: Iterable[KnownFleet], text: str) -> None:
    """For machines: the text, and which fleets it is of (``age`` in seconds, null: never observed)."""
    fleets = [{"folder": one.folder, "age": one.age, "why": "" if one.summary else one.why} for one in known]
    for line in ({"type": "context", "text": text, "fleets": fleets}, {"type": "summary", "exit": 0}):
        print(escaped(json.dumps(line, ensure_ascii=False)))


def _folder(path: Path) -> Path:
    """``-C`` takes a folder or its fleet.toml."""
    return (path.parent if is_file(path) else path).resolve()


def _known(folder: Path) -> KnownFleet:
    if why := lacks(folder):
        hint = "mount its folder; or take its line out of ~/.config/fleethub/fleets, if it is gone for good"
        return KnownFleet(str(folder), None, None, why=why, hint=hint)
    summary, since = read(folder)
    words = command(folder)
    whole = Commands(words, frozenset(COMMANDS))
    for trouble in summary["trouble"] if summary is not None else ():
        says, arrow, hint = trouble["line"].rpartition(" → ")  # what others said stays as it is
        trouble["line"] = f"{says}{arrow}{whole.whole(hint)}" if arrow else hint
    if summary is not None:
        summary["proxies"] = [whole.whole(line) for line in summary["proxies"]]
    if summary is None:
        return KnownFleet(str(folder), None, None, why=since, words=words)
    try:
        age = time.time() - datetime.fromisoformat(summary["at"]).timestamp()
    except (KeyError, TypeError, ValueError):
        age = None
    return KnownFleet(str(folder), summary, age, since, words=words, page=page(folder))


def _concerns(known: Iterable[KnownFleet], mine: frozenset[str], here: Path) -> bool:
    """Whether a session that asked nothing is told: it stands in a fleet, its project is a consumer of one or a member
    of the group that one is registered with, it is TangleClaw's Master, or FLEETHUB_CONTEXT=all asks for every session.
    """
    if os.environ.get("FLEETHUB_CONTEXT") == "all" or os.environ.get("TANGLECLAW_ROLE") == "master" or around(here):
        return True
    from fleethub.integrations.tangleclaw.shared_document import names as registered

    for one in known:
        told = one.summary["consumers"] if one.summary is not None else []
        names = [name for consumer in told for name in consumer["names"]]
        if any(name_key(name) in mine for name in (*names, *registered(Path(one.folder) / ".fleethub").values())):
            return True
    return False


def _mine(here: Path, folders: Iterable[Path]) -> frozenset[str]:
    """Names by which the session's own project may be called, as they are compared.

    A newer TangleClaw's pane has its project's id alone: what that is called was told when a fleet was registered.
    """
    number = os.environ.get("TANGLECLAW_PROJECT_ID", "")
    names = [os.environ.get("FLEETHUB_PROJECT", ""), number, *here.parts[1:]]
    if number:
        from fleethub.integrations.tangleclaw.shared_document import names as registered

        names += [registered(folder / ".fleethub").get(number, "") for folder in folders]
    for folder in (here, *here.parents):
        try:
            project = json.loads(content(folder / ".tangleclaw" / "project.json", LARGEST))
        except (OSError, ValueError, RecursionError):  # whatever somebody's repository has there
            continue
        if isinstance(project, dict):
            names += [str(project[k]) for k in ("id", "name") if isinstance(project.get(k), str | int)]
        break
    return frozenset(name_key(name) for name in names if name)
