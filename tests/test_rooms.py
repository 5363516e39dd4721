"""The walls: which room may import which, and what only one module may import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1] / "fleethub"

#: room -> the rooms of ours it may import. ``model`` is every room's. A part of a room may have a row of its own.
ALLOWED = {
    "model": set(),
    "fleetspec": {"engines", "nodetypes", "folders", "checks.fields", "checks.language"},
    "checks.fields": set(),
    "checks.language": {"checks.fields"},
    "checks.worker": {"checks", "checks.language"},
    "checks": {"checks.fields", "checks.language", "kinds", "placement"},
    "nodetypes": {"engines", "dotenv", "formats"},
    "rendering": {"nodetypes", "folders"},
    "sizing": set(),
    "engines": {"sizing"},
    "placement": {"engines", "sizing"},
    "kinds": {"engines", "nodetypes", "dotenv", "formats", "codec"},
    "planning": {"checks", "kinds", "placement"},
    "reasons": {"kinds"},
    "cases": {"fleetspec", "nodetypes"},
    "auditing": {"engines", "placement"},
    "adoption": {"engines", "fleetspec", "kinds", "nodetypes", "placement", "planning"},
    "verifying": {"engines", "nodetypes"},
    "verifying.ask": {"verifying", "nodetypes", "clients"},
    "verifying.view": {"verifying", "views"},
    "codec": set(),
    "lockfile": {"codec", "kinds"},
    "planfile": {"codec", "kinds", "planning"},
    "stores": {"lockfile", "atomic", "folders"},
    "state": {"atomic", "folders"},
    "clients": {"engines", "atomic", "dotenv", "folders"},
    "observing": {"engines", "clients", "atomic", "codec"},
    "execute": {"clients", "engines", "kinds", "nodetypes"},
    "applying": {"clients", "kinds", "execute", "lockfile"},
    "views": {"cases", "adoption", "auditing", "engines", "lockfile", "kinds", "planfile", "reasons"},
    "integrations": {"clients", "fleetspec", "nodetypes", "state", "views", "atomic", "folders", "formats"},
    "operations": {
        *("integrations", "verifying.ask", "adoption", "reasons", "auditing", "checks", "checks.language", "cases"),
        *("sizing", "engines", "placement", "fleetspec", "rendering", "kinds", "nodetypes", "planning", "verifying"),
        *("observing", "applying", "execute", "clients", "lockfile", "stores", "state", "views", "atomic", "folders"),
        "planfile",
    },
    "cli": {
        *("operations", "integrations", "views", "fleetspec", "lockfile", "stores", "state", "kinds", "clients"),
        *("verifying.view", "testing", "server", "folders", "planfile", "reasons"),
    },
    "server": {"operations", "views", "formats", "verifying.view", "stores"},
    "testing": set(),
    "atomic": set(),
    "dotenv": set(),
    "folders": set(),
    "formats": set(),
}
EXECUTE = ("execute", "execution")
PURE = (
    "adoption",
    "auditing",
    "checks",
    "checks.fields",
    "checks.language",
    "model",
    "codec",
    "formats",
    "lockfile",
    "planfile",
    "kinds",
    "nodetypes",
    "sizing",
    "engines",
    "placement",
    "planning",
    "reasons",
    "verifying",
)
#: What a pure room has no use for: network, processes, clock, environment.
IMPURE = {
    "httpcore",
    "httpx",
    "fabric",
    "subprocess",
    "socket",
    "time",
    "datetime",
    "os",
    "random",
    "secrets",
    "threading",
    "click",
}
#: Third-party packages with one home each.
HOMES = {
    "httpcore": {
        *("clients/deadline.py", "clients/http.py", "clients/http_failure.py"),
        *("clients/http_kept.py", "clients/http_way.py"),
    },
    "httpx": {
        *("clients/http.py", "clients/http_answer.py", "clients/http_failure.py"),
        *("clients/http_kept.py", "clients/http_way.py"),
    },
    "pynvml": {"clients/gpu.py"},
    "deepdiff": {"kinds/diff.py"},
    "subprocess": {"clients/git.py", "clients/resolver.py", "clients/process.py", "clients/ssh/program.py"},
    "fabric": {"clients/ssh/library.py"},
    "paramiko": {"clients/ssh/library.py", "clients/ssh/identities.py", "clients/ssh/fallback.py"},
    "jsonschema": {"nodetypes/openclaw/published.py"},
    "referencing": {"nodetypes/openclaw/published.py"},
    "yaml": {"clients/llamaswap.py", "formats/yaml.py", "formats/yaml_tree.py"},
    "tomli_w": {"lockfile/text.py"},
    "tomlkit": {
        *("cases/change.py", "cases/update.py"),
        *("fleetspec/added.py", "fleetspec/blocks.py", "fleetspec/edit.py", "fleetspec/tomltext.py"),
    },
    "gguf": {"clients/gguf.py"},
    "cel_expr_python": {"checks/language.py"},
    "dotenv": {"dotenv.py", "formats/dotenv.py", "testing/consumer.py"},
    "pyjson5": {"formats/json5.py"},
    "fastapi": {
        *("server/app.py", "server/approving.py", "server/page.py", "server/placing.py", "server/reading.py"),
        "server/writing.py",
    },
    "psycopg": {"stores/pg_connection.py", "stores/pg_lock.py", "stores/postgres.py"},
    "obstore": {"stores/bucket.py"},
    "uvicorn": {"cli/serve.py", "cli/mcp.py", "server/bounded.py"},
    "mcp": {"server/mcp/app.py", "server/mcp/asking.py"},
    "mcp_types": {"server/mcp/app.py", "server/mcp/asking.py"},
    "numpy": {"clients/gguf.py"},
    "highspy": {"placement/moves/program.py"},
}


def modules() -> list[Path]:
    return sorted(p for p in ROOT.rglob("*.py") if p.name != "__main__.py" and p != ROOT / "__init__.py")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "fleethub":
                yield from (f"fleethub.{alias.name}" for alias in node.names)
            else:
                yield node.module


def room(path: Path) -> str:
    """``execute`` is that part of ``kinds`` which touches clients."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return room_of(".".join(("fleethub", *parts)))


def room_of(name: str) -> str:
    """The room of a module of ours by its dotted name."""
    parts = name.split(".")
    if len(parts) > 2 and parts[1] == "kinds" and parts[-1] in EXECUTE:
        return "execute"
    part = ".".join(parts[1:3])
    return part if part in ALLOWED else parts[1] if len(parts) > 1 else "__version__"


def test_imports_stay_within_the_walls() -> None:
    assert [f"{name_of(path)}: {why}" for path in modules() for why in through_walls(path)] == []


def through_walls(path: Path) -> Iterator[str]:
    here = room(path)
    for name in imports(path):
        first = name.partition(".")[0]
        if first == "fleethub":
            lazily = {"execute"} if here == "kinds" else set()  # see the test below
            if room_of(name) not in {here, "model", "__version__", *lazily, *ALLOWED[here]}:
                yield f"{here} may not import {name}"
        else:
            if here == "model" and first not in sys.stdlib_module_names:
                yield f"model is standard library only: {name}"
            if here in PURE and first in IMPURE:
                yield f"{here} is pure: {name}"
            if first in HOMES and name_of(path) not in HOMES[first]:
                yield f"{first} has its home in {HOMES[first]}"


#: What the fleet's own functions import is named as they read it.
THEIR_OWN = {"checks/public.py": {"Unknown"}}


def test_a_name_of_the_model_is_that_of_one_thing() -> None:
    """Values travel through all rooms, so their names meet; two other rooms may call two things by one name. Stand-ins
    speak of other systems.
    """
    named = [
        (name_of(path), node.name)
        for path in modules()
        if room(path) != "testing"
        for node in tree(path).body
        if isinstance(node, ast.ClassDef) and node.name not in THEIR_OWN.get(name_of(path), ())
    ]
    times = Counter(name for _, name in named)
    ours = {name for path, name in named if path.startswith("model/") and not name.startswith("_")}
    assert [(path, name) for path, name in named if name in ours and times[name] > 1] == []


def test_a_kind_leads_to_its_execution_in_handlers_alone() -> None:
    """Else for types only: so that who plans never loads a client."""
    kinds = (path for path in modules() if room(path) == "kinds")
    assert [f"{name_of(path)}:{line}" for path in kinds for line in led_elsewhere(tree(path))] == []


def led_elsewhere(module: ast.Module) -> Iterator[int]:
    inside: list[ast.AST] = [n for n in ast.walk(module) if isinstance(n, ast.FunctionDef) and n.name == "handlers"]
    inside += [n for n in module.body if isinstance(n, ast.If)]
    may = {id(found) for one in inside for found in ast.walk(one)}
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and id(node) not in may and room_of(node.module or "") == "execute":
            yield node.lineno


#: ``pathlib``'s own ways to look, which take what may not be looked at for what is not there; see ``folders``.
BLIND = {"exists", "is_file", "is_dir", "glob", "rglob", "iterdir"}
#: Where that is what is meant: caches and backups to be thinned out, signs of change, a folder just listed, a guess
#: at what a word of a command line is.
MAY_BE_BLIND = {
    "cli/habits.py": {"is_dir"},
    "atomic.py": {"exists"},
    "observing/cache.py": {"glob"},
    "stores/file.py": {"glob"},
    "state/session_summary.py": {"is_file", "iterdir"},
    "integrations/claude_code/hook.py": {"iterdir"},
    "operations/snapshots.py": {"is_dir", "rglob"},
}


def test_nobody_takes_what_may_not_be_looked_at_for_what_is_not_there() -> None:
    found = {name_of(path): blind(tree(path)) - MAY_BE_BLIND.get(name_of(path), set()) for path in modules()}
    # stand-ins; a method of another name; OpenSSH's own rule is that a file which cannot be read is skipped
    others = ("testing/", "verifying/", "clients/ssh/", "folders.py")
    assert {name: ways for name, ways in found.items() if ways and not name.startswith(others)} == {}


def blind(module: ast.Module) -> set[str]:
    calls = (n.func for n in ast.walk(module) if isinstance(n, ast.Call))
    ways = (f for f in calls if isinstance(f, ast.Attribute) and f.attr in BLIND)
    return {f.attr for f in ways if not (isinstance(f.value, ast.Name) and f.value.id == "folders")}


def test_help_imports_click_alone() -> None:
    heavy = ["pydantic", "httpcore", "httpx", "jinja2", "rich", "deepdiff", "fabric", "tomllib", "numpy"]
    heavy.append("fleethub.operations")
    code = (
        "import sys\nfrom fleethub.cli.group import cli\n"
        "try:\n    cli(['--help'], standalone_mode=True)\nexcept SystemExit: pass\n"
        f"print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
