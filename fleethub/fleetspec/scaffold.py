"""What ``fleethub init`` writes: a spec that validates as it is."""

from __future__ import annotations

import json

GITIGNORE = """\
.fleethub/
*.seed
*.token
.env
run/
"""

HEAD = """\
[fleet]
name = "{name}"
id = "{id}"  # random: every key is derived from it and the seed, so it stays for good
required_version = ">=0.1,<0.2"
key_seed = ["env:FLEETHUB_SEED", {seed}]

[policy]
overcommit = "refuse-new"  # refuse | refuse-new (only when it grows) | warn
drift = "{drift}"{gap}# {other}: {what}
reserve = "1 GiB"          # kept free on each GPU
"""

SPEC = """\
#:schema ./fleet.schema.json
# A fleet of one GPU host and one node. Change it, then: fleethub validate, fleethub plan, fleethub apply.
{include}
{head}
[proxies.main]  # a LiteLLM with a database
url = "http://127.0.0.1:4000"
master_key = ["env:LITELLM_MASTER_KEY"]

[backends.gpu-1]  # a host with GPUs, running Ollama
host = "127.0.0.1"
proxy = "main"
gpus = [{{ name = "RTX 4090", vram = "24 GiB" }}]
[backends.gpu-1.ollama]
url = "http://127.0.0.1:11434"

[models."llama3.1-8b"]  # the alias in LiteLLM's config
backends = ["gpu-1"]
route = "ollama_chat/llama3.1:8b"
context = 32768  # num_ctx of the route
params = "8B"    # for as long as it is not pulled
quant = "Q4_K_M"
"""

NODE = """\
[nodes.alpha]  # an OpenClaw gateway; its files go to a folder until you have a host for it
host = "127.0.0.1"
target = "run/{name}"
image = "ghcr.io/openclaw/openclaw:2026.9.6"
model = "llama3.1-8b"
"""


def spec(name: str, fleet_id: str, seed: str) -> str:
    """The spec for a fleet called ``name``; ``seed``: the path of the seed's file, as the spec writes it."""
    return _spec(name, fleet_id, seed, "") + "\n" + NODE


def found_spec(name: str, fleet_id: str, seed: str) -> str:
    """The beginning of a spec of what runs already: what somebody changes by hand is left, until told otherwise."""
    about = "# What runs already, as fleethub init --discover found it. Next: fleethub import --all, fleethub plan."
    return f"#:schema ./fleet.schema.json\n{about}\n\n{_head(name, fleet_id, seed, 'stop')}"


def _spec(name: str, fleet_id: str, seed: str, include: str) -> str:
    return SPEC.format(include=include, head=_head(name, fleet_id, seed, "repair"))


def _head(name: str, fleet_id: str, seed: str, drift: str) -> str:
    said = {"repair": ('or "stop"', "leave what somebody changed by hand"), "stop": ('or "repair"', "undo it")}
    other, what = said[drift]
    written = json.dumps(f"file:{seed}", ensure_ascii=False)
    gap = " " * (len('overcommit = "refuse-new"  ') - len(f'drift = "{drift}"'))
    return HEAD.format(name=name, id=fleet_id, seed=written, drift=drift, gap=gap, other=other, what=what)


def shared_spec(name: str, fleet_id: str, seed: str) -> dict[str, str]:
    """The files of a fleet that lies in a shared folder: its nodes in files of their own, its seed elsewhere.

    ``seed``: the path of the seed's file, as the spec writes it.
    """
    include = '\ninclude = ["nodes/*.toml"]  # one file a node\n'
    return {"fleet.toml": _spec(name, fleet_id, seed, include), "nodes/alpha.toml": NODE}
