"""Templates that would run, or grow, without end: each ends soon, and the finding names its line."""

from __future__ import annotations

import contextlib

import pytest

from fleethub.rendering import budget
from fleethub.rendering.engine import TemplateProblem, TemplateSet
from fleethub.rendering.lookup import TemplateText
from tests.rendering.test_engine import refused, run

# ruff: noqa: E501
GROWS = {
    "nested loops over one list": "{% set r = range(3000) | list %}{% for a in r %}{% for b in r %}{% endfor %}{% endfor %}",
    "a range that is large": "{% for i in range(10 ** 9) %}{% endfor %}",
    "three loops": "{% for a in r %}{% for b in r %}{% for c in r %}x{% endfor %}{% endfor %}{% endfor %}",
    "a text doubled": "{% set n = namespace(x='ab') %}{% for i in r %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "a text added": "{% set n = namespace(x='ab') %}{% for i in r %}{% set n.x = n.x + n.x %}{% endfor %}",
    "a list doubled": "{% set n = namespace(x=[1]) %}{% for i in r %}{% set n.x = n.x + n.x %}{% endfor %}",
    "a list in itself twice": "{% set n = namespace(x=[1]) %}{% for i in r %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x | json }}",
    "a pair in itself twice": "{% set n = namespace(x=(1, 2)) %}{% for i in r %}{% set n.x = (n.x, n.x) %}{% endfor %}",
    "a table in itself twice": "{% set n = namespace(x={}) %}{% for i in r %}{% set n.x = {'a': n.x, 'b': n.x} %}{% endfor %}",
    "a table by call": "{% set n = namespace(x={}) %}{% for i in r %}{% set n.x = dict(a=n.x, b=n.x) %}{% endfor %}",
    "a product": "{{ 'x' * 10 ** 9 }}",
    "a product of lists": "{{ [1, 2] * 10 ** 9 }}",
    "a power": "{{ 10 ** (10 ** 8) }}",
    "a tower": "{% set n = namespace(x=10) %}{% for i in r %}{% set n.x = n.x ** 60 %}{% endfor %}",
    "a square": "{% set n = namespace(x=10) %}{% for i in r %}{% set n.x = n.x * n.x %}{% endfor %}",
    "centre": "{{ 'x' | center(10 ** 9) }}",
    "a method that pads": "{{ 'x'.zfill(10 ** 9) }}",
    "bytes": "{{ (1).to_bytes(10 ** 9, 'big') }}",
    "bytes of a text": "{{ 'x'.encode().ljust(10 ** 9) }}",
    "translate": "{{ 'x'.translate({120: 'y' * 1000}) }}",
    "format": "{{ '{:>1000000000}'.format(1) }}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "batches": "{{ [1] | batch(10 ** 9, 'x') | list }}",
    "slices": "{{ [1] | slice(10 ** 9, 'x') | list }}",
    "join": "{{ r | join('x' * 1000) }}",
    "join of a method": "{{ ('x' * 1000).join(r | map('string') | list) }}",
    "join of a pipe": "{{ r | map('string') | join('x' * 1000) }}",
    "replace": "{{ ('x' * 1000) | replace('x', 'y' * 1000) }}",
    "replace of a method": "{{ ('x' * 1000).replace('', 'y' * 1000) }}",
    "a sum of lists": "{{ [[1], [2]] | sum(start=[]) | list }}",
    "a macro that calls itself twice": "{% macro m(n) %}{{ m(n - 1) if n }}{{ m(n - 1) if n }}{% endmacro %}{{ m(60) }}",
    "a macro without end": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a block twice in itself": "{% block b %}{{ self.b() }}{{ self.b() }}{% endblock %}",
    "a loop within itself": "{% for x in [1, 2] recursive %}{{ loop([1, 2]) if loop.depth < 200 }}{% endfor %}",
    "itself": "{% include 't.j2' %}",
    "itself twice": "{% if d < 60 %}{% set d = d + 1 %}{% include 't.j2' %}{% include 't.j2' %}{% endif %}",
    "imports of itself": "{% import 't.j2' as one %}{% import 't.j2' as two %}",
    "what is captured": "{% set x %}{% for i in r %}" + "y" * 30000 + "{% endfor %}{% endset %}{{ x | length }}",
    "values that are captured": "{% set b = 'x' * 200000 %}{% set x %}{% for i in r %}{{ b }}{% endfor %}{% endset %}",
    "captured by a macro": "{% macro m() %}" + "y" * 9000 + "{% endmacro %}{% set x %}{% for i in r %}{{ m() }}{% endfor %}{% endset %}",
    "comparing": "{% set a = 'x' * 200000 %}{% set b = 'x' * 199999 ~ 'x' %}{% for i in r %}{% if a == b %}{% endif %}{% endfor %}",
    "slicing": "{% set a = 'x' * 200000 %}{% for i in r %}{% set b = a[1:] %}{% endfor %}",
    "tests": "{% set a = 'x' * 200000 %}{% for i in r %}{% if a is eq(a ~ '') %}{% endif %}{% endfor %}",
    "tags that are taken out": "{{ ('<' * 200000) | striptags }}",
}  # fmt: skip


@pytest.mark.parametrize("source", GROWS.values(), ids=GROWS)
def test_it_ends_and_names_its_line(source: str) -> None:
    problem = refused(f"first line\n{source}\n", r=list(range(3000)), d=0)
    assert problem.code in ("template.failed", "template.output")
    assert problem.origin == "templates/x/t.j2"
    assert problem.line == 2
    assert problem.message


def test_what_is_usual_stays_far_below() -> None:
    hops = [{"name": f"model-{n}", "url": "http://gpu:11434", "tags": ["a", "b"]} for n in range(60)]
    source = (
        "{% macro one(hop) %}{{ hop.name | upper | replace('-', '_') }}: {{ hop | json }}{% endmacro %}"
        "{% for hop in hops if hop.name != 'model-3' %}{{ loop.index }}/{{ loop.length }} {{ one(hop) }}"
        "{{ ', ' if not loop.last }}{% endfor %}{{ hops | map(attribute='name') | join(', ') }}{{ hops[:3] | length }}"
        "{{ 'a,b'.split(',') | first }}{{ hops[0].get('url').startswith('http') and 'x' ~ 1 }}"
    )
    left = budget.Budget()
    text = run(source, hops=hops).display()
    assert "60/59" not in text
    assert "59/59 MODEL_59" in text
    assert text.endswith("3ax1")
    assert left.left == budget.WORK


def test_one_that_used_up_its_work_is_not_given_so_much_again(monkeypatch: pytest.MonkeyPatch) -> None:
    source = {"t.j2": TemplateText("{% for a in r %}{% for b in r %}x{% endfor %}{% endfor %}ok", "t.j2")}
    spent: list[int] = []
    original = budget.Budget

    def counting(left: int) -> budget.Budget:
        spent.append(left)
        return original(left)

    monkeypatch.setattr(budget, "Budget", counting)
    fleet = TemplateSet(source)
    for size in (3000, 3000, 3, 4):
        with pytest.raises(TemplateProblem, match="more work than one") if size > 4 else contextlib.nullcontext():
            fleet.text("t.j2", {"r": list(range(size))})
    assert spent == [budget.WORK, budget.WORK // 64, budget.WORK // 64, budget.WORK]


def test_what_used_up_its_work_is_no_affair_of_the_next_look_at_the_same_templates() -> None:
    """A server lives on when its spec was mended, and then says what a command says."""
    source = {"t.j2": TemplateText("{% for a in r %}{% for b in r %}x{% endfor %}{% endfor %}ok", "t.j2")}
    with pytest.raises(TemplateProblem, match="more work than one"):
        TemplateSet(source).text("t.j2", {"r": list(range(3000))})
    assert TemplateSet(source).text("t.j2", {"r": list(range(100))}).display().endswith("ok")
