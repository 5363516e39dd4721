"""A fleet to verify: one proxy of two replicas, one Ollama, a node that calls two models and one directly."""

from __future__ import annotations

from pathlib import Path

from fleethub.clients import shell
from fleethub.testing.catalog import ALL
from fleethub.testing.litellm import Database, LiteLLM
from fleethub.testing.ollama import Ollama
from tests.fleets import deployment, direct, fleet
from tests.proxies import Admin
from tests.support import MASTER, Place
from tests.test_laws import ALIASES


class Town:
    """The servers, a clean one for each test; ``first`` is the URL that nodes use."""

    def __init__(self) -> None:
        self.ollama = Ollama(models=ALL)
        self.routes = [deployment(alias, self.ollama.url) for alias in ALIASES]
        database = Database()
        self.first, self.second = (
            LiteLLM(database, models=self.routes, master_key=MASTER, cache_ttl=0.01) for _ in range(2)
        )
        self.admin = Admin(self.first.url)

    def place(self, folder: Path) -> Place:
        """The fleet, applied."""
        spec = fleet((self.first.url, self.second.url), ollama=self.ollama.url, name="asks", overcommit="warn")
        spec = spec.models(*ALIASES).node("volta", "qwen3-32b", "gpt-oss-20b", direct("llama3.1-8b"))
        place = Place(folder, spec.text)
        place.apply()
        return place

    def stop(self) -> None:
        self.admin.http.close()
        for server in (self.first, self.second, self.ollama):
            server.stop()


class Node(shell.Local):
    """A node that is this machine, as if over SSH; ``sent`` and ``got`` are what went over the connection."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.got: list[bytes] = []

    def run(self, script: str, stdin: bytes = b"", timeout: float = 20.0) -> shell.Output:
        self.sent.append(script.encode() + stdin)
        output = super().run(script, stdin, timeout)
        self.got.append(output.out + output.err)
        return output


def over_ssh(place: Place) -> None:
    """The same node, its files where they are, at a target on SSH."""
    place.edit('target = "nodes/{name}"', f'target = "ssh://ops@volta{place.folder}/nodes/{{name}}"')
