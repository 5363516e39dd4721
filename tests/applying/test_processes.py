"""Workers behind one door: they cannot be asked one by one, so the cache's time is waited out."""

from __future__ import annotations

import time
from pathlib import Path

from fleethub.testing.litellm import LiteLLM
from tests.applying.test_contract import MODELS
from tests.support import MASTER, Place

SPEC = """
[fleet]
name = "workers"
key_seed = ["file:fleet.seed"]
[policy]
drift = "repair"
[proxies.main]
url = "{url}"
key_cache_ttl = "1s"
processes = 4
master_key = ["env:LITELLM_MASTER_KEY"]
[models.qwen3-32b]
proxy = "main"
route = "openai/qwen3-32b"
context = 32768
[models.gemma3-27b]
proxy = "main"
route = "openai/gemma3-27b"
context = 32768
[defaults.node]
target = "nodes/{{name}}"
image = "i:1"
settle = "0s"
model = "qwen3-32b"
"""


def test_the_cache_is_outlasted(tmp_path: Path) -> None:
    nodes = "".join(f'[nodes.n{i}]\nhost = "h{i}"\n' for i in range(3))
    with LiteLLM(models=MODELS, master_key=MASTER, cache_ttl=1.0) as proxy:
        place = Place(tmp_path / "fleet", SPEC.format(url=proxy.url) + nodes)
        place.apply()
        assert "workers behind one door" not in place.out  # new keys are in nobody's cache
        place.edit('model = "qwen3-32b"', 'model = "gemma3-27b"')
        start = time.monotonic()
        place.apply()
        passed = time.monotonic() - start
        assert "workers behind one door" in place.out
        assert passed > 1.0
        place.plan_is_empty()
