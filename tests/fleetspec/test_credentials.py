"""Credentials inside a URL are a secret written into the spec, wherever the URL stands; a login of SSH is none."""

from __future__ import annotations

import pytest

from tests.fleets import fleet

PASSWORD = "pw-canary"


@pytest.mark.parametrize(
    "fields",
    [
        {"env": {"DATABASE_URL": {"value": f"postgres://me:{PASSWORD}@db/x"}}},
        {"openclaw": {"channels": {"hook": {"url": f"https://{PASSWORD}@hooks.example/x"}}}},
        {"labels": {"wiki": f"see http://me:{PASSWORD}@wiki.example"}},
        {"target": f"ssh://ops:{PASSWORD}@volta/srv/x"},
        {"image": f"http://me:{PASSWORD}@registry.example/x:1"},
    ],
    ids=["env", "openclaw", "label", "target", "image"],
)
def test_it_is_an_error_with_its_line(fields: dict[str, object]) -> None:
    spec = fleet().node("volta", "qwen3-32b", **fields)
    found = [f for f in spec.loaded.findings if f.code == "spec.literal-secret"]
    assert len(found) == 1
    assert found[0].place is not None
    assert PASSWORD in spec.text.splitlines()[found[0].place.line - 1]
    assert "has credentials inside a URL" in found[0].message
    assert PASSWORD not in repr(spec.loaded.findings)


@pytest.mark.parametrize("where", ["url", "admin_url", "replicas", "backend", "endpoint"])
def test_of_every_server(where: str) -> None:
    url = f"http://me:{PASSWORD}@llm.example:4000"
    spec = {
        "url": fleet(url),
        "admin_url": fleet(admin_url=url),
        "replicas": fleet(replicas=[url]),
        "backend": fleet(ollama=url),
        "endpoint": fleet(ollama="http://gpu:1").table("backends.gpu.endpoints", tee=url),
    }[where]
    assert "spec.literal-secret" in {f.code for f in spec.loaded.findings}
    assert PASSWORD not in repr(spec.loaded.findings)


def test_a_login_is_none() -> None:
    spec = (
        fleet()
        .node("volta", "qwen3-32b", target="ssh://ops@volta/srv/x")
        .node("lima", "qwen3-32b", labels={"repo": "git+ssh://git@example/x", "mail": "ops@example"})
    )
    assert spec.loaded.findings == ()
