"""A fleet to verify: one proxy of two replicas, one Ollama, a node that calls two models and one directly."""

from __future__ import annotations

from pathlib import Path

from fleethub.clients import shell
from fleethub.testing.catalog import ALL
from fleethub.testing.litellm import Database, LiteLLM
from fleethub.testing.ollama import Ollama
from tests.proxies import Admin
from tests.support import MASTER, Place
from tests.test_laws import TAGS

SPEC = """
[fleet]
name = "asks"
key_seed = ["file:fleet.seed"]
[policy]
overcommit = "warn"
drift = "repair"
[proxies.main]
url = "{first}"
replicas = ["{first}", "{second}"]
key_cache_ttl = "10ms"
master_key = ["env:LITELLM_MASTER_KEY"]
[backends.gpu]
host = "gpu"
proxy = "main"
gpus = [{{ name = "RTX 6000 Ada", vram = "48 GiB" }}]
[backends.gpu.ollama]
url = "{ollama}"
{models}
[defaults.node]
target = "nodes/{{name}}"
image = "i:1"
settle = "0s"
[nodes.volta]
host = "volta"
model = "qwen3-32b"
fallbacks = ["gpt-oss-20b", {{ model = "llama3.1-8b", via = "ollama" }}]
"""
MODELS = "\n".join(
    f'[models."{alias}"]\nbackends = ["gpu"]\nroute = "ollama_chat/{tag}"\ncontext = 32768'
    for alias, tag in TAGS.items()
)


class Town:
    """The servers, a clean one for each test; ``first`` is the URL that nodes use."""

    def __init__(self) -> None:
        self.ollama = Ollama(models=ALL)
        self.routes = [
            {
                "model_name": alias,
                "litellm_params": {"model": f"ollama_chat/{tag}", "api_base": self.ollama.url, "num_ctx": 32768},
                "model_info": {"id": alias},
            }
            for alias, tag in TAGS.items()
        ]
        database = Database()
        self.first, self.second = (
            LiteLLM(database, models=self.routes, master_key=MASTER, cache_ttl=0.01) for _ in range(2)
        )
        self.admin = Admin(self.first.url)

    def place(self, folder: Path) -> Place:
        """The fleet, applied."""
        urls = {"first": self.first.url, "second": self.second.url, "ollama": self.ollama.url}
        place = Place(folder, SPEC.format(models=MODELS, **urls))
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
