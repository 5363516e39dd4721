"""Values: what is read, and what is refused without being shown."""

import pytest
from pydantic_core import PydanticCustomError

from fleethub.fleetspec import values as v
from fleethub.model.secret import SecretRef
from tests.fleets import fleet


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (v.size, "48 GiB", 48 << 30),
        (v.size, "48GB", 48 * 10**9),
        (v.size, "512 MiB", 512 << 20),
        (v.size, "1.5 KiB", 1536),
        (v.size, "0 GiB", 0),
        (v.params, "32B", 32 * 10**9),
        (v.params, "270M", 270 * 10**6),
        (v.params, "0.6B", 600 * 10**6),
        (v.duration, "60s", 60.0),
        (v.duration, "5m", 300.0),
        (v.duration, "1h", 3600.0),
        (v.duration, "250ms", 0.25),
        (v.url, "http://h:1/", "http://h:1"),
        (v.url, "https://[::1]:4000/base/", "https://[::1]:4000/base"),
        (v.reference, "env:A_1", SecretRef(("env:A_1",))),
        (
            v.reference,
            ["file:~/x y", "command:pass show 'a b'"],
            SecretRef(("file:~/x y", "command:pass show 'a b'")),
        ),
        (v.env_value, {"value": "Europe/Berlin"}, v.Plain("Europe/Berlin")),
        (v.env_value, "env:A", SecretRef(("env:A",))),
    ],
)
def test_read(parse, text, value):
    result = parse(text)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("parse", "canary"),
    [
        *[(v.size, x) for x in (48, 1.5, True, "48", "48 gib", "-1 GiB", "1e3 GiB", "٣ GiB", "", None, [], "9" * 99)],
        *[(v.positive_size, x) for x in ("0 GiB",)],
        *[(v.params, x) for x in ("32", "0B", "32 GiB", 32)],
        *[(v.duration, x) for x in (60, "60", "1 w", "s")],
        *[(v.positive_duration, x) for x in ("0s",)],
        *[
            (v.url, x)
            for x in (
                "h:1",
                "ftp://h",
                "http://",
                "http://h:x",
                "http://u:canary@h",
                "http://h?x",
                "http://h h",
            )
        ],
        *[(v.url, x) for x in ("http://[", "http://h\n", 3, "http://@h", "http://h:0")],
        *[
            (v.reference, x)
            for x in ("canary", "", "env:", "env:a b", "ENV:A", "env:A=b", "file: ", "command:'", [], [3], 3)
        ],
        *[(v.reference, x) for x in (["env:A", "canary"], {"value": "canary"}, "file:a\nb", None, [["env:A"]])],
        *[(v.env_value, x) for x in ("canary", {}, {"value": 3}, {"value": "a", "b": 1}, {"value": "a\nb"}, 3)],
    ],
)
def test_refused(parse, canary):
    with pytest.raises(PydanticCustomError) as caught:
        parse(canary)
    assert caught.value.type in ("spec.value", "spec.literal-secret")
    assert "canary" not in str(caught.value) + str(caught.value.context)


def test_a_bare_env_value_says_how_to_write_what_is_no_secret():
    with pytest.raises(PydanticCustomError) as caught:
        v.env_value("Europe/Berlin")
    assert caught.value.type == "spec.literal-secret"
    assert "{ value =" in caught.value.context["hint"]


@pytest.mark.parametrize(
    "text",
    ["sk-0123456789abcdef", "x sk-abcdefghijklmnop", "fhseed1_x", "Bearer=sk-" + "a" * 20, "env:fhsk_" + "a" * 43],
)
def test_secrets_by_look(text):
    assert v.SECRET.search(text)


@pytest.mark.parametrize(
    "text", ["sk-1234", "task-management-of-many-things", "fhseed1_", "env:SK", "desk-0123456789abcdef"]
)
def test_no_secrets(text):
    assert not v.SECRET.search(text)


def test_a_pattern_of_place_on_that_names_no_backend_is_an_error() -> None:
    made = fleet("http://llm:4000", ollama="http://gpu:1").table("backends.gpu", labels={"site": "lab"})
    for pattern in ("gpu", "g*", "@site", "@site=lab"):
        assert made.model("m", place_on=[pattern]).loaded.fleet is not None
    for pattern in ("gpuu", "@site=attic", "@rack"):
        (finding,) = [f for f in made.model("m", place_on=[pattern]).loaded.findings if f.code == "spec.reference"]
        assert f'place_on of "m" names no backend: "{pattern}"' in finding.message
