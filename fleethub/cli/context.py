"""``fleethub context``: read at the start of every session, so it imports next to nothing and never fails."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import click

from fleethub.cli.streams import forgive
from fleethub.cli.whereabouts import all_known, around, command, here, lacks
from fleethub.folders import is_file
from fleethub.model.text import name_key
from fleethub.state.served import page
from fleethub.state.session_summary import read
from fleethub.views.commands import Commands
from fleethub.views.session_text import KnownFleet, session_text
from fleethub.views.style import escaped

FORMATS = ["text", "markdown", "claude-hook"]


@click.command()
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.pass_obj
def cmd(options: dict[str, object], form: str) -> None:
    """Tell a session which fleet there is, what is wrong with it, and what concerns the session's own project.

    Reads what the last observation left (fleethub observe, plan, apply, serve), asks nobody, and prints at most 4,000
    characters. Fleets: the one of this folder and those of the list in ~/.config/fleethub/fleets. Prints nothing where
    there is none, nor, as a hook, in a project that is no consumer or member (FLEETHUB_CONTEXT=all: everywhere).
    What is one's own is told by FLEETHUB_PROJECT, TANGLECLAW_PROJECT_ID, .tangleclaw/project.json and the names of the
    working directory, compared with nodes' names, owners, projects and labels. Exits 0 always.
    """
    try:
        given, place = options["folder"], here()
        folders = [_folder(Path(str(given)))] if given is not None else list(all_known(place))
        known = [_known(f) for f in folders]
        mine = _mine(place, folders)
        asked = given is not None or form != "claude-hook" or _concerns(known, mine, place)
        text = session_text(known, mine, form) if asked else ""
        if options.get("json"):
            _lines(known, text)
        elif text:
            click.echo(text)
    except Exception as error:  # a session must start whatever became of this cache
        click.echo(f"fleethub context: {type(error).__name__}; run fleethub observe", err=True)
    forgive()


def _lines(known: Iterable[KnownFleet], text: str) -> None:
    """For machines: the text, and which fleets it is of (``age`` in seconds, null: never observed)."""
    fleets = [{"folder": one.folder, "age": one.age, "why": "" if one.summary else one.why} for one in known]
    for line in ({"type": "context", "text": text, "fleets": fleets}, {"type": "summary", "exit": 0}):
        click.echo(escaped(json.dumps(line, ensure_ascii=False)))


def _names() -> frozenset[str]:
    from fleethub.cli import COMMANDS

    return frozenset(COMMANDS)


def _folder(path: Path) -> Path:
    """``-C`` takes a folder or its fleet.toml."""
    return (path.parent if is_file(path) else path).resolve()


def _known(folder: Path) -> KnownFleet:
    if why := lacks(folder):
        hint = "mount its folder; or take its line out of ~/.config/fleethub/fleets, if it is gone for good"
        return KnownFleet(str(folder), None, None, why=why, hint=hint)
    summary, since = read(folder)
    words = command(folder)
    whole = Commands(words, _names())
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
            project = json.loads((folder / ".tangleclaw" / "project.json").read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(project, dict):
            names += [str(project[k]) for k in ("id", "name") if isinstance(project.get(k), str | int)]
        break
    return frozenset(name_key(name) for name in names if name)
