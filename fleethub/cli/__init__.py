"""The command line. Each command is one module, imported when it is called; click itself is not, where a session asks
for its ``context``: that is at every session's start.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from types import ModuleType
from typing import Any, NoReturn

from fleethub.cli import streams

#: heading -> command -> what it does, as ``--help`` has them. The module of a command's name holds it as ``cmd``.
GROUPS = {
    "Begin": {
        "init": "Write a runnable spec, its schema, a seed and .gitignore.",
        "import": "Take what runs into spec and lockfile, and change nothing of it.",
        "audit": "Say what is wrong with any LiteLLM, without a spec.",
        "demo": "Run the whole story on an embedded stand-in fleet.",
    },
    "Write the spec": {
        "validate": "Check the spec and what is rendered from it, offline.",
        "test": "Plan the cases in tests/, and say what is not as expected.",
        "fmt": "Put the spec's files into one layout.",
        "schema": "Print the JSON Schema of fleet.toml, for editors.",
        "assign": "Give a node another primary model, in the spec.",
        "release": "Take a node out of the spec.",
        "node": "Register a node, or set its fields, in the spec.",
        "rotate": "Give keys new values, in the spec; the old ones go last.",
        "approve": "Say yes or no to an edit that an agent proposed.",
    },
    "Plan and apply": {
        "plan": "Read what is there and show what would change.",
        "apply": "Make it so.",
        "destroy": "Remove everything that FleetHub made for this fleet.",
        "rollback": "Go back to the spec of an earlier apply.",
        "revoke": "End a key at once, on every replica.",
        "render": "Write the nodes' files to a folder, secrets as (sensitive).",
    },
    "Look": {
        "status": "Show what runs where, now.",
        "show": "Show everything about one address.",
        "why": "Say why one address is as it is, line by line.",
        "uses": "Say who uses one address, offline.",
        "graph": "Print the wiring as Mermaid, DOT, SVG or JSON.",
        "drift": "Show what somebody changed; --accept writes it into the spec.",
        "log": "Show who did what and when, and the spec of then.",
        "diff": "Show what applies changed since an earlier one.",
        "capacity": "Show what fits in VRAM, and what would make it fit.",
        "place": "Propose on which backends the models should lie; --drain empties one.",
        "verify": "Ask with each node's own key whether its chain works.",
        "logs": "Show the last lines that a node's program wrote.",
    },
    "Tell others": {
        "observe": "Read the fleet and keep what sessions are told of it.",
        "context": "Tell a session what there is and what is wrong, from that.",
        "tangleclaw": "Tell TangleClaw, and every coding session at its start.",
        "mcp": "Give agents the fleet as MCP tools; their edits are proposals.",
        "serve": "Serve the fleet's state over HTTP, with a page for people.",
    },
    "Look after": {
        "state": "What was last applied: look, correct, bring back.",
        "lock": "Who applies now; keep everybody from applying for a while.",
        "trust": "Show and change which hosts and commands this machine trusts.",
        "seed": "Check the seed, or say where it belongs.",
        "completion": "Print what a shell needs to complete commands and names.",
    },
}
COMMANDS = {name: does for group in GROUPS.values() for name, does in group.items()}

#: The variable by which a shell asks click to complete a command line.
_COMPLETE = "_FLEETHUB_COMPLETE"


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command line; ends the process with the command's exit code."""
    gc.set_threshold(500_000, 20, 20)  # a small plan makes fewer objects: to look them through once is a tenth of it
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)  # nor looks Python for garbage, several times, while it ends: a tenth of a small plan
    _without_plugins()
    streams.fit()
    sys.exit(streams.judged(_run(argv)))


def _without_plugins() -> None:
    """Nobody else's code in pydantic, nor a look for it, in each start: what would look, if it were let, imports
    ``importlib.metadata`` first, which takes 6 ms. Where a pydantic has it elsewhere, it is let look by its variable.
    """
    if os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__") == "__all__":
        loader = ModuleType("pydantic.plugin._loader")
        loader.__dict__["get_plugins"] = tuple
        sys.modules.setdefault(loader.__name__, loader)


def _run(argv: list[str] | None) -> int:
    options: dict[str, Any] = {}
    words = sys.argv[1:] if argv is None else argv
    try:
        if "context" in words and _COMPLETE not in os.environ:
            from fleethub.cli.session_start import asked, tell

            if what := asked(words):
                tell(what)
                return 0
        from click.exceptions import Exit

        from fleethub.cli.group import cli

        try:
            cli(args=argv, prog_name="fleethub", standalone_mode=False, obj=options)
        except Exit as stop:
            return stop.exit_code
    except SystemExit as stop:
        return int(stop.code or 0)
    except BaseException as error:
        from fleethub.cli.errors import report
        from fleethub.cli.output import Out, completed
        from fleethub.cli.whereabouts import called

        out: Out | None = options.get("out")
        as_json = out.json if out else "--json" in words
        return report(error, out.commands if out else completed(called()), as_json)
    return 0
