"""``ca`` in the spec: for which URLs which file is trusted, and what is said where one is missing."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from fleethub.fleetspec import load
from fleethub.operations.certificates import authorities
from fleethub.testing.litellm import LiteLLM
from tests.editing import MODELS, SPEC
from tests.support import MASTER, Place


def test_each_url_of_a_proxy_and_a_backend_has_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ops")
    spec = SPEC.format(url="https://llm.example.ts.net")
    spec = spec.replace("key_cache_ttl", 'ca = "file:certs/ca.pem"\nreplicas = ["https://a.example"]\nkey_cache_ttl')
    spec = spec.replace('host = "gpu"', 'host = "gpu"\nca = "file:~/ca.pem"\nendpoints = { tee = "https://gpu:11435" }')
    (tmp_path / "fleet.toml").write_text(spec)
    fleet = load(tmp_path).fleet
    assert fleet is not None
    below, home = tmp_path / "certs/ca.pem", Path("/home/ops/ca.pem")
    assert authorities(fleet) == {
        "https://llm.example.ts.net": below,
        "https://a.example": below,
        "http://127.0.0.1:9": home,
        "https://gpu:11435": home,
    }


def test_a_proxy_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with LiteLLM(models=MODELS, master_key=MASTER, tls=context) as proxy:
        place = Place(tmp_path / "fleet", SPEC.format(url=proxy.url))
        said = place.run("plan")
        assert "its certificate is not trusted here (" in said
        assert 'ca = "file:PATH" in [proxies.main]' in said
        authority.cert_pem.write_to_path(place.folder / "ca.pem")
        place.edit("[backends.gpu]", 'ca = "file:ca.pem"\n[backends.gpu]')
        assert "not trusted" not in place.run("plan", code=0)
        place.edit("file:ca.pem", "file:gone.pem")
        assert f"the certificates in {place.folder}/gone.pem cannot be used: No such file" in place.run("plan")
