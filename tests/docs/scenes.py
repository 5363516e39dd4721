"""What is so before a block of a page: a page names a scene in an invisible line, ``<!-- scene: NAME -->``."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE

import pytest

from fleethub.testing.catalog import ALL
from fleethub.testing.litellm import Database
from fleethub.testing.litellm.database import Call
from fleethub.testing.ollama import Ollama
from fleethub.testing.tangleclaw import TangleClaw
from tests.docs.pages import ROOT
from tests.docs.world import PAGES, World, edited, fleet, scene
from tests.forked import Forked
from tests.support import MASTER


@scene("an editor")
def an_editor(world: World) -> None:
    """Whoever uses it writes their own LiteLLM and Ollama where ``init`` wrote this machine's."""
    edits = 's#http://127.0.0.1:4000#http://llm:4000#;s#http://127.0.0.1:11434#http://gpu:11434#;s#"127.0.0.1"#"gpu"#'
    world.shell.program("edit", f"#!/bin/sh\nexec sed -i '{edits}' \"$1\"\n")
    world.run("export EDITOR=edit")


@scene("foreign proxy")
def foreign_proxy(world: World) -> None:
    """A LiteLLM at http://llm:4000 that somebody set up by hand, with what is usual there."""
    world.host("gpu", 11434, Ollama(models=ALL))
    database = Database()
    world.proxy("llm", 4000, "http://gpu:11434", database)
    now = datetime.now(UTC)
    database.add("sk-web", key_alias="open-webui", models=[], spend=3.2, last_active=now.isoformat())
    database.add("sk-n8n", key_alias="n8n", models=["qwen3-32b", "mistral-7b"], max_budget=5.0, spend=4.1)
    soon = (now + timedelta(days=30)).isoformat()
    script = Call("litellm_proxy_master_key", 0.02, now, 0.0)  # somebody's script has the master key
    database.days[f"{now:%Y-%m-%d}"] = [script] * 7
    database.add("sk-volta", key_alias="volta", models=["qwen3-32b"], max_budget=20.0, spend=1.0, expires=soon)


@scene("an applied fleet")
def an_applied_fleet(world: World) -> None:
    """Applied once."""
    fleet(world)
    world.run("fleethub apply --auto-approve")


@scene("what the demo says is pasted into another terminal")
def bare_demo(world: World) -> None:
    """Its last line."""
    world.run(next(line for line in world.shell.left[-1].written.splitlines() if line.startswith("  export ")))


@scene("a clone of this")
def a_clone(world: World) -> None:
    """With uv, and pip's way to its packages; ``fleethub`` is what is installed, until another terminal is opened."""
    way = {
        name: value for name, value in os.environ.items() if re.match("PIP_|SSL_CERT|https?_proxy|HTTPS?_PROXY", name)
    }
    env = {"PATH": "/usr/bin:/bin", "HOME": str(world.shell.home), **way}
    place = world.shell.home / ".uv"
    venv.create(place, with_pip=True)
    done = subprocess.run([place / "bin/python", "-m", "pip", "install", "-q", "uv"], env=env, capture_output=True)
    if done.returncode:
        pytest.skip("no package index that has uv")
    way |= {"UV_NATIVE_TLS": "1", "UV_SYSTEM_CERTS": "1"}  # its certificates, under both names of that
    given = " ".join(f"{name}={shlex.quote(value)}" for name, value in way.items())
    python = shlex.quote(str(Path(sys.executable).resolve()))
    world.shell.program("uv", f'#!/bin/sh\nexec env {given} UV_PYTHON={python} {place}/bin/uv -q "$@"\n')
    (world.shell.programs / "fleethub").unlink()
    (world.shell.programs / "fleethub").symlink_to(world.shell.home / ".local/bin/fleethub")
    world.shell.stand(ROOT)


@scene("another terminal")
def another_terminal(world: World) -> None:
    """At home, where all is as before."""
    world.shell.own()
    world.shell.stand(world.shell.home)


@scene("this clone, set up by make test")
def this_clone(world: World) -> None:
    """Where its tests are run."""
    world.shell.stand(ROOT)


@scene("a TangleClaw of this machine")
def a_tangleclaw(world: World) -> None:
    """At its usual port, for curl."""
    server = TangleClaw()
    world.stack.callback(server.stop)
    port = server.url.rsplit(":", 1)[1]
    with (world.shell.home / ".curlrc").open("a") as file:
        file.write(f'connect-to = "localhost:3101:127.0.0.1:{port}"\n')


@scene("fleethub serve in another terminal")
def serve(world: World) -> None:
    """The fleet's own server; curl finds it where the page says, whatever port it got."""
    shell = world.shell
    env = {"PATH": f"{shell.programs}:/usr/bin:/bin", "HOME": str(shell.home), "LITELLM_MASTER_KEY": MASTER}
    code = shell.product()
    other = Forked(
        [code, "--json", "serve", "--port", "0"], cwd=shell.folder, env=env, stdout=PIPE, stderr=PIPE, text=True
    )
    world.stack.enter_context(other)
    world.stack.callback(other.kill)
    assert other.stdout is not None
    port = json.loads(other.stdout.readline())["url"].rstrip("/").rsplit(":", 1)[1]
    (shell.home / ".curlrc").write_text(f'connect-to = "localhost:3310:127.0.0.1:{port}"\n')


@scene("a change of the spec")
def a_change(world: World) -> None:
    """Volta's owner moved it to another model, by hand, and applied nothing."""
    edited(world, 'owner = "Volta"\n', 'owner = "Volta"\nmodel = "llama3.1-8b"\nfallbacks = []\n')


@scene("in git")
def in_git(world: World) -> None:
    """What a fleet keeps in git is committed."""
    world.run("git init -q && git add -A && git commit -qm 'The fleet'")


@scene("an agent's proposal")
def a_proposal(world: World) -> None:
    """An agent, volta, asked over MCP that Volta's node gets another model."""
    shell = world.shell
    env = {"PATH": f"{shell.programs}:/usr/bin:/bin", "HOME": str(shell.home), "LITELLM_MASTER_KEY": MASTER}
    command = [str(shell.programs / "fleethub"), "mcp", "--as", "volta"]
    with subprocess.Popen(command, cwd=shell.folder, env=env, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        for message in (
            {
                "id": 1,
                "method": "initialize",
                "params": {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {},
                    "clientInfo": {"name": "agent", "version": "1"},
                },
            },
            {"method": "notifications/initialized"},
            {
                "id": 2,
                "method": "tools/call",
                "params": {
                    "name": "assign",
                    "arguments": {"node": "volta", "model": "llama3.1-8b", "project": "Volta"},
                },
            },
        ):
            agent.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            agent.stdin.flush()
            if "id" in message:
                answer = agent.stdout.readline()
        assert '"isError":true' not in answer, answer
        agent.stdin.close()


@scene("a change of a limit")
def a_limit(world: World) -> None:
    """Volta's key gets fewer requests a minute."""
    edited(world, "rpm = 60000", "rpm = 600")


@scene("ten nodes, four of them taken out")
def four_taken_out(world: World) -> None:
    """An include that lost some of its files."""
    head = PAGES.partition("[nodes.volta]")[0]
    nodes = [f'\n[nodes.n{number}]\nhost = "n{number}"\n' for number in range(10)]
    fleet(world, head + "".join(nodes))
    world.run("fleethub apply --auto-approve")
    (world.shell.folder / "fleet.toml").write_text(head + "".join(nodes[:6]))


@scene("two edits by two hands")
def two_hands(world: World) -> None:
    """Ana's is committed, a session's is not."""
    an_applied_fleet(world)
    in_git(world)
    a_change(world)
    world.run("git -c user.name=Ana commit -qam 'Volta to the small one'")
    world.run("fleethub assign tiltclaw llama3.1-8b --project TiltClaw --yes")


@scene("two applies")
def two_applies(world: World) -> None:
    """A history of two."""
    an_applied_fleet(world)
    in_git(world)
    a_change(world)
    world.run("fleethub apply --auto-approve && git add -A && git commit -qm 'Volta to the small one'")


@scene("a key narrowed by hand")
def a_narrowed_key(world: World) -> None:
    """Somebody took the fallback of Volta's key away, behind FleetHub's back."""
    database = world.proxies[-1].database
    with database.lock:
        (row,) = database.by_alias("volta")
        row["models"] = ["qwen3-32b"]


@scene("a consumer that is no node")
def a_consumer(world: World) -> None:
    """A script in cron, which reads its key from a file."""
    spec = world.shell.folder / "fleet.toml"
    spec.write_text(spec.read_text() + '\n[consumers.nightly]\nmodel = "qwen3-32b"\nfile = "key"\n')


@scene("a model in memory")
def a_loaded_model(world: World) -> None:
    """Somebody called qwen3-32b a moment ago."""
    world.servers[-1].load("qwen3:32b", 32768)


@scene("a fleet that this machine does not know")
def an_unknown_fleet(world: World) -> None:
    """A clone of somebody's repository."""
    fleet(world, known=False)


@scene("the fleet with checks")
def with_checks(world: World) -> None:
    """The example, in a folder of its own."""
    place = world.shell.home / "checks"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(ROOT / "examples/checks", place)
    world.shell.stand(place)


@scene("the fleet with checks, a fallback taken out")
def without_a_fallback(world: World) -> None:
    """Beta's."""
    with_checks(world)
    edited(world, 'model = "gpt-oss-20b"\nfallbacks = ["qwen3-32b"]\n', 'model = "gpt-oss-20b"\n')
