"""What is read from a config's bytes, rendered or observed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.nodetypes.openclaw.chain import read_chain


def config(model, providers):
    return json.dumps({"agents": {"defaults": {"model": model}}, "models": {"providers": providers}}).encode()


LITELLM = {"baseUrl": "http://llm:4000/v1", "apiKey": "${FLEETHUB_KEY_MAIN}", "models": [{"id": "qwen3-32b"}]}
OLLAMA = {
    "baseUrl": "http://monad-1:11434",
    "api": "ollama",
    "apiKey": "ollama",
    "models": [{"id": "llama3.1:8b"}],
}


def test_names_of_a_chain():
    model = {"primary": "fleethub-1/qwen3-32b", "fallbacks": ["fleethub-2/llama3.1:8b", "openai/gpt-5"]}
    found = read_chain(config(model, {"fleethub-1": LITELLM, "fleethub-2": OLLAMA}))
    assert found == ("qwen3-32b", "ollama:llama3.1:8b@monad-1:11434", "openai/gpt-5")


@pytest.mark.parametrize(
    ("url", "shown"),
    [("http://h", "h:80"), ("https://h/", "h:443"), ("http://[::1]:9", "[::1]:9"), ("nonsense", "nonsense"),
     ("http://h:port", "http://h:port"), (None, "None"), (7, "?"), (["http://h"], "?")],
)  # fmt: skip
def test_an_ollamas_address(url, shown):
    assert read_chain(config("o/m:1", {"o": {"api": "ollama", "baseUrl": url}})) == (f"ollama:m:1@{shown}",)


@pytest.mark.parametrize("api", [["ollama"], {"ollama": 1}, 7, None])
def test_an_api_that_is_no_text_is_none_of_ours(api):
    assert read_chain(config("o/m:1", {"o": {"api": api, "baseUrl": "http://h"}})) == ("o/m:1",)


def test_a_config_with_an_endless_number_is_not_understood():
    text = b"{agents: {defaults: {model: 'o/m:1'}}, models: {providers: {o: {api: 'ollama', baseUrl: 0x%s}}}}" % (
        b"f" * 5000
    )
    assert read_chain(text) is None


@pytest.mark.parametrize("model", [None, 7, {}, {"fallbacks": "x"}, []])
def test_no_chain_is_an_empty_one(model):
    assert read_chain(config(model, {})) == ()


def test_comments_and_trailing_commas_are_read():
    text = b"""// by hand
    {"agents": {"defaults": {"model": "a//b/*c*/",},}, /* no
    */ "models": {"providers": {},},}"""
    assert read_chain(text) == ("a//b/*c*/",)


def test_the_rest_of_json5_is_read():
    text = b"{agents: {defaults: {'model': 'a\\\n/b', timeoutSeconds: +0x1F, share: .5}}, models: {providers: {}}}"
    assert read_chain(text) == ("a/b",)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{a: }", b"{a: 1} 2", b"\xff", b"f\xf4\x10\x00\x00", b"{", b"[" * 100_000]
)
def test_what_cannot_be_read_is_unknown(data):
    assert read_chain(data) is None


@given(st.binary(max_size=80))
def test_no_bytes_make_it_fail(data):
    read_chain(data)


@given(
    st.recursive(
        st.none() | st.text(max_size=3) | st.integers(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["models", "providers", "agents", "defaults", "model", "apiKey", "id", "source"]),
                x,
            )
        ),
        max_leaves=9,
    )
)
def test_no_shape_makes_it_fail(value):  # fmt: skip
    data = json.dumps(value).encode()
    read_chain(data)
