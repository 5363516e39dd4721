"""positions: every path of a parsed document has a place, and the place holds its key."""

import tomllib

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from fleethub.fleetspec.positions import MAX_DEPTH, TooDeep, scan

EXAMPLES = 2 * settings().max_examples

TRICKY = r'''
# a comment with [brackets] = "and quotes
top = 1
"quoted.key" = { "a.b" = 1, 'c d' = [ 1, { e.f = "x]" } ] }   # tail ]
text = """
[not.a.table]
x = "1" # no comment
\""" still inside
"quoted" at the end"""""
literal = \'\'\'[x] = \'1\' \'\'\'
esc = "a \" ] b"
list = [
  "a#b", # first
  { k = 1, nested = [[1, 2], [3]] },
  "]",
]
when = 1979-05-27 07:32:00
a.b.c = true
a . d = 2
[a.x]
[ t . "u v" ]
y = -inf
[t]
z = +1_000.5e3
[[arr]]
n = 1
[arr.sub]
m = 2
[[arr.list]]
q = 1
[[arr.list]]
q = { r = [] , s = {} }
[[arr]]
[[arr.list]]
q = 9
["tab\tkey"]
"\u00e9" = 'é'
[nodes.volta.env]
"π" = "x"
'''.replace("\\'\\'\\'", "'''").replace("\\'", "'")


def paths(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield from paths(child, (*path, key))


def check(text):
    document = tomllib.loads(text)
    found = scan(text)
    lines = text.split("\n")
    assert set(paths(document)) == set(found)
    for path, (key, value) in found.items():
        assert value >= (1, 1)
        if not path:
            continue
        rest = lines[key[0] - 1][key[1] - 1 :]
        name = next(p for p in reversed(path) if isinstance(p, str))
        if isinstance(path[-1], str) or rest.startswith(name):
            assert rest.startswith((name, "'", '"')), (path, rest)


def test_tricky():
    check(TRICKY)


def test_values_and_headers():
    found = scan('[a]\nb = "x"\n  [a.c]\nd = [1,\n 2]\n[[e]]\nf.g = { h = 3 }\n')
    assert found["a", "b"] == ((2, 1), (2, 5))
    assert found["a", "c"] == ((3, 6), (3, 3))
    assert found["a", "c", "d", 1] == ((5, 2), (5, 2))
    assert found["e", 0] == ((6, 3), (6, 1))
    assert found["e", 0, "f"].key == (7, 1)
    assert found["e", 0, "f", "g", "h"] == ((7, 9), (7, 13))


def test_an_own_header_wins_over_a_mention():
    assert scan("[a.b]\n[a]\n")["a",] == ((2, 2), (2, 1))


def test_depth_is_bounded():
    with pytest.raises(TooDeep) as caught:
        scan("x = 1\n" + ".".join(["a"] * (MAX_DEPTH + 1)) + " = 1")
    assert caught.value.spot == (2, 2 * MAX_DEPTH + 1)


keys = st.one_of(
    st.sampled_from(["a", "b-c", "x.y", "", "#k", "[", "a b", "'", '"', "\\", "é", "\t"]), st.text(max_size=6)
)
scalars = st.one_of(
    st.integers(-(2**62), 2**62),
    st.booleans(),
    st.floats(allow_nan=False),
    st.dates(),
    st.text(max_size=12),
    st.sampled_from(["[x]\n# y\n", '"""', "'''", "a # b", "}", "\\"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.dictionaries(keys, values, max_size=5), st.booleans())
def test_generated(document, multiline):
    check(tomli_w.dumps(document, multiline_strings=multiline).replace("\r\n", "\n"))
