"""Public reports of what a server did with its models, each with what is right."""

from __future__ import annotations

from typing import Any

import pytest

from fleethub.model.capacity import AdmissionVerdict, Fit
from fleethub.model.readings.server import ServerReading
from fleethub.model.serving import Model
from fleethub.placement.assess import assess
from fleethub.placement.planned import planned_sets
from fleethub.testing.catalog import GPT_OSS_20B, QWEN3_CODER_30B
from tests.engines.support import GIB, facts, fleet, installed, model, node

DISK = {"qwen3-coder:30b": installed(QWEN3_CODER_30B), "gpt-oss:20b": installed(GPT_OSS_20B)}


def verdict(version: str, models: dict[str, Model], *gpus: float, **settings: Any) -> AdmissionVerdict:
    """Each model the primary of a node."""
    f = fleet(models, *(node(f"n{at}", name) for at, name in enumerate(models)), gpus=gpus, ollama=settings)
    seen = facts(ServerReading(version, DISK, ()))
    found = assess(f, f.backends["gpu"], seen, (), planned_sets(f)["gpu"]).verdict
    assert found is not None
    return found


def test_a_coder_at_4k_and_gpt_oss_at_8k_on_48() -> None:
    """ollama#11997, 0.11: both wholly on the GPU, which printed 20 and 14 GB."""
    models = {"a": model("a", tag="qwen3-coder:30b"), "b": model("b", tag="gpt-oss:20b", context=8192)}
    found = verdict("0.11.4", models, 48)
    assert found.fit is Fit.FITS
    assert found.need == pytest.approx(32.2 * GIB, rel=0.03)


def test_what_one_card_would_hold_is_split_where_the_rule_says_so() -> None:
    """ollama#16599, 0.30.6: a 31B in Q4 at 16k, q8_0, over a 3090 and a 4060, although the 3090 would do."""
    wide = {"gemma": model("gemma", tag="gemma4:31b", params=31_000_000_000, context=16384)}
    found = verdict("0.30.6", wide, 24, 8, kv_cache_type="q8_0")
    (load,) = found.placed
    assert len(load.parts) == 2
    assert sum(load.parts) == load.upper < 32 * GIB
    assert all("alone" not in check.says for check in found.checks if not check.holds)


def test_weights_that_no_two_cards_hold_go_to_ram() -> None:
    """ollama#17523, 0.32.5: a 35B MoE in Q4 on a 4070 of 12 and a 3060 Ti of 8 GB."""
    found = verdict("0.32.5", {"moe": model("moe", tag="qwen3.5:35b-a3b", params=35_000_000_000, context=8192)}, 12, 8)
    assert found.fit is Fit.EXCEEDS
