"""One template: what comes out, and what a hostile or broken one is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.model.secret import Derived, SecretRef, Text
from fleethub.rendering.engine import OUTPUT_MAX, TemplateProblem, TemplateSet
from fleethub.rendering.lookup import TemplateText

KEY = Derived("key", "monad", "main", "volta", 1)
TOKEN = SecretRef(("env:TOKEN",))


def run(source: str, **context: object) -> Text:
    return TemplateSet({"t.j2": TemplateText(source, "templates/x/t.j2")}).text("t.j2", {"key": KEY, **context})


def refused(source: str, **context: object) -> TemplateProblem:
    with pytest.raises(TemplateProblem) as caught:
        run(source, **context)
    return caught.value


def test_a_slot_is_a_part_of_the_text_between_its_quotes():
    text = run("A={{ key | envquote }}\nB={{ token | envquote }}\n", token=TOKEN)
    assert text.parts == ("A='", KEY, "'\nB='", TOKEN, "'\n")


def test_slots_in_tables_and_lists_come_out_too():
    text = run("{% for k in keys %}{{ k.value }};{% endfor %}", keys=[{"value": KEY}, {"value": TOKEN}])
    assert text.parts == (KEY, ";", TOKEN, ";")


@pytest.mark.parametrize(
    "source",
    [
        "{{ key | upper }}",
        "{{ key | string }}",
        "{{ key | length }}",
        "{{ key | list }}",
        "{{ key | first }}",
        "{{ key ~ 'x' }}",
        "{{ key + 'x' }}",
        "{{ key * 2 }}",
        "{{ [key] }}",
        "{{ [key] | join }}",
        "{{ {'a': key} }}",
        "{{ {'a': key} | json }}",
        "{{ key | json }}",
        "{{ key | yaml }}",
        "{{ key | replace('a', 'b') }}",
        "{{ key | tojson }}",
        "{{ key | hash }}",
        "{{ key[0] }}",
        "{{ key() }}",
        "{{ key._slot }}",
        "{{ key.name }}",
        "{{ key | attr('_slot') }}",
        "{{ 'yes' if key == 'x' else 'no' }}",
        "{{ 'yes' if key else 'no' }}",
        "{{ 'yes' if key in ['a'] else 'no' }}",
        "{{ 'yes' if key < 'x' else 'no' }}",
        "{{ key is sameas key and key is iterable and (key | sort) }}",
        "{% filter upper %}a{{ key }}{% endfilter %}{% filter length %}{{ key }}{% endfilter %}",
        "{% filter reverse %}{{ key }}{% endfilter %}",
        "{% set x %}{{ key }}{% endset %}{{ x }}",
        "{% set x %}{{ key }}{% endset %}dropped",
        "{% macro m() %}{{ key }}{% endmacro %}{{ m() }}",
        "{{ 'a%s' % key }}",
        "{{ 'a{}'.format(key) }}",
    ],
)
def test_a_slot_used_in_any_other_way_is_an_error_with_a_line(source):
    problem = refused("first\n" + source)
    assert problem.code == "template.failed"
    assert problem.origin == "templates/x/t.j2"
    assert problem.line in (0, 2)
    assert "Derived" not in problem.message


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''['__class__'] }}",
        "{{ '' | attr('__class__') }}",
        "{{ node.__init__.__globals__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ range.__closure__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ lipsum.__globals__ }}",
        "{{ joiner }}",
        "{% include '/etc/passwd' %}",
        "{% include '../env.j2' %}",
        "{% import '/etc/passwd' as p %}",
        "{% extends '/etc/passwd' %}",
        "{{ (1).__class__ }}",
        "{{ [1] | map(attribute='__class__') | list }}",
        "{{ node.update({'name': 'x'}) }}",
        "{{ 'a' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 2 ** 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{{ 'a' | center(1000000000) }}",
        "{{ [1, 2] | random }}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% include 't.j2' %}",
        "{% for i in range(2000) %}" + "x" * 1000 + "{% endfor %}",
        "{{ true }}",
        "{{ none }}",
        "{{ node }}",
        "{{ 1 / 0 }}",
        "{{ undefined_name }}",
        "{{ node.nothing }}",
        "{{ '\\x00' }}",
        "{{ ['\\x00'] | first }}",
        "{% if %}",
        "{{ unclosed",
        "{{ none | nofilter }}",
        "{% do x %}",
    ],
)
def test_attacks_and_mistakes_are_problems_never_tracebacks(source):
    problem = refused("first\n" + source, node={"name": "volta"})
    assert problem.code == "template.failed"
    assert problem.message
    assert problem.origin == "templates/x/t.j2"


@pytest.mark.parametrize(("source", "line"), [("a\nb\n{{ nope }}", 3), ("a\n{% if %}", 2), ("{{ 1/0 }}", 1)])
def test_the_line_is_the_templates(source, line):
    assert refused(source).line == line


def test_an_included_template_is_named_with_its_own_line():
    sources = {
        "t.j2": TemplateText("{% include 'part.j2' %}", "t"),
        "part.j2": TemplateText("\n{{ x }}", "part"),
    }
    with pytest.raises(TemplateProblem) as caught:
        TemplateSet(sources).text("t.j2", {})
    assert (caught.value.origin, caught.value.line) == ("part", 2)


def test_a_nul_in_a_template_or_a_value_is_an_error():
    assert "NUL" in refused("a\0b").message
    assert "NUL" in refused("\0slot0\0").message
    assert "NUL" in refused("{{ v }}", v="a\0b").message
    assert run("{{ v | json }}", v="a\0b").display() == '"a\\u0000b"'


@pytest.mark.parametrize("value", ["it's", "a\nb", "a\rb", "a\0b", "C:\\dir\\"])
def test_what_single_quotes_cannot_hold_has_its_own_code(value):
    assert refused("{{ v | envquote }}", v=value).code == "node.env-quote"


def test_filters_write_what_their_file_reads_back():
    assert run("{{ v | envquote }}", v="a # $b").display() == "'a # $b'"
    assert run("{{ v | yaml }}", v='a "$b"').display() == '"a \\"$$b\\""'
    assert run("{{ v | json }}", v={"b": 1, "a": ["ü"]}).display() == '{\n  "a": [\n    "ü"\n  ],\n  "b": 1\n}'


@given(st.lists(st.one_of(st.text(), st.just(KEY), st.just(TOKEN)), max_size=8))
def test_whatever_is_put_out_comes_back_in_order(values):
    try:
        text = run("{% for v in values %}{{ v }}{% endfor %}", values=values)
    except TemplateProblem:
        assert any(isinstance(v, str) and "\0" in v for v in values)
        return
    merged: list = []
    for value in values:
        if isinstance(value, str) and merged and isinstance(merged[-1], str):
            merged[-1] += value
        elif value != "":
            merged.append(value)
    assert list(text.parts) == merged


@given(st.text(max_size=60))
def test_no_template_text_makes_anything_but_text_or_a_problem(source):
    try:
        text = run(source)
    except TemplateProblem:
        return
    assert len(text.display()) <= OUTPUT_MAX
    assert text.slots == ()
