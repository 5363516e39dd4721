"""The fleet that the benchmarks are of: one proxy, two models, as many nodes as are added."""

from __future__ import annotations

HEAD = """
[fleet]
name = "bench"
key_seed = ["file:fleet.seed"]
[policy]
drift = "repair"
[proxies.main]
url = "{url}"
master_key = ["env:LITELLM_MASTER_KEY"]
[models.one]
proxy = "main"
route = "openai/one"
context = 32768
[models.two]
proxy = "main"
route = "openai/two"
context = 32768
[defaults.node]
target = "nodes/{{name}}"
image = "ghcr.io/openclaw/openclaw:2026.9.6"
model = "one"
fallbacks = ["two"]
settle = "0s"
"""


def deployment(alias: str) -> dict[str, object]:
    return {"model_name": alias, "litellm_params": {"model": f"openai/{alias}"}, "model_info": {"id": alias}}
