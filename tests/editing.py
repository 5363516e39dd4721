"""A fleet whose spec is edited: a proxy that answers, a backend judged by what is declared, nodes with owners."""

from __future__ import annotations

SPEC = """\
# The fleet's own remark.
include = ["nodes/*.toml"]

[fleet]
name = "monad"
key_seed = ["file:fleet.seed"]
[policy]
drift = "repair"
[proxies.main]
url = "{url}"
key_cache_ttl = "200ms"
master_key = ["env:LITELLM_MASTER_KEY"]
[backends.gpu]
host = "gpu"
proxy = "main"
gpus = [{{ name = "RTX 6000 Ada", vram = "48 GiB" }}]
[backends.gpu.ollama]
url = "http://127.0.0.1:9"
[models.qwen3-32b]
backends = ["gpu"]
route = "ollama_chat/qwen3-32b"
context = 32768
vram = "25 GiB"
[models.gpt-oss-20b]
backends = ["gpu"]
route = "ollama_chat/gpt-oss-20b"
context = 32768
vram = "14 GiB"
[models.gemma3-27b]
backends = ["gpu"]
route = "ollama_chat/gemma3-27b"
context = 32768
vram = "40 GiB"
[defaults.node]
target = "run/{{name}}"
image = "ghcr.io/openclaw/openclaw:2026.9.6"
settle = "0s"
[roles.worker]
model = "qwen3-32b"
fallbacks = ["gpt-oss-20b"]

# Unowned: anybody may edit it.
[nodes.free]
host = "free"
role = "worker"

[keys.volta]
rpm = 60
"""
VOLTA = """\
# Volta reads the mail.
[nodes.volta]
host = "volta"     # in the cellar
role = "worker"
owner = "Volta"
labels = { pattern = "A" }
"""

#: What the proxy of this fleet has: the routes that the spec says, with their contexts.
MODELS = [
    {
        "model_name": name,
        "litellm_params": {"model": f"ollama_chat/{name}", "api_base": "http://127.0.0.1:9", "num_ctx": 32768},
        "model_info": {"id": f"dep-{name}"},
    }
    for name in ("qwen3-32b", "gemma3-27b", "gpt-oss-20b")
]
