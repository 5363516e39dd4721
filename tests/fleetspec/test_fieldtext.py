"""A field as somebody types it: the schema says what is meant, and judges what cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from fleethub.fleetspec.fieldtext import typed


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("model", "qwen3-32b", "qwen3-32b"),
        ("model", '{ model = "m", via = "ollama" }', {"model": "m", "via": "ollama"}),
        ("model", "{ broken", "{ broken"),
        ("fallbacks", "a, b", ["a", "b"]),
        ("fallbacks", '["a", { model = "b", via = "ollama" }]', ["a", {"model": "b", "via": "ollama"}]),
        ("fallbacks", "[]", []),
        ("fallbacks", "", None),
        ("command", "systemctl,restart", ["systemctl", "restart"]),
        ("port", "18790", 18790),
        ("port", "18 790", "18 790"),
        ("port", "١", "١"),
        ("protected", "true", True),
        ("protected", "yes", "yes"),
        ("owner", "true", "true"),
        ("owner", "[x]", "[x]"),
        ("owner", f"[{'9' * 5000}]", f"[{'9' * 5000}]"),
        ("labels.x", "1", "1"),
        ("labels.x", "{}", "{}"),
        ("labels.a.b", "x", "x"),
        ("env.T", "env:T", "env:T"),
        ("env.T", '["env:T", "file:t"]', ["env:T", "file:t"]),
        ("env.T", '{ value = "x" }', {"value": "x"}),
        ("settle", "1m", "1m"),
        ("nonsense", "x", "x"),
        ("nonsense.x.y", "1", "1"),
    ],
)
def test_text_becomes_the_fields_type(field: str, text: str, value: Any) -> None:
    assert typed(field, text) == value
