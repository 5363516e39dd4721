"""``fleethub context`` as click has it: here comes what is more than ``session_start.asked`` takes."""

from __future__ import annotations

from typing import Any

import click

from fleethub.cli.session_start import FORMATS, ContextInput, tell


@click.command()
@click.option("--format", "form", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True)
@click.pass_obj
def cmd(options: dict[str, Any], form: str) -> None:
    """Tell a session which fleet there is, what is wrong with it, and what concerns the session's own project.

    Reads what the last observation left (fleethub observe, plan, apply, serve), asks nobody, and prints at most 4,000
    characters. Fleets: the one of this folder and those of the list in ~/.config/fleethub/fleets. Prints nothing where
    there is none, nor, as a hook, in a project that is no consumer or member (FLEETHUB_CONTEXT=all: everywhere).
    What is one's own is told by FLEETHUB_PROJECT, TANGLECLAW_PROJECT_ID, .tangleclaw/project.json and the names of the
    working directory, compared with nodes' names, owners, projects and labels. Exits 0 always.
    """
    tell(ContextInput(options["folder"], form, bool(options.get("json"))))
