"""The Ollama stand-in speaks as Ollama does, and its catalog adds up."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from fleethub.testing import catalog
from fleethub.testing.catalog.tensors import tensor_bytes
from fleethub.testing.ollama import GIB, Ollama, true_size

#: Bits per weight that differ from those of a model of 4 bits: a vision part in F16 weighs much in a small one.
BITS = {"nomic-embed-text:latest": (16.0, 16.5), "gemma3:4b": (6.0, 6.3)}


@pytest.fixture
def ollama(clock):
    with Ollama([*catalog.ALL, catalog.PER_LAYER], clock=clock) as server:
        yield server
        assert server.faults == []


@pytest.fixture
def client(ollama, connect):
    return connect(ollama)


def load(client, model, **more):
    return client.post("/api/generate", json={"model": model, **more})


def residents(client):
    return {m["name"]: m for m in client.get("/api/ps").json()["models"]}


def test_version_and_tags(client):
    assert client.get("/api/version").json() == {"version": "0.32.1"}
    tags = {m["name"]: m for m in client.get("/api/tags").json()["models"]}
    qwen = tags["qwen3:32b"]
    assert qwen["model"] == "qwen3:32b"
    assert qwen["details"]["quantization_level"] == "Q4_K_M"
    assert (qwen["details"]["context_length"], qwen["details"]["embedding_length"]) == (40960, 5120)
    assert "tools" in qwen["capabilities"]


def test_show_hides_arrays_unless_verbose(client):
    short = client.post("/api/show", json={"model": "hybrid:9b"}).json()
    full = client.post("/api/show", json={"model": "hybrid:9b", "verbose": True}).json()
    name = "nemotron_h.attention.head_count_kv"
    assert short["model_info"][name] is None
    assert short["model_info"]["tokenizer.ggml.tokens"] is None
    assert full["model_info"][name] == [0, 8, 0, 8, 0, 8, 0, 8]
    assert short["tensors"] == full["tensors"]
    assert short["tensors"][0] == {"name": "token_embd.weight", "type": "Q4_K", "shape": [4096, 131072]}


def test_show_tells_parameters_as_text(client):
    shown = client.post("/api/show", json={"model": "qwen3:32b"}).json()
    assert [line.split()[0] for line in shown["parameters"].splitlines()] == [
        "repeat_penalty",
        "stop",
        "temperature",
    ]
    assert shown["model_info"]["qwen3.attention.key_length"] == 128
    llama = client.post("/api/show", json={"model": "llama3.1:8b"}).json()["model_info"]
    assert "llama.attention.key_length" not in llama


def test_load_prolong_and_unload(client, clock):
    assert client.get("/api/ps").json() == {"models": []}
    answer = load(client, "llama3.1:8b", options={"num_ctx": 8192}, keep_alive="10m")
    assert (answer.json()["done_reason"], answer.json()["response"]) == ("load", "")
    one = residents(client)["llama3.1:8b"]
    assert one["context_length"] == 8192
    buffers = true_size(catalog.LLAMA31_8B, 8192).buffers  # the server's own: no CUDA runtime, no embedding
    assert one["size"] == one["size_vram"] == buffers
    assert 4_625_000_000 + 8192 * 32 * 8 * 128 * 2 * 2 < buffers < 6 * GIB
    clock.now += 601
    assert residents(client) == {}
    load(client, "llama3.1:8b")
    assert load(client, "llama3.1:8b", keep_alive=0).json()["done_reason"] == "unload"
    assert residents(client) == {}


def test_context_automatic_clamped_and_changed(client):
    load(client, "qwen3:32b")
    assert residents(client)["qwen3:32b"]["context_length"] == 40960  # 262144 by VRAM, cut to the model's
    load(client, "qwen3:32b", options={"num_ctx": 4096})
    assert residents(client)["qwen3:32b"]["context_length"] == 4096


def test_forever_sorts_first_and_what_does_not_fit_spills(client):
    load(client, "llama3.1:8b", options={"num_ctx": 4096})
    load(client, "gpt-oss:20b", options={"num_ctx": 8192}, keep_alive=-1)
    listed = client.get("/api/ps").json()["models"]
    assert [m["name"] for m in listed] == ["gpt-oss:20b", "llama3.1:8b"]
    assert listed[0]["expires_at"].startswith("2319")
    load(client, "gpt-oss:120b", options={"num_ctx": 8192})
    (large,) = client.get("/api/ps").json()["models"]
    assert large["name"] == "gpt-oss:120b"
    assert large["size_vram"] < 47 * GIB < large["size"]


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/api/show", {"model": "x"}, 404, "model 'x:latest' not found"),
        ("/api/generate", {"model": "x"}, 404, "model 'x' not found"),
        ("/api/generate", {"model": "qwen3:32b", "keep_alive": "soon"}, 400, 'time: invalid duration "soon"'),
        ("/api/show", {}, 400, "model is required"),
    ],
)
def test_errors(client, path, body, status, error):
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_a_prompt_is_answered(client):
    answer = client.post("/api/chat", json={"model": "qwen3:32b", "messages": [{"role": "user", "content": "x"}]})
    assert answer.json()["message"]["content"] == "hi from qwen3:32b"
    assert set(residents(client)) == {"qwen3:32b"}


def test_show_verbose_has_the_vocabulary_and_projector_info_is_there(client):
    full = client.post("/api/show", json={"model": "qwen3-vl:4b", "verbose": True}).json()
    tokens = full["model_info"]["tokenizer.ggml.tokens"]
    assert len(tokens) == len(full["model_info"]["tokenizer.ggml.token_type"]) > 1000
    assert full["projector_info"]["clip.vision.patch_size"] == 16
    assert "projector_info" not in client.post("/api/show", json={"model": "qwen3:8b"}).json()


def test_a_large_model_after_another_is_a_slow_answer_each_time(connect):
    with Ollama([catalog.QWEN3_32B, catalog.QWEN3_32B | {"name": "qwq:32b", "digest": "0" * 64}]) as server:
        client = connect(server)

        def ask(name):
            body = {"model": name, "prompt": "x", "options": {"num_ctx": 16384}, "keep_alive": -1}
            return client.post("/api/generate", json=body).json()["load_duration"] / 1e9

        ask("qwen3:32b")
        assert ask("qwen3:32b") < 1
        assert all(ask(name) > 5 for name in ("qwq:32b", "qwen3:32b") * 2)
        assert [e.what for e in server.scheduler.log].count("evicted") == 4


def test_when_all_are_in_use_a_request_waits_or_is_refused(connect):
    models = [catalog.GPT_OSS_20B, catalog.QWEN3_8B]
    with Ollama(models, vram=16 * GIB, patience=0.2) as server:
        client = connect(server)
        server.load("gpt-oss:20b", 8192)
        with server.using("gpt-oss:20b"):
            refused = load(client, "qwen3:8b")
            assert (refused.status_code, "server busy" in refused.json()["error"]) == (503, True)
            assert set(residents(client)) == {"gpt-oss:20b"}
        server.patience = 10
        server.load("gpt-oss:20b", 8192)
        with ThreadPoolExecutor(1) as pool:
            with server.using("gpt-oss:20b"):
                waits = pool.submit(load, client, "qwen3:8b")
                while not server.scheduler.queue:
                    time.sleep(0.005)
            assert waits.result().status_code == 200
        assert set(residents(client)) == {"qwen3:8b"}
        assert server.faults == []


def test_out_of_memory_is_an_error_and_a_spill_is_none(connect):
    for settings, status in (({"LLAMA_ARG_FIT": "off"}, 500), ({}, 200)):
        with Ollama([catalog.QWEN3_32B], vram=16 * GIB, settings=settings) as server:
            answer = load(connect(server), "qwen3:32b", options={"num_ctx": 4096})
            assert answer.status_code == status
    assert "error" not in answer.json()


@pytest.mark.parametrize("version", ["0.12.3", "0.20.0", "0.32.1"])
def test_ps_by_era(connect, version):
    with Ollama([catalog.LLAMA31_8B], version=version) as server:
        client = connect(server)
        load(client, "llama3.1:8b", options={"num_ctx": 8192})
        one = residents(client)["llama3.1:8b"]
        true = true_size(catalog.LLAMA31_8B, 8192, new=version == "0.32.1", flash=version != "0.12.3")
        assert (one["size"] == true.buffers) == (version != "0.12.3")
        assert one["size_vram"] == one["size"]


def test_options_of_a_wrong_type(client):
    answer = load(client, "qwen3:8b", options={"num_ctx": "8k"})
    assert (answer.status_code, answer.json()) == (400, {"error": 'option "num_ctx" must be of type integer'})


def test_unknown_path_is_plain_text(ollama):
    assert httpx.get(f"{ollama.url}/nowhere").text == "404 page not found"


@pytest.mark.parametrize("model", catalog.ALL, ids=lambda m: m["name"])
def test_catalog_adds_up(model):
    """The listed tensors hold most of the parameters, and the file is what its quantisation makes of them."""
    info = model["model_info"]
    count = info["general.parameter_count"]
    listed = 0
    for tensor in model["tensors"]:
        product = 1
        for side in tensor["shape"]:
            product *= side
        listed += product
    assert 0.85 < listed / count < 1.1
    file = model["size"] - model.get("projector_size", 0)
    assert 0 < file - sum(map(tensor_bytes, model["tensors"])) < 200_000_000
    bits = 8 * file / count
    low, high = BITS.get(model["name"], (4.2, 5.4))
    assert low < bits < high
