"""Scenes of a fleet that several hands or places hold: two backends, two clones, a database."""

from __future__ import annotations

import itertools
import shutil
import threading
import time

from fleethub.testing.server import Record
from tests.docs.scenes import an_applied_fleet, in_git
from tests.docs.world import PAGES, SSH, World, fleet, scene
from tests.stores import postgres

CROWDED = """\
[fleet]
name = "lab"

[proxies.main]
url = "http://llm:4000"
master_key = ["env:LITELLM_MASTER_KEY"]
"""
CROWDED += "".join(
    f"""
[backends.gpu-{number}]
host = "gpu-{number}"
proxy = "main"
gpus = [{{ name = "RTX 6000 Ada", vram = "48 GiB" }}]

[backends.gpu-{number}.ollama]
url = "http://gpu-{number}:11434"
"""
    for number in (1, 2)
)
CROWDED += "".join(
    f"""
[models."{alias}"]
backends = ["gpu-1"]
route = "ollama_chat/{tag}"
context = 32768
vram = "{size} GiB"
"""
    for alias, tag, size in (
        ("qwen3-32b", "qwen3:32b", 28),
        ("gpt-oss-20b", "gpt-oss:20b", 14),
        ("llama3.1-8b", "llama3.1:8b", 10),
    )
)
CROWDED += """
[defaults.node]
target = "nodes/{name}"
image = "ghcr.io/openclaw/openclaw:2026.9.6"

[nodes.volta]
host = "volta"
model = "qwen3-32b"
fallbacks = ["gpt-oss-20b"]

[nodes.ohm]
host = "ohm"
model = "llama3.1-8b"
fallbacks = ["qwen3-32b"]

[nodes.faraday]
host = "faraday"
model = "gpt-oss-20b"
"""


@scene("a crowded backend")
def a_crowded_backend(world: World) -> None:
    """Three models on the first of two hosts, where two have room."""
    fleet(world, CROWDED)


def clones(world: World, ours: str, theirs: str, waits: str = "") -> None:
    """Two clones of one git, whose applies knew nothing of each other; theirs is pushed. Each edits the spec so.

    ``waits``: whoever's first write is this sends it once theirs has ended.
    """
    world.shell.program("ssh", SSH)
    text = (
        PAGES.replace("[policy]", "ssh_program = true\n\n[policy]", 1)
        .replace(
            'target = "nodes/{name}"',
            f'type = "envfile"\ntarget = "ssh://far{world.shell.home}/nodes/{{name}}"\nactivate = "never"',
        )
        .replace('image = "ghcr.io/openclaw/openclaw:2026.9.6"\n', "")
    )
    fleet(world, text.replace("file:monad.seed", "file:~/monad.seed"))
    home = world.shell.home
    shutil.copy(home / "fleet/monad.seed", home / "monad.seed")
    world.run("rm -rf ~/nodes ~/hub.git ~/theirs ~/ended")
    world.run("git init -q && fleethub init && fleethub apply --auto-approve")
    world.run("git add -A && git commit -qm 'The fleet' && git init -q --bare ~/hub.git")
    world.run("git remote add origin ~/hub.git && git push -q -u origin main && git clone -q ~/hub.git ~/theirs")
    world.run("cd ~/theirs && fleethub state merge-driver --install && fleethub trust add --yes; cd ~/fleet")
    for where, edit in (("theirs", theirs), ("fleet", ours)):
        world.run(f"cd ~/{where} && {edit}")
    planned, writes, ended = threading.Barrier(2), itertools.count(), home / "ended"

    def before(record: Record) -> None:
        """Neither sends its first write before both have planned."""
        if record.method == "POST" and next(writes) < 2:
            planned.wait(20)
            until = time.monotonic() + 20
            while record.path == waits and not ended.exists() and time.monotonic() < until:
                time.sleep(0.01)

    world.proxies[-2].before = before
    world.run(
        "cd ~/theirs; (fleethub apply --auto-approve > ~/log && touch ~/ended) & "
        "cd ~/fleet && fleethub apply --auto-approve; wait $! || (cat ~/log; exit 1)"
    )
    world.proxies[-2].before = None
    world.run("cd ~/theirs && git commit -qam 'Theirs' && git push -q; cd ~/fleet")


@scene("two clones that applied at once")
def two_clones(world: World) -> None:
    """Each to another node."""
    how = "fleethub assign {} llama3.1-8b --project {} --yes"
    clones(world, how.format("volta", "Volta"), how.format("tiltclaw", "TiltClaw"))


@scene("two clones that changed one node")
def one_node(world: World) -> None:
    """Volta's, differently; git has begun to merge them.

    Theirs is whole, ours has the key and is refused at the node, whose files are others than it planned with: of two
    that write one key step by step in turns either may fail at any of them, so it is said which.
    """
    how = "fleethub assign volta {} --project Volta --yes"
    clones(world, how.format("llama3.1-8b"), how.format("gpt-oss-20b"), waits="/key/update")
    world.run("git commit -qam Ours; git pull || git checkout -q --ours fleet.toml && git add fleet.toml")


@scene("a database")
def a_database(world: World) -> None:
    """A PostgreSQL for the fleet's state, whose URL this machine's environment has; the spec names it already."""
    an_applied_fleet(world)
    in_git(world)
    server = world.stack.enter_context(postgres.server())
    world.run(f"export FLEETHUB_DATABASE_URL={server.url()}")
    text = (world.shell.folder / "fleet.toml").read_text()
    (world.shell.folder / "fleet.toml").write_text(text + '\n[state]\nstore = "env:FLEETHUB_DATABASE_URL"\n')
