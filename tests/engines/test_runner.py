"""One process for a file of weights; names that mean one model; names that a cloud answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.clients.modelfile import blobs
from fleethub.engines.ollama.load import load as load_of
from fleethub.engines.ollama.names import canonical, is_cloud
from fleethub.engines.ollama.server import server_of
from fleethub.model.capacity import Fit, by_runner
from fleethub.model.readings.server import Installed, ServerReading, Shown
from fleethub.placement.ask import Question, ask
from fleethub.placement.assess import assess
from fleethub.placement.planned import planned_sets
from fleethub.placement.report import report
from fleethub.testing.catalog import QWEN3_30B_A3B
from fleethub.testing.catalog.build import created
from fleethub.testing.ollama import Scheduler
from tests.engines.support import GIB, facts, fleet, installed, model, node

BLOB = "ab" * 32
A = created(QWEN3_30B_A3B, "a:latest", "num_ctx 8192")
B = created(QWEN3_30B_A3B, "b:latest", "num_ctx 32768")
SAME = created(QWEN3_30B_A3B, "same:latest", "num_ctx 8192")


def on_disk(*entries: dict[str, object], beside: dict[str, tuple[str, ...]] | None = None) -> ServerReading:
    """The entries as the client reads them, each with the blob of its weights."""
    found = {}
    for entry in entries:
        name = str(entry["name"])
        one = installed(entry, dict(line.split() for line in str(entry["parameters"]).splitlines() if "num" in line))
        assert one.shown is not None
        shown = replace(one.shown, weights=str(entry["weights"]), beside=(beside or {}).get(name, ()))
        found[name] = replace(one, shown=shown)
    return ServerReading("0.32.1", found, ())


def test_two_names_of_one_file_are_one_load_and_reload_each_other() -> None:
    models = {"a": model("a", context=8192), "b": model("b", context=32768)}
    f = fleet(models, node("n", "a"), node("m", "b"), gpus=(32,))
    seen = facts(on_disk(A, B))
    found = assess(f, f.backends["gpu"], seen, (), planned_sets(f)["gpu"])
    assert found.verdict is not None
    assert found.verdict.fit is Fit.EVICTS
    # counted once, as the larger one, and not twice: two of them would not fit into 32 GiB
    assert found.verdict.need == max(p.upper for p in found.verdict.placed)
    assert found.verdict.need < 32 * GIB < sum(p.upper for p in found.verdict.placed)
    (finding,) = found.findings
    assert finding.code == "capacity.context-mismatch"
    assert "one file of weights (a:latest, b:latest) on gpu" in finding.message
    assert "a 8192, b 32768" in finding.message
    assert finding.hint.startswith("give these aliases one context")
    assert any("share one file of weights" in note for note in found.verdict.notes)


def test_what_the_stand_in_does_with_them_is_what_is_said() -> None:
    scheduler = Scheduler([A, B, SAME], [80 * GIB])
    assert scheduler.request("a:latest").what == "loaded"
    assert scheduler.request("same:latest").what == "kept"
    assert scheduler.request("b:latest").what == "reloaded"
    assert len(scheduler.residents) == 1


def test_one_file_asked_alike_is_one_load_and_no_quarrel() -> None:
    models = {"a": model("a", context=8192), "same": model("same", context=8192)}
    f = fleet(models, node("n", "a"), node("m", "same"), gpus=(32,))
    seen = facts(on_disk(A, SAME))
    found = assess(f, f.backends["gpu"], seen, (), planned_sets(f)["gpu"])
    assert found.verdict is not None
    assert (found.verdict.fit, found.findings) == (Fit.FITS, ())
    assert found.verdict.notes[-1].startswith("a:latest and same:latest share one file of weights")
    shown = report(f, f.backends["gpu"], seen, planned_sets(f)["gpu"])
    assert shown.bars[0].planned == found.verdict.need
    answer = ask(f, seen, Question("gpu", "same"))
    assert answer.verdict.need == answer.before.need
    other = ask(f, seen, Question("gpu", "same", context=16384))
    assert (other.verdict.fit, other.largest) == (Fit.EVICTS, 8192)
    assert [one.values for one in other.suggestions] == [(("context", 8192),)]


@pytest.mark.parametrize("what", ["options", "adapter"])
def test_other_options_or_adapters_load_it_anew(what: str) -> None:
    other = created(QWEN3_30B_A3B, "other:latest", "num_ctx 8192\nnum_gpu 20" if what == "options" else "num_ctx 8192")
    beside = {"other:latest": (f"adapter {BLOB}",)} if what == "adapter" else {}
    models = {"a": model("a", context=8192), "other": model("other", context=8192)}
    f = fleet(models, node("n", "a"), node("m", "other"), gpus=(48,))
    found = assess(f, f.backends["gpu"], facts(on_disk(A, other, beside=beside)), (), planned_sets(f)["gpu"])
    assert found.verdict is not None
    assert found.verdict.fit is Fit.EVICTS
    told = "num_gpu 20" if what == "options" else "adapter abababababab"
    assert f"several options (a: none; other: {told}" in found.findings[0].message


def test_the_files_of_a_modelfile_are_those_above_its_template() -> None:
    store = "/usr/share/ollama/.ollama/models/blobs/sha256-"
    text = (
        f'# Modelfile generated by "ollama show"\n# FROM x\n\nFROM {store}{"1" * 64}\nADAPTER {store}{"2" * 64}\n'
        f"DRAFT {store}{'3' * 64}\nFROM C:\\Users\\me\\blobs\\sha256-{'4' * 64}\n"
        f'TEMPLATE """\nFROM {store}{"5" * 64}\n"""\nADAPTER {store}{"6" * 64}\n'
    )
    found = blobs(text)
    assert (found.weights, found.draft) == ("1" * 64, "3" * 64)
    assert found.beside == (f"adapter {'2' * 64}", f"projector {'4' * 64}")
    for odd in (None, 7, "", "FROM ", "FROM qwen3:32b\nPARAMETER x 1", "garbage"):
        assert blobs(odd).weights == ""


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("qwen3:32b", "qwen3:32b"),
        ("library/qwen3:32b", "qwen3:32b"),
        ("registry.ollama.ai/library/qwen3:32b", "qwen3:32b"),
        ("https://registry.ollama.ai/library/qwen3", "qwen3:latest"),
        ("Qwen3:32B", "qwen3:32b"),
        ("llama3", "llama3:latest"),
        ("llama3:latest:local", "llama3:latest"),
        ("me/llama3", "me/llama3:latest"),
        ("registry.ollama.ai/me/llama3", "me/llama3:latest"),
        ("hf.co/bartowski/X-GGUF:Q4_K_M", "hf.co/bartowski/x-gguf:q4_k_m"),
        ("localhost:5000/me/x", "localhost:5000/me/x:latest"),
        ("gpt-oss:120b:cloud", "gpt-oss:120b-cloud"),
        ("kimi-k2:cloud", "kimi-k2:cloud"),
    ],
)
def test_names_that_mean_one_model(name: str, short: str) -> None:
    assert canonical(name) == short
    assert canonical(short) == short


def test_a_name_in_another_form_finds_the_model() -> None:
    entry = created(QWEN3_30B_A3B, "qwen3:30b")
    f = fleet({"m": model("m", tag="library/Qwen3:30B")}, node("n", "m"))
    placed = load_of(server_of(f, f.backends["gpu"], facts(on_disk(entry))), f.models["m"], facts(on_disk(entry)))
    assert placed.estimate.total is not None
    assert placed.runner == f"sha256:{entry['weights']}"


def test_what_a_cloud_answers_takes_no_vram_and_spoils_nothing() -> None:
    tag = "gpt-oss:120b-cloud"
    disk = on_disk(A)
    disk = replace(disk, installed={**disk.installed, tag: Installed(384, "c" * 64, remote="ollama.com")})
    models = {"a": model("a", context=8192), "big": model("big", tag=tag)}
    f = fleet(models, node("n", "a"), node("m", "big"), gpus=(24,))
    for seen in (facts(disk), facts(on_disk(A))):  # told by the server, or by its name alone
        found = assess(f, f.backends["gpu"], seen, (), planned_sets(f)["gpu"])
        assert found.verdict is not None
        assert found.verdict.fit is Fit.FITS
        assert len(by_runner(found.verdict.placed)) == 1
        (finding,) = found.findings
        assert (finding.code, str(finding.address)) == ("model.remote", "model.gpu.big")
        assert "ollama.com answers it" in finding.message
        assert "leaves the house" in finding.message
        assert not found.refused


def test_cloud_names() -> None:
    assert [n for n in ("x:cloud", "x:120b-CLOUD", "x:120b", "x", "cloud", "a:5/b-cloud") if is_cloud(n)] == [
        "x:cloud",
        "x:120b-CLOUD",
    ]
    assert Shown({}).weights == ""
