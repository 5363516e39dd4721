"""The other blocks of the pages: what is no command is a piece of a spec that the schema knows, or says what it is."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fleethub.fleetspec.schema import json_schema
from tests.docs.pages import ROOT, fences
from tests.docs.test_console import PAGES

VALID = Draft202012Validator(json_schema())
#: A command in a block of another kind would not be run.
KINDS = {"console", "toml", "json", "python", "text"}
#: Pieces of TOML that are of another file than a spec, by what they begin with.
OTHER = {"docs/nodes.md": "key = ", "docs/checks.md": ("# pyproject.toml", "[[case]]")}


@pytest.mark.parametrize("page", PAGES)
def test_each_block_is_of_a_kind_and_each_piece_of_a_spec_is_as_the_schema_has_it(page: str) -> None:
    for line, kind, text in fences(ROOT / page):
        where = f"{page}:{line}"
        assert kind in KINDS, f"{where}: a block of {kind or 'nothing'}"
        if kind == "json":
            json.loads(text)
        elif kind == "toml" and not text.startswith(OTHER.get(page, "-")):
            spec: Any = json.loads(json.dumps(tomllib.loads(text), default=str))  # dates as JSON has them
            wrong = [e.message for e in VALID.iter_errors(spec) if e.validator != "required"]
            assert wrong == [], where
