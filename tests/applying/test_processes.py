"""Workers behind one endpoint: they cannot be asked one by one, so the cache's time is waited out."""

from __future__ import annotations

import time
from pathlib import Path

from fleethub.testing.litellm import LiteLLM
from tests.applying.test_contract import MODELS
from tests.fleets import fleet
from tests.support import MASTER, Place


def test_the_cache_is_outlasted(tmp_path: Path) -> None:
    with LiteLLM(models=MODELS, master_key=MASTER, cache_ttl=1.0) as proxy:
        spec = fleet(proxy.url, key_cache_ttl="1s", processes=4).models("qwen3-32b", "gemma3-27b")
        for name in ("one", "two", "three"):
            spec = spec.node(name)
        place = Place(tmp_path / "fleet", spec.table("defaults.node", model="qwen3-32b").text)
        place.apply()
        assert "workers behind one endpoint" not in place.out  # new keys are in nobody's cache
        place.edit('model = "qwen3-32b"', 'model = "gemma3-27b"')
        start = time.monotonic()
        place.apply()
        passed = time.monotonic() - start
        assert "workers behind one endpoint" in place.out
        assert passed > 1.0
        place.plan_is_empty()
