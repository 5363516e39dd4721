"""An audit from outside, on the stand-in: it only reads, writes nothing, and says what it cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.cli import main
from fleethub.model.errors import InputError
from fleethub.operations.audit import AuditError, AuditInput, run
from fleethub.testing.catalog import ALL
from fleethub.testing.litellm import LiteLLM
from fleethub.testing.ollama import Ollama
from tests.fleets import deployment
from tests.proxies import Admin
from tests.support import MASTER, recorded


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)
    return tmp_path


def test_it_only_reads_and_leaves_nothing(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LiteLLM(models=[deployment("one", "http://gpu.example:11434")], master_key=MASTER) as proxy:
        with recorded() as sent, pytest.raises(SystemExit) as ended:
            main(["audit", proxy.url, "--format", "markdown"])
        assert ended.value.code == 0
    assert {method for method, _ in sent} == {"GET"}
    assert list(elsewhere.iterdir()) == []
    said = capsys.readouterr().out
    assert said.startswith("## Audit of http://127.0.0.1")
    assert "http://gpu.example:11434 was not asked" in said
    assert f"init --discover --proxy {proxy.url}" in said


def test_what_does_not_fit_behind_it_is_told_where_its_server_is_trusted() -> None:
    with Ollama(models=ALL) as ollama:
        big = {**deployment("gpt-oss-120b", ollama.url), "model_name": "big"}
        loose = deployment("qwen3-32b", ollama.url)
        del loose["litellm_params"]["num_ctx"]  # its server chooses: much, on 48 GiB
        with LiteLLM(models=[big, loose], master_key=MASTER) as proxy:
            Admin(proxy.url).generate(key_alias="all", models=[])
            asked = AuditInput(proxy.url, trust=(ollama.url,), vram=("127.0.0.1=48GiB",))
            found = {f.code: f for f in run(asked).findings}
            assert "qwen3-32b" in found["audit.models-do-not-fit"].message
            assert any("GiB  big" in line for line in found["audit.models-do-not-fit"].detail)
            assert "audit.route-no-context" in found
            assert "audit.models-do-not-fit" not in {f.code for f in run(AuditInput(proxy.url)).findings}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (AuditInput("llm:4000"), "no URL"),
        (AuditInput("http://user:secret@llm:4000"), "no URL"),
        (AuditInput("http://llm:4000", "sk-1234"), "--key is a reference"),
        (AuditInput("http://llm:4000", vram=("gpu",)), "HOST=SIZE"),
    ],
)
def test_what_is_put_wrongly_is_answered_with_how_to_put_it(asked: AuditInput, says: str) -> None:
    with recorded() as sent, pytest.raises(InputError, match=says) as caught:
        run(asked)
    assert sent == []
    assert "secret" not in str(caught.value)


def test_a_proxy_that_cannot_be_read_is_not_called_well() -> None:
    with pytest.raises(AuditError, match=r"cannot be audited: cannot connect [^;]+$"):
        run(AuditInput("http://127.0.0.1:9"))
    with LiteLLM(models=[deployment("one")], master_key="sk-other") as proxy:
        with pytest.raises(AuditError, match="--key REF names another"):
            run(AuditInput(proxy.url))
        with pytest.raises(AuditError, match="NOWHERE"):
            run(AuditInput(proxy.url, "env:NOWHERE"))
    with Ollama() as other, pytest.raises(AuditError, match="HTTP 404; is that the URL of a LiteLLM"):
        run(AuditInput(other.url))
