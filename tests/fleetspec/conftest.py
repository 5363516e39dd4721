"""Small fleets on disk."""

from pathlib import Path

import pytest

from fleethub.fleetspec import Loaded, load

SMALL = """\
[fleet]
name = "small"
[proxies.main]
url = "http://llm.example:4000"
master_key = "env:MASTER"
[backends.gpu]
host = "gpu.example"
proxy = "main"
endpoints = { tee = "http://gpu.example:11435" }
[backends.gpu.ollama]
url = "http://gpu.example:11434"
[models.big]
backends = ["gpu"]
route = "ollama_chat/big:32b"
context = 32768
[models.small]
backends = ["gpu"]
route = "ollama_chat/small:8b"
context = 32768
[defaults.node]
target = "ssh://ops@{host}/srv/{name}"
image = "ghcr.io/openclaw/openclaw:1"
[roles.worker]
model = "big"
fallbacks = ["small"]
[nodes.volta]
host = "volta.example"
role = "worker"
"""


@pytest.fixture
def spec(tmp_path: Path):
    """Write a fleet's files and load it. ``add`` and ``swap`` change the small fleet."""

    def write(text: str | bytes | None = None, *, add: str = "", swap=(), **files: str) -> Loaded:
        body = SMALL if text is None else text
        for old, new in swap:
            assert old in body, old
            body = body.replace(old, new)
        data = body if isinstance(body, bytes) else (body + add).encode()
        (tmp_path / "fleet.toml").write_bytes(data)
        for name, content in files.items():
            file = tmp_path / name.replace("__", "/").replace("_toml", ".toml")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        return load(tmp_path)

    return write


@pytest.fixture
def codes():
    """The codes of what was found."""
    return lambda loaded: [f.code for f in loaded.findings]
