"""The lockfile's text: what goes in comes out, damage is told, the same value gives the same bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.kinds.compare import parse_mark, union
from fleethub.kinds.key.attributes import KeyAttrs
from fleethub.kinds.node.attributes import FileAttrs, NodeAttrs
from fleethub.kinds.route.attributes import DeploymentAttrs, RouteAttrs
from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.reduce import replay
from fleethub.lockfile.text import dump, load
from fleethub.lockfile.upgrade import block_of
from fleethub.model.address import Address
from fleethub.model.capacity import Fit, PlannedModel
from fleethub.model.event import ApplyStarted, Event, Recorded, StepDone
from fleethub.model.observation import Applied, Locked, Lockfile, Mark, Pending, Source, System

names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True)
aliases = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
addresses = st.one_of(
    names.map(lambda n: Address("node", n)),
    st.tuples(st.sampled_from(["key", "route"]), names, aliases).map(lambda t: Address(t[0], f"{t[1]}.{t[2]}")),
)
listed = st.lists(aliases, max_size=3).map(tuple)
sizes = st.none() | st.integers(0, 2**53) | st.floats(0, allow_nan=False, allow_infinity=False)
flags, may = st.booleans(), st.none() | aliases
key_attrs = st.builds(
    KeyAttrs,
    models=listed,
    value=may,
    blocked=flags,
    allowed_routes=st.none() | listed,
    aliases=st.none() | st.dictionaries(names, aliases, max_size=2),
    rpm_limit=sizes,
    max_budget=sizes,
    budget_duration=may,
    model_rpm_limit=st.none() | st.dictionaries(names, st.integers(0, 9), max_size=2),
)
route_attrs = st.builds(
    RouteAttrs,
    st.lists(st.builds(DeploymentAttrs, aliases, may, st.none() | st.integers(1, 2**20)), max_size=2).map(tuple),
)
files = st.builds(FileAttrs, may, st.just("0600"), st.none(), st.none() | listed)
node_attrs = st.builds(
    NodeAttrs, listed, st.dictionaries(names, files, max_size=2), st.none() | flags, st.none() | flags, may
)
ATTRS = {"key": key_attrs, "route": route_attrs, "node": node_attrs}
needs = st.dictionaries(addresses, st.frozensets(aliases, max_size=3), max_size=3)
numbers = st.integers(0, 2**31 - 1)
texts = st.just("") | aliases


def recorded(address: Address) -> st.SearchStrategy[tuple[Address, Locked]]:
    system: System = "host" if address.kind == "node" else "litellm"
    source = aliases.map(lambda at: Source(system, at, of=block_of(address)))
    attrs = st.none() | ATTRS[address.kind]
    pending = st.builds(Pending, st.lists(names, max_size=3).map(tuple), attrs, needs, numbers)
    record = st.builds(Locked, source, attrs, needs, texts, texts, flags, st.none() | pending, flags, numbers, texts)
    return st.tuples(st.just(address), record)


keys = st.tuples(names, aliases).map(lambda t: Address("key", f"{t[0]}.{t[1]}"))
applieds = st.builds(Applied, names, names, names, names, names)
planneds = st.builds(
    PlannedModel,
    aliases,
    st.integers(1, 10**6),
    st.booleans(),
    st.just("") | aliases,
    st.none() | st.integers(0, 2**50),
)
lockfiles = st.builds(
    Lockfile,
    names,
    names,
    st.integers(0, 10**6),
    names,
    st.lists(addresses.flatmap(recorded), max_size=4).map(dict),
    st.dictionaries(names, st.lists(planneds, max_size=3).map(tuple), max_size=3),
    applieds,
    names,
    st.dictionaries(names, st.sampled_from([fit.value for fit in Fit]), max_size=3),
    st.just("0123456789abcdef"),
    st.booleans(),
    st.dictionaries(keys, numbers, max_size=3),
)


@given(lockfiles)
def test_what_goes_in_comes_out(lockfile: Lockfile) -> None:
    assert load(dump(lockfile)) == lockfile
    assert dump(load(dump(lockfile))) == dump(lockfile)


@given(lockfiles, st.data())
def test_damage_is_an_error_and_no_traceback(lockfile: Lockfile, data: st.DataObject) -> None:
    text = dump(lockfile)
    at = data.draw(st.integers(0, len(text)))
    cut = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 9)) :]
    told: list[bool] = []
    try:
        load(cut)
    except LockfileError as error:
        told.append("fleet.lock" in str(error))
    assert all(told)


RECORD_1 = 'format = 1\nfleet = "f"\nlineage = "l"\nserial = 1\nseed = "s"\n[resource."{0}"]\nattrs = {1}\n'
SOURCE_1 = '[resource."{0}".source]\nsystem = "litellm"\nat = "http://llm:4000"\n'


@pytest.mark.parametrize(
    ("address", "attrs", "says"),
    [
        ("backend.gpu", "{ }", "'backend.gpu' is nothing that a lockfile records"),
        ("key.main.a", '{ models = ["a"], expires = 2026-01-01T00:00:00Z }', "key.main.a: .*not JSON serializable"),
        ("key.main.a", "1979-01-01", "attrs"),
        ("key.main.a", '""', "attrs"),
        ("key.main.a", "[]", "attrs"),
    ],
)
def test_what_no_kind_has_is_damage(address: str, attrs: str, says: str) -> None:
    with pytest.raises(LockfileError, match=f"fleet.lock is damaged.*{says}"):
        load((RECORD_1 + SOURCE_1).format(address, attrs))


def test_a_number_that_python_does_not_read_is_damage() -> None:
    with pytest.raises(LockfileError, match="has a number that is too long; take it from git again"):
        load(f"format = 2\nserial = {'9' * 5000}\n")
    for format in (f"0x{'f' * 5000}", "1e999", "-1", "[2]"):
        with pytest.raises(LockfileError, match="its format is no number"):
            load(f"format = {format}\n")


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(LockfileError, match="upgrade FleetHub"):
        load("format = 3\n")


@pytest.mark.parametrize("serial", [-1, 10**8, 2**63])
def test_no_serial_is_read_that_a_store_cannot_count(serial: int) -> None:
    with pytest.raises(LockfileError, match="serial"):
        load(dump(Lockfile("f", "l", serial, "s")))


@pytest.mark.parametrize("field", [{"serial": 10**8}, {"serial": -1}, {"serial": True}, {"generation": 2**31}], ids=str)
def test_no_mark_is_taken_that_no_lockfile_could_hold(field: dict[str, int]) -> None:
    """Whoever may write a key's metadata may write anything: a lockfile that is made again goes on from its marks."""
    good = {"lineage": "l", "serial": 5, "generation": 1}
    assert parse_mark(good) == Mark("l", 5, 1)
    assert parse_mark(good | field) is None


def test_planned_entries_of_an_earlier_fleethub_are_read() -> None:
    """Model and context alone: of any tag, a primary, of a size that nobody wrote down."""
    text = dump(Lockfile("f", "l", 1, "s", planned={"gpu": (PlannedModel("a", 8192, False, "a:latest", 5),)}))
    (entry,) = load(text).planned["gpu"]
    assert entry == PlannedModel("a", 8192, False, "a:latest", 5)
    header = text.split("[planned]")[0]
    (early,) = load(header + '[planned]\ngpu = [{ model = "a", context = 8192 }]\n').planned["gpu"]
    assert early == PlannedModel("a", 8192, True, "", None)
    assert early.same(entry)
    assert not early.same(PlannedModel("a", 4096))
    assert not entry.same(PlannedModel("a", 8192, False, "b:latest"))


EARLY = """\
format = 1
fleet = "monad"
lineage = "abc"
serial = 3
apply = "12345678"
seed = "fp1:x"
[applied]
[planned]
[fits]
[resource."key.main.volta"]
shape = "derived:key:monad:main:volta:4"
[resource."key.main.volta".source]
system = "litellm"
at = "http://llm:4000"
credential = ["command:touch /tmp/owned"]
[resource."key.main.volta".attrs]
models = ["a"]
[resource."node.volta"]
[resource."node.volta".source]
system = "host"
at = "run/volta"
[resource."node.volta".attrs]
chain = ["a"]
"""


def test_format_1_is_read_without_its_credentials() -> None:
    found = load(EARLY)
    key, node = found.resources[Address("key", "main.volta")], found.resources[Address("node", "volta")]
    assert key.source == Source("litellm", "http://llm:4000", of="proxy.main")
    assert key.source.credential is None
    assert (key.generation, node.generation) == (4, 0)
    assert node.source.of == "node.volta"
    assert (found.by_name, found.id) == (True, "")
    assert found.generations == {Address("key", "main.volta"): 4}
    again = dump(found)
    assert "format = 2" in again
    assert "command:" not in again
    assert load(again) == found


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('origin = "http://llm:4000"', 'origin = "http://llm:4000"\ncredential = ["file:x"]', "credential"),
        ('system = "litellm"', 'system = "ldap"', "ldap"),
        ('of = "proxy.main"', 'of = "proxy.other"', "proxy.other"),
        ("generation = 4", "generation = -1", "-1"),
        ("generation = 4", 'generation = "4"', "4"),
        ("serial = 3", "serial = 3\nevil = 1", "evil"),
        ("models = [", "evil = 1\nmodels = [", "key.main.volta: 'evil' is nothing that it holds"),
        ('derive_from = "name"', 'derive_from = "moon"', "moon"),
        ('derive_from = "name"\n', "", "derive_from"),
        ('models = [\n    "a",\n]', 'models = "a"', "models"),
        ('models = [\n    "a",\n]', "models = [1]", "models.0"),
        ('chain = [\n    "a",\n]', "chain = [[]]", "chain.0"),
        ('"key.main.volta" = 4', '"node.volta" = 4', "node.volta"),
    ],
)
def test_what_a_lockfile_cannot_hold_is_named(old: str, new: str, says: str) -> None:
    text = dump(load(EARLY))
    assert old in text, text
    with pytest.raises(LockfileError, match="damaged") as error:
        load(text.replace(old, new))
    assert says in str(error.value)


def test_the_highest_generation_of_a_key_stays_when_the_key_is_gone() -> None:
    address = Address("key", "main.volta")
    source = Source("litellm", "http://llm:4000", of="proxy.main")
    made = Locked(source, KeyAttrs(("a",)), generation=2)

    def reached(*events: Event) -> int:
        found = replay(load(EARLY), events)
        assert found is not None
        assert load(dump(found)) == found
        return found.generations[address]

    assert reached(Recorded(address, made)) == 4
    assert reached(Recorded(address, replace(made, generation=5)), Recorded(address, made)) == 5
    assert reached(StepDone("s", address, "expand", replace(made, generation=6)), Recorded(address, None)) == 6
    begun = {address: replace(made, pending=Pending(("expand",), None, generation=7))}
    assert reached(ApplyStarted("p", "monad", "abc", 4, "s", "x", Applied(), begun), Recorded(address, None)) == 7


@pytest.mark.parametrize("what", ["address", "id", "at", "by", "origin", "owner"])
def test_what_a_terminal_would_obey_is_damage(what: str) -> None:
    """A lockfile comes with a repository, and these are printed as they stand there."""
    told = {name: name for name in ("address", "id", "at", "by", "origin", "owner")}
    told[what] += r"\u001b[2J\nerror: "
    text = (
        'format = 2\nfleet = "f"\nid = "{id}"\nlineage = "l"\nserial = 1\nseed = "s"\napply = "a"\n'
        '[applied]\nat = "{at}"\nby = "{by}"\n'
        '[resource."node.{address}"]\nowner = "{owner}"\n'
        '[resource."node.{address}".source]\nsystem = "node"\nof = "node.{address}"\norigin = "{origin}"\n'
    )
    with pytest.raises(LockfileError, match=r"fleet.lock is damaged.*control characters") as error:
        load(text.format(**told))
    assert str(error.value).isprintable()


def test_what_many_records_say_alike_is_held_once() -> None:
    """Of ten thousand nodes a route with what is called through it, read and joined: 30 MiB of an empty plan."""
    records = "".join(
        f'[resource."node.n{i}".source]\nsystem = "host"\nof = "node.n{i}"\norigin = "nodes/n{i}"\n\n'
        f'[resource."node.n{i}".attrs]\n\n[resource."node.n{i}".needs]\n"route.main.one" = [\n    "one",\n]\n\n'
        for i in range(2)
    )
    head = 'format = 2\nfleet = "f"\nid = "i"\nderive_from = "id"\nlineage = "l"\nseed = "s"\nserial = 1\n\n'
    first, second = (record.needs for record in load(head + records).resources.values())
    assert first == {Address("route", "main.one"): {"one"}}
    assert [*map(id, first), *map(id, first.values())] == [*map(id, second), *map(id, second.values())]
    assert union(first, second, {}) is first
    other = Address("route", "main.two")
    assert union(first, {other: frozenset({"two"})}, {next(iter(first)): frozenset({"three"})}) == {
        Address("route", "main.one"): {"one", "three"},
        other: {"two"},
    }
