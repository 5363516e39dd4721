"""A page's terminal, the systems that it can reach, the fleet that most pages are about, and how a scene is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fleethub.testing.catalog import ALL
from fleethub.testing.demo import ALIASES, SPEC
from fleethub.testing.litellm import Database, LiteLLM
from fleethub.testing.ollama import Ollama
from tests.docs.shell import Shell
from tests.support import MASTER, SEED

#: What git knows of its user on any machine where it was used before.
GIT = """\
[user]
  name = Eva
  email = eva@example.org
[init]
  defaultBranch = main
[pull]
  rebase = false
[core]
  editor = true
"""
#: A login to any machine: what it runs there runs here.
SSH = """\
#!/bin/sh
case " $* " in *" -G "*) printf 'hostname far\\nport 22\\nuser ops\\n'; exit ;; esac
for last; do :; done
exec sh -c "$last"
"""


Scene = Callable[["World"], None]
SCENES: dict[str, Scene] = {}


def scene(name: str) -> Callable[[Scene], Scene]:
    """Name one for the pages."""

    def named(setting: Scene) -> Scene:
        SCENES[name] = setting
        return setting

    return named


class World:
    """A page's terminal and the systems that it can reach."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self.shell = stack.enter_context(Shell(home))
        self.stack = stack
        self.proxies: list[LiteLLM] = []
        self.servers: list[Ollama] = []
        (home / ".gitconfig").write_text(GIT)

    def host(self, name: str, port: int, server: Any) -> Any:
        """Let a server be reached by a name."""
        self.shell.hosts[f"{name}:{port}"] = int(server.url.rsplit(":", 1)[1])
        self.stack.callback(server.stop)
        return server

    def proxy(self, name: str, port: int, backend: str, database: Database | None = None, **fields: Any) -> LiteLLM:
        """A LiteLLM whose routes lead to the Ollama at ``backend``."""
        routes = [
            {
                "model_name": alias,
                "litellm_params": {"model": f"ollama_chat/{tag}", "api_base": backend, "num_ctx": 32768},
                "model_info": {"id": f"dep-{alias}"},
            }
            for alias, tag in ALIASES.items()
        ]
        made = LiteLLM(database, models=fields.pop("models", routes), master_key=MASTER, cache_ttl=0.2, **fields)
        self.proxies.append(self.host(name, port, made))
        return made

    def run(self, text: str, *answers: str) -> str:
        """A command that a page does not show; it must go well."""
        code, out = self.shell.run(text, answers)
        assert code == 0, f"{text}: {code}\n{out}"
        return out


#: The fleet of the pages: one proxy, one GPU host, two nodes with folders, one key of a person.
PAGES = """\
[fleet]
name = "monad"
id = "06edb943bf5e70aacb33"
key_seed = ["file:monad.seed"]

""" + SPEC.format(first="http://llm:4000", second="http://llm:4001", ollama="http://gpu:11434").replace(
    'host = "127.0.0.1"\n', 'host = "gpu"\n'
)


def fleet(world: World, text: str = PAGES, *, known: bool = True) -> None:
    """A spec in a folder of the home, its proxies and its backend, all known to this machine."""
    settings = {"OLLAMA_KV_CACHE_TYPE": "q8_0", "OLLAMA_FLASH_ATTENTION": "1"}  # as the spec says
    world.servers.append(world.host("gpu", 11434, Ollama(models=ALL, settings=settings)))
    database = Database()
    world.proxy("llm", 4000, "http://gpu:11434", database)
    world.proxy("llm", 4001, "http://gpu:11434", database)
    place = world.shell.home / "fleet"
    shutil.rmtree(place, ignore_errors=True)  # of an earlier scene
    place.mkdir()
    (place / "fleet.toml").write_text(text)
    (place / ".gitignore").write_text("*.seed\n.env\n.fleethub/\n")
    seed = place / "monad.seed"
    seed.write_text(SEED + "\n")
    seed.chmod(0o600)
    world.shell.stand(place)
    world.run(f"export LITELLM_MASTER_KEY={MASTER}")
    if known:
        world.run("fleethub trust add --yes")


def edited(world: World, old: str, new: str) -> None:
    """One place of the spec is another."""
    spec = world.shell.folder / "fleet.toml"
    text = spec.read_text()
    assert text.count(old) == 1, old
    spec.write_text(text.replace(old, new))
