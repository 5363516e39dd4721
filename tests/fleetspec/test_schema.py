"""The JSON Schema: checked in, described, and true of the design's example."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

import fleethub.fleetspec
from fleethub.fleetspec import json_schema

FILE = Path(fleethub.fleetspec.__file__).parent / "fleet.schema.json"
EXAMPLE = Path(__file__).parent / "example" / "fleet.toml"


def test_checked_in():
    """When this fails: make it anew from json_schema() (indent 2, no ASCII escapes)"""
    assert json.loads(FILE.read_text()) == json_schema()


def test_the_example_is_valid():
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(tomllib.loads(EXAMPLE.read_text()), json_schema())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["env:LITELLM_MASTER_KEY"]', '"literal"'),
        ('"48 GiB"', "48"),
        ("num_parallel = 1", "num_parallel = 0"),
        ('manage = "whole"', 'manage = "half"'),
        ("[nodes.volta]", "[nodes.Volta]"),
        ('role = "worker"', 'rule = "worker"'),
        ('via = "ollama"', 'via = ""'),
    ],
)
def test_what_it_refuses(old, new):
    text = EXAMPLE.read_text()
    assert old in text
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text.replace(old, new)), json_schema())


def test_every_field_is_described():
    for name, table in json_schema()["$defs"].items():
        for field, schema in table["properties"].items():
            assert schema.get("description"), f"{name}.{field}"
    assert "env:" in json_schema()["$defs"]["ProxyTable"]["properties"]["master_key"]["description"]
    assert "null" not in json.dumps(json_schema())
