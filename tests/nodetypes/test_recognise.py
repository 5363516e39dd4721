"""What a file is, by what stands in it: never by its name, and never with a value of it."""

from __future__ import annotations

import pytest

from fleethub.nodetypes.openclaw.recognise import recognise


@pytest.mark.parametrize(
    ("role", "text", "by"),
    [
        (
            "compose",
            "services:\n  a:\n    image: ghcr.io/openclaw/openclaw:1\n",
            "its services:, with an image of OpenClaw",
        ),
        ("compose", "# services:\nname: x\n", ""),
        ("compose", "services: {}\n", "its services:"),
        ("env", "OPENCLAW_IMAGE=x\nexport B='hunter2'\n# C=1\n", "its 2 variables, OPENCLAW_IMAGE among them"),
        ("env", "nothing here\n", ""),
        ("openclaw", '{"gateway": {}, "models": {}, "x": 1}', "its sections gateway, models"),
        ("openclaw", '{"gateway": {}, // c\n}', "its sections gateway"),
        ("openclaw", "{gateway: {port: 0x4965}, 'x': +1}", "its sections gateway"),
        ("openclaw", '{"x": 1}', ""),
        ("openclaw", "[1]", ""),
        ("openclaw", "not json", ""),
    ],
)
def test_recognised_by(role, text: str, by: str) -> None:
    assert recognise(role, text.encode()) == by


@pytest.mark.parametrize("role", ["compose", "env", "openclaw"])
def test_any_bytes_are_read(role) -> None:
    assert recognise(role, b"\xff\xfe\x00" * 100) == ""
