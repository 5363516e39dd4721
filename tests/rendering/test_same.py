"""What is the same of several nodes is rendered once, and nobody can tell by what comes out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from node_fleets import NODES, fleet

from fleethub.model.secret import Derived, SecretRef
from fleethub.rendering import Renderer, render
from fleethub.rendering.engine import TemplateProblem, TemplateSet

PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), st.sampled_from([0.0, 1.0, 1.5]), st.sampled_from("01ab")
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
)
SECRETS = st.sampled_from([Derived("key", "monad", "main", "volta", 1), SecretRef(("env:TOKEN",))])
SOURCES = {
    "one.j2": "{{ a | json }}",
    "two.j2": "{% for a in b %}{{ a | json }},{% endfor %}{% include 'one.j2' %}",
    "set.j2": "{% set b = a %}{{ b | json }}",
    "slot.j2": "{{ c }}",
    "lack.j2": "{{ d | json }}",
}
CONTEXTS = st.fixed_dictionaries({"a": VALUES, "b": st.lists(VALUES, max_size=2), "c": SECRETS})


def outcome(templates: TemplateSet, name: str, context: dict[str, object]) -> object:
    try:
        return templates.text(name, context)
    except TemplateProblem as problem:
        return str(problem), problem.line


@given(st.lists(st.tuples(st.sampled_from(sorted(SOURCES)), CONTEXTS), max_size=8))
def test_a_set_that_has_rendered_others_says_what_one_says_that_has_not(asked):
    many = TemplateSet(SOURCES)
    assert [outcome(many, *one) for one in asked] == [outcome(TemplateSet(SOURCES), *one) for one in asked]


def test_a_fleets_nodes_have_the_files_that_each_has_alone(templates):
    nodes = [*NODES.values(), *(replace(NODES["docker"], port=port) for port in (1, 1, 2))]
    many = Renderer(templates)
    assert [many.render(fleet(), node) for node in nodes] == [render(fleet(), node, templates) for node in nodes]


@pytest.mark.parametrize(("ports", "times"), [([7000] * 40, 1), (range(7000, 7040), 40)])
def test_a_config_is_rendered_once_for_all_whose_wiring_is_the_same(templates, monkeypatch, ports, times):
    many = Renderer(templates)
    many.render(fleet(), NODES["docker"])  # before a template is compiled it is not known what it reads
    rendered = []
    once = TemplateSet._rendered
    monkeypatch.setattr(
        TemplateSet, "_rendered", lambda self, name, values: rendered.append(name) or once(self, name, values)
    )
    for number, port in enumerate(ports):
        assert many.render(fleet(), replace(NODES["docker"], name=f"n{number}", port=port)).findings == ()
    assert rendered.count("openclaw.json.j2") == times
    assert rendered.count("env.j2") == len(ports)
