"""The rendered nodes before their real judges: OpenClaw's validator and model list, Docker Compose's reader.

FLEETHUB_OPENCLAW_BIN   the folders for PATH that real/openclaw/setup prints
FLEETHUB_COMPOSE_BIN    the program that real/compose/setup prints
FLEETHUB_REQUIRE_REAL=1 a missing tool fails instead of skipping
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleethub import nodetypes
from fleethub.operations.spec import open_fleet
from fleethub.rendering import Rendered, load_schemas, load_templates, render

sys.path.insert(0, str(Path(__file__).parents[1] / "nodetypes"))
from node_fleets import NODES, fleet

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
WRITTEN = [
    (path.parent, name)
    for path in sorted((*ROOT.glob("examples/*/fleet.toml"), *ROOT.glob("fleets/*/fleet.toml")))
    for name, node in sorted(open_fleet(path).fleet.nodes.items())
    if node.type.startswith("openclaw-")
]
TEMPLATES = load_templates(Path("/nonexistent"))
CONTAINERS = [name for name, node in NODES.items() if node.type == "openclaw-docker"]


def tool(variable: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        reason = f"{variable} is not set: see the docstring of this file"
        if os.environ.get("FLEETHUB_REQUIRE_REAL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return value


def deliver(which: str, folder: Path) -> tuple[Rendered, dict[str, str]]:
    """The node's files in a folder, each secret a text of its own; and the variables of its env file."""
    rendered = render(fleet(), NODES[which], TEMPLATES)
    assert rendered.findings == ()
    return rendered, write(rendered, folder)


def write(rendered: Rendered, folder: Path) -> dict[str, str]:
    """The files of a node below a folder; returns the variables of its env file."""
    variables: dict[str, str] = {}
    for file in rendered.files:
        text = "".join(p if isinstance(p, str) else f"made-up-{hash(p) % 10**12}" for p in file.text)
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if file.role == "env":
            pairs = [line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#")]
            variables = {name: value.strip("'") for name, value in pairs}
    for name in ("state", "workspace"):
        (folder / name).mkdir(exist_ok=True)
    return variables


def openclaw(words: list[str], config: Path, variables: dict[str, str], home: Path, code: int = 0) -> dict:
    """One call of the real program with nothing of this machine's environment."""
    path = f"{tool('FLEETHUB_OPENCLAW_BIN')}:{os.environ['PATH']}"
    env = {**variables, "PATH": path, "HOME": str(home), "OPENCLAW_HOME": str(home), "NO_COLOR": "1",
           "OPENCLAW_STATE_DIR": str(home / "state"), "OPENCLAW_CONFIG_PATH": str(config),
           "OPENCLAW_HIDE_BANNER": "1", "OPENCLAW_NO_RESPAWN": "1"}  # fmt: skip
    done = subprocess.run(["openclaw", *words, "--json"], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("which", NODES)
def test_openclaw_accepts_the_config_and_sees_the_chain(which, tmp_path):
    tool("FLEETHUB_OPENCLAW_BIN")
    _, variables = deliver(which, tmp_path)
    judged(tmp_path / nodetypes.paths(nodetypes.get(NODES[which].type), NODES[which])["openclaw"], variables, tmp_path)


def judged(config: Path, variables: dict[str, str], tmp_path: Path) -> None:
    before = config.read_bytes()

    verdict = openclaw(["config", "validate"], config, variables, tmp_path)
    assert verdict["valid"] is True
    assert verdict["warnings"] == []

    listed = openclaw(["models", "list"], config, variables, tmp_path)["models"]
    tags = {tag: row for row in listed for tag in row["tags"] if tag == "default" or tag.startswith("fallback#")}
    chain = json.loads(before)["agents"]["defaults"]["model"]
    expected = {
        "default": chain["primary"],
        **{f"fallback#{i}": r for i, r in enumerate(chain["fallbacks"], 1)},
    }
    assert {tag: row["key"] for tag, row in tags.items()} == expected
    # available is null where OpenClaw finds no key, as for `ollama-local` on a host that is not local to it
    assert [row["key"] for row in listed if row["available"] is not True] == []
    assert config.read_bytes() == before


@pytest.mark.parametrize("which", WRITTEN, ids=lambda w: f"{w[0].name}-{w[1]}")
def test_every_example_and_fleet_is_accepted(which, tmp_path):
    """Each node: OpenClaw's validator and chain, and Compose where it has a compose file."""
    tool("FLEETHUB_OPENCLAW_BIN")
    folder, name = which
    opened = open_fleet(folder / "fleet.toml")
    node = opened.fleet.nodes[name]
    kind = nodetypes.get(node.type)
    variables = write(opened.rendered[name], tmp_path)
    judged(tmp_path / nodetypes.paths(kind, node)["openclaw"], variables, tmp_path)
    if "compose" in nodetypes.paths(kind, node):
        argv = kind.activation(dataclasses.replace(node, command=()))
        argv = (tool("FLEETHUB_COMPOSE_BIN"), *argv[2 : argv.index("up")], "config", "-q")
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        quiet = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, env=env)
        assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def compose(which: str, folder: Path, *words: str) -> subprocess.CompletedProcess:
    """The command of the node type with the program and the words exchanged, run at the target."""
    argv = nodetypes.get(NODES[which].type).activation(NODES[which])
    assert argv[:2] == ("docker", "compose")
    argv = (tool("FLEETHUB_COMPOSE_BIN"), *argv[2 : argv.index("up")], *words)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, env=env)


@pytest.mark.parametrize("which", CONTAINERS)
def test_compose_accepts_the_file_and_reads_what_we_mean(which, tmp_path):
    tool("FLEETHUB_COMPOSE_BIN")
    _, variables = deliver(which, tmp_path)
    quiet = compose(which, tmp_path, "config", "-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")

    done = compose(which, tmp_path, "config", "--format", "json")
    read = json.loads(done.stdout)
    service = read["services"]["openclaw-gateway"]
    assert read["name"] == (NODES[which].project or f"openclaw-{NODES[which].name}")
    assert service["image"] == NODES[which].image
    kept = {name: value.replace("$$", "$") for name, value in service["environment"].items()}
    assert {name: kept[name] for name in variables} == variables
    mounts = {mount["target"]: mount for mount in service["volumes"]}
    config = nodetypes.paths(nodetypes.get(NODES[which].type), NODES[which])["openclaw"]
    assert mounts["/etc/openclaw"]["source"] == str((tmp_path / config).parent)
    assert mounts["/etc/openclaw"].get("read_only", False) is (NODES[which].manage == "whole")
    assert mounts["/home/node/.openclaw"]["source"] == str(tmp_path / "state")
    assert mounts["/home/node/.openclaw/workspace"]["source"] == str(tmp_path / "workspace")
    assert service["ports"][0]["host_ip"] == "127.0.0.1"
    assert service["ports"][0]["published"] == str(NODES[which].port)


@pytest.fixture(scope="module")
def schema(tmp_path_factory) -> Callable[[str], Any]:
    """What ``openclaw config schema`` prints, where FleetHub looks for it."""
    path = f"{tool('FLEETHUB_OPENCLAW_BIN')}:{os.environ['PATH']}"
    folder = tmp_path_factory.mktemp("published")
    (folder / "schemas").mkdir()
    env = {"PATH": path, "HOME": str(folder), "OPENCLAW_NO_RESPAWN": "1"}
    done = subprocess.run(["openclaw", "config", "schema"], env=env, capture_output=True, timeout=120, check=True)
    (folder / "schemas/openclaw-2026.9.6.json").write_bytes(done.stdout)
    return load_schemas(folder)


def test_openclaws_schema_accepts_every_config_that_its_validator_accepts(schema):
    assert schema("openclaw-2026.9.6.json") is not None
    for which in CONTAINERS:
        assert render(fleet(), NODES[which], TEMPLATES, schema).findings == ()
    for folder, name in WRITTEN:
        opened = open_fleet(folder / "fleet.toml").fleet
        found = render(opened, opened.nodes[name], TEMPLATES, schema).findings
        assert "node.config-schema" not in [f.code for f in found], found


@pytest.mark.parametrize(
    "over",
    [
        {"_comment": "x"},
        {"gateway": {"port": "18789"}},
        {"gateway": {"bind": "0.0.0.0"}},
        {"models": {"providers": {"own": {"baseUrl": "http://x/v1", "api": "openai", "models": []}}}},
        {"models": {"providers": {"own": {"baseUrl": "http://x/v1", "apiKey": "x", "models": [{"id": "a"}]}}}},
        {"agents": {"defaults": {"nothing": 1}}},
    ],
)
def test_what_openclaws_validator_refuses_is_refused_here_by_its_schema(over, schema, tmp_path):
    node = dataclasses.replace(NODES["docker"], settings=over)
    rendered = render(fleet(), node, TEMPLATES, schema)
    assert "node.config-schema" in [f.code for f in rendered.findings]
    variables = write(rendered, tmp_path)
    config = tmp_path / nodetypes.paths(nodetypes.get(node.type), node)["openclaw"]
    assert openclaw(["config", "validate"], config, variables, tmp_path, code=1)["valid"] is False


CHECK = """
import { readFileSync } from "node:fs";
const [module, config, ...origins] = process.argv.slice(1);
const exported = Object.values(await import(module));
const check = exported.find((one) => typeof one === "function" && one.name === "checkBrowserOrigin");
const allowedOrigins = JSON.parse(readFileSync(config)).gateway.controlUi.allowedOrigins;
const asked = origins.map((origin) => ({ origin, requestHost: new URL(origin).host, allowedOrigins }));
console.log(JSON.stringify(asked.map((one) => check({ ...one, isLocalClient: false }))));
"""


@pytest.mark.parametrize("which", CONTAINERS)
def test_openclaws_own_check_lets_the_page_in_through_tunnels(which, tmp_path):
    """TangleClaw's tunnels rewrite Origin and Host to their local port; in a container nobody is a local client."""
    folder, *_ = (Path(part).parent for part in reversed(tool("FLEETHUB_OPENCLAW_BIN").split(":")))
    (module,) = (folder / "openclaw/dist").glob("origin-check-*.mjs")
    rendered, _ = deliver(which, tmp_path)
    config = next(tmp_path / file.path for file in rendered.files if file.role == "openclaw")
    tunnels = [f"http://127.0.0.1:{port}" for port in (18789, 18790, 18791, 18804)]
    origins = [*tunnels, f"http://localhost:{NODES[which].port}", "https://elsewhere.example"]
    path = f"{tool('FLEETHUB_OPENCLAW_BIN')}:{os.environ['PATH']}"
    argv = ["node", "--input-type=module", "-e", CHECK, str(module), str(config), *origins]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env={"PATH": path, "HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    *allowed, elsewhere = json.loads(done.stdout)
    own = {"ok": True, "matchedBy": "allowlist"}
    if NODES[which].settings.get("gateway", {}).get("controlUi"):
        return  # the spec itself says which
    assert allowed == [own] * len(allowed)
    assert elsewhere == {"ok": False, "reason": "origin not allowed"}
