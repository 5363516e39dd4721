"""Edits of the spec's text: what was asked for is said, and every other byte is as it was."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.fleetspec import Loaded, load
from fleethub.fleetspec.edit import Edited, edited, with_values
from fleethub.model.address import node
from fleethub.model.edit import Assign, Edit, EditError, Register, Release, SetFields

BASE = """\
#:schema ./fleet.schema.json
# The fleet's own remark.
[fleet]
name = "small"   # stays for good
[proxies.main]
url = "http://llm.example:4000"
master_key = "env:MASTER"
[backends.gpu]
host = "gpu.example"
proxy = "main"
[backends.gpu.ollama]
url = "http://gpu.example:11434"
[models.big]
backends = ["gpu"]
route = "ollama_chat/big:32b"
context = 32768
[models.small]
backends = ["gpu"]
route = "ollama_chat/small:8b"
context = 32768
[models.tiny]
backends = ["gpu"]
route = "ollama_chat/tiny:1b"
context = 32768
[defaults.node]
target = "ssh://ops@{host}/srv/{name}"
image = "ghcr.io/openclaw/openclaw:1"
[roles.worker]
model = "big"
fallbacks = ["small", { model = "small", via = "ollama" }]
"""
VOLTA = '\n[nodes.volta]\nhost = "volta.example"\nrole = "worker"\n'


def spec(*texts: str, **files: str) -> Loaded:
    """A fleet that lies nowhere: its files are thought onto an empty folder."""
    main = "".join(texts)
    if files:
        main = 'include = ["nodes/*.toml"]\n' + main
    named = {f"nodes/{name}.toml": text.encode() for name, text in files.items()}
    loaded = load(Path(__file__).parent / "nowhere" / "fleet.toml", {"fleet.toml": main.encode(), **named})
    assert loaded.fleet is not None, loaded.findings
    return loaded


def after(loaded: Loaded, edit: Edit, owner: str = "") -> tuple[Edited, Loaded]:
    made = edited(loaded, edit, owner)
    return made, load(Path(__file__).parent / "nowhere" / "fleet.toml", {**loaded.texts, **made.files})


def text(made: Edited, name: str = "fleet.toml") -> str:
    data = made.files[name]
    assert data is not None
    return data.decode()


def test_a_model_that_is_the_nodes_own_is_replaced_where_it_stands() -> None:
    node = '\n[nodes.volta]  # the mailbox\nhost = "v.example"\nmodel = "big"   # since May\n# more\nport = 1\n'
    made, new = after(spec(BASE, node), Assign("volta", "tiny"))
    assert text(made) == BASE + node.replace('"big"', '"tiny"')
    assert made.notes == ()
    assert [str(h) for h in new.fleet.nodes["volta"].chain] == ["tiny"]


def test_an_inherited_model_is_overridden_in_the_nodes_own_block() -> None:
    made, new = after(spec(BASE, VOLTA, "# the end"), Assign("volta", "tiny"))
    assert text(made) == BASE + VOLTA + 'model = "tiny"\n# the end'
    assert [str(h) for h in new.fleet.nodes["volta"].chain] == ["tiny", "small", "small via gpu.ollama"]
    assert made.notes == ("model was inherited; it is written into [nodes.volta], which overrides that",)


def test_a_fallback_that_becomes_the_primary_is_no_fallback_any_more() -> None:
    made, new = after(spec(BASE, VOLTA), Assign("volta", "small"))
    assert text(made).endswith('model = "small"\nfallbacks = [{ model = "small", via = "ollama" }]\n')
    assert [str(h) for h in new.fleet.nodes["volta"].chain] == ["small", "small via gpu.ollama"]
    assert "big, the primary until now, is no longer in the chain" in made.notes
    own = (
        '\n[nodes.volta]\nhost = "v.example"\nmodel = "big"\nfallbacks = [\n  "tiny",   # fast\n  "small",  # sure\n]\n'
    )
    made, new = after(spec(BASE, own), Assign("volta", "tiny"))
    assert text(made) == BASE + own.replace('"big"', '"tiny"').replace('  "tiny",   # fast\n', "")
    assert [str(h) for h in new.fleet.nodes["volta"].chain] == ["tiny", "small"]


def test_the_same_model_by_another_way_stays_a_fallback() -> None:
    way = {"model": "small", "via": "gpu.ollama"}
    _, new = after(spec(BASE, VOLTA), SetFields("volta", {"model": way}))
    assert [str(h) for h in new.fleet.nodes["volta"].chain] == ["small via gpu.ollama", "small"]


def test_another_roles_fallbacks_are_not_those_of_the_old_one() -> None:
    roles = '[roles.other]\nmodel = "big"\nfallbacks = ["tiny"]\n'
    made, new = after(spec(BASE, roles, VOLTA), SetFields("volta", {"role": "other", "model": "small"}))
    assert [str(h) for h in new.fleet.nodes["volta"].chain] == ["small", "tiny"]
    assert made.notes == ()


@pytest.mark.parametrize(
    "edit", [Assign("volta", "big"), SetFields("volta", {"role": "worker"}), Register("volta", {})]
)
def test_what_is_so_already_changes_nothing(edit: Edit) -> None:
    assert edited(spec(BASE, VOLTA), edit).files == {}


def test_fields_are_written_with_their_types_and_taken_out() -> None:
    fields = {
        "port": 18790,
        "protected": True,
        "labels.pattern": 'A "quoted" text',
        "labels.a.b": "dots",
        "env.TZ": {"value": "Europe/Berlin"},
        "fallbacks": ["tiny", {"model": "tiny", "via": "ollama"}],
    }
    _, new = after(spec(BASE, VOLTA), SetFields("volta", fields))
    node = new.fleet.nodes["volta"]
    assert (node.port, node.protected) == (18790, True)
    assert node.labels == {"pattern": 'A "quoted" text', "a.b": "dots"}
    assert node.env == {"TZ": "Europe/Berlin"}
    back = edited(new, SetFields("volta", dict.fromkeys(fields)))
    assert text(back) == BASE + VOLTA


def test_sub_tables_are_edited_where_they_are() -> None:
    node = VOLTA + '[nodes.volta.labels]   # free\na = "1"\n\n[nodes.volta.env]\nTOKEN = "env:T"\n# end of volta\n'
    made, new = after(spec(BASE, node), SetFields("volta", {"labels.b": "2", "env.TOKEN": "env:U", "port": 7}))
    want = node.replace('a = "1"\n', 'a = "1"\nb = "2"\n').replace("env:T", "env:U")
    assert text(made) == BASE + want.replace('role = "worker"\n', 'role = "worker"\nport = 7\n')
    dotted = VOLTA + 'labels.a = "1" # first\nlabels.c = "3"\n'
    made, new = after(spec(BASE, dotted), SetFields("volta", {"labels.b": "2", "labels.c": None}))
    assert new.fleet.nodes["volta"].labels == {"a": "1", "b": "2"}
    assert 'labels.a = "1" # first\n' in text(made)


def test_a_node_of_sub_tables_alone_gets_a_block() -> None:
    defaults = BASE.replace("[defaults.node]\n", '[defaults.node]\nhost = "h.example"\nmodel = "big"\n')
    made, new = after(spec(defaults, '\n[nodes.volta.env]\nT = "env:T"\n'), Assign("volta", "tiny"))
    assert text(made).endswith('\n[nodes.volta]\nmodel = "tiny"\n[nodes.volta.env]\nT = "env:T"\n')
    assert new.fleet.nodes["volta"].chain[0].model == "tiny"


def test_release_takes_the_block_its_sub_tables_and_its_comments() -> None:
    other = '\n# Rental: the customers\' one.\n[nodes.rental]\nhost = "r.example"\nrole = "worker"\n'
    volta = '\n# Volta reads mail.\n[nodes.volta]\nhost = "v.example"  # here\nrole = "worker"\n# old: port = 1\n'
    rest = '[nodes.volta.env]\nT = "env:T"\n\n# Of the whole fleet.\n'
    limits = "\n[keys.volta]\nrpm = 60\n"
    made, new = after(spec(BASE, volta, rest, other, limits, "\n"), Release("volta"))
    assert text(made) == BASE + "\n# Of the whole fleet.\n" + other
    assert sorted(new.fleet.nodes) == ["rental"]
    assert made.notes[1].startswith("[keys.volta]")
    assert "goes too" in made.notes[1]


@pytest.mark.parametrize(
    ("key", "more", "says"),
    [
        ("rpm = 1\n", '\n[nodes.b]\nhost = "b.example"\nrole = "worker"\nkey = "volta"\n', "stays: b uses it too"),
        ('also = ["tiny"]\n', "", "stays, with the scope that also = gives it"),
        ("protected = true\n", "", "stays: it is protected"),
        ('owner = "Billing"\n', "", "stays: it belongs to Billing"),
    ],
)
def test_a_key_that_is_still_needed_stays(key: str, more: str, says: str) -> None:
    limits = f"\n[keys.volta]\n{key}"
    made, new = after(spec(BASE, VOLTA, limits, more), Release("volta"))
    assert text(made) == BASE + limits + more
    assert "volta" in new.fleet.keys
    assert says in made.notes[1]


def test_a_key_in_another_form_is_left_and_named() -> None:
    made, new = after(spec(BASE, VOLTA, "\n[keys]\nvolta.rpm = 1\n"), Release("volta"))
    assert "take it out by hand at fleet.toml:" in made.notes[1]
    assert "volta" in new.fleet.keys


def test_a_rename_that_leads_to_a_released_node_goes_too() -> None:
    other = '\n# Still to be done.\n[[moved]]\nfrom = "node.b"\nto = "node.c"\n'
    more = '\n[nodes.c]\nhost = "c.example"\nrole = "worker"\n'
    done = '\n# Done in May.\n[[moved]]\nfrom = "node.old"\nto = "node.volta"\n'
    limits = "\n[keys.volta]\nrpm = 60\n"
    for blocks in ((done, other), (other, done)):
        made, new = after(spec(BASE, VOLTA, limits, more, *blocks), Release("volta"))
        assert text(made) == BASE + more + other
        assert new.fleet.moved == {node("b"): node("c")}
        assert "the [[moved]] to node.volta goes too" in made.notes
    made, _ = after(spec(BASE, VOLTA, limits, more, done), Release("volta"))
    assert text(made) == BASE + more
    inline = spec('moved = [{ from = "node.old", to = "node.volta" }]\n' + BASE, VOLTA)
    with pytest.raises(EditError, match="not edited by command"):
        edited(inline, Release("volta"))


def test_a_file_that_is_left_empty_goes() -> None:
    loaded = spec(BASE, "\n[keys.volta]\nrpm = 1\n", volta="# mail\n" + VOLTA.lstrip(), b="# b\n")
    made, new = after(loaded, Release("volta"))
    assert list(made.files.items()) == [("nodes/volta.toml", None), ("fleet.toml", made.files["fleet.toml"])]
    assert new.fleet.nodes == {}
    loaded = spec(BASE, volta="# All of the mailbox's.\n\n" + VOLTA.lstrip())
    made, _ = after(loaded, Release("volta"))
    assert made.files == {"nodes/volta.toml": b"# All of the mailbox's.\n"}
    assert "nodes/volta.toml stays, with nothing but its comments" in made.notes


def test_a_file_that_is_included_by_its_name_stays_empty() -> None:
    main = 'include = ["nodes/volta.toml"]\n' + BASE
    loaded = load(Path("/nowhere/fleet.toml"), {"fleet.toml": main.encode(), "nodes/volta.toml": VOLTA.encode()})
    assert edited(loaded, Release("volta")).files == {"nodes/volta.toml": b""}


def test_a_new_node_gets_a_file_of_its_own_where_the_spec_includes_such() -> None:
    fields = {"host": "n.example", "role": "worker", "files.compose": "docker-compose.yml", "owner": None}
    block = (
        '[nodes.new]\nhost = "n.example"\nrole = "worker"\nfiles = { compose = "docker-compose.yml" }\nowner = "Me"\n'
    )
    made, new = after(spec(BASE, volta=VOLTA), Register("new", fields), "Me")
    assert made.files == {"nodes/new.toml": block.encode()}
    assert new.fleet.nodes["new"].files == {"compose": "docker-compose.yml"}
    made, new = after(spec(BASE, VOLTA), Register("new", fields), "Me")
    assert text(made) == BASE + VOLTA + "\n" + block
    made, _ = after(spec(BASE, VOLTA.rstrip("\n")), Register("new", fields), "Me")
    assert text(made) == BASE + VOLTA + "\n" + block


def test_a_new_node_without_fields_is_written_for_the_checks_to_say_what_it_lacks() -> None:
    for made in (edited(spec(BASE, VOLTA), Register("new", {})), edited(spec(BASE, volta=VOLTA), Register("new", {}))):
        (written,) = made.files.values()
        assert written is not None
        assert tomllib.loads(written.decode())["nodes"]["new"] == {}


FORMS = [
    '\n[nodes]\nvolta.host = "v.example"\nvolta.role = "worker"\n',
    '\n[nodes]\nvolta = { host = "v.example", role = "worker" }\n',
    '\n[nodes]\n"volta" = { host = "v.example", role = "worker" }\n',
    '\n[nodes]\nother = { host = "o.example", role = "worker" }\nvolta.host = "v.example"\nvolta.model = "big"\n',
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("edit", [Assign("volta", "tiny"), Release("volta"), SetFields("volta", {"port": 1})])
def test_other_forms_are_refused_with_their_line(form: str, edit: Edit) -> None:
    loaded = spec(BASE, form)
    with pytest.raises(EditError, match="not edited by command") as error:
        edited(loaded, edit)
    line = (BASE + form).splitlines()[error.value.place.line - 1]
    assert error.value.code == "by-hand"
    assert line.lstrip('"').startswith("volta")


def test_an_inline_table_at_the_top_is_refused_too() -> None:
    loaded = spec('nodes = { volta = { host = "v.example", role = "worker" } }\n', BASE)
    for edit in (Assign("volta", "tiny"), Register("new", {"host": "n"})):
        with pytest.raises(EditError, match="by hand"):
            edited(loaded, edit)


def test_fields_in_a_form_of_their_own_are_refused() -> None:
    node = VOLTA.replace('role = "worker"\n', "") + '[nodes.volta.model]\nmodel = "big"\nvia = "ollama"\n'
    with pytest.raises(EditError, match="by hand") as error:
        edited(spec(BASE, node), Assign("volta", "tiny"))
    assert error.value.place.line == (BASE + node).splitlines().index("[nodes.volta.model]") + 1


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (Assign("volto", "big"), "unknown-node"),
        (Release('x"\n[evil]'), "unknown-node"),
        (SetFields("volta", {"openclaw.gateway": 1}), "bad-field"),
        (SetFields("volta", {"model.via": "x"}), "bad-field"),
        (SetFields("volta", {"labels.": "x"}), "bad-field"),
        (Register("../evil", {}), "bad-name"),
        (Register("a" * 64, {}), "bad-name"),
        (Register("$(id)", {}), "bad-name"),
        (Register("new", {"host": object()}), "bad-field"),
        (Register("new", {"host": "\udcc3"}), "bad-field"),
        (SetFields("volta", {"owner": "Zo\udcc3"}), "bad-field"),
    ],
)
def test_what_cannot_be_meant_is_refused(edit: Edit, code: str) -> None:
    with pytest.raises(EditError) as error:
        edited(spec(BASE, VOLTA), edit)
    assert error.value.code == code
    assert str(error.value).isprintable()


@pytest.mark.parametrize("value", ['x"\n[nodes.evil]\nhost = "e"', "$(id)`id`", "\u2028", "'''", "{name}", "\\", "é"])
def test_no_value_gets_out_of_its_quotes(value: str) -> None:
    made = edited(spec(BASE, VOLTA), SetFields("volta", {"owner": value, "labels.x": value, f"labels.{value}": "x"}))
    found = tomllib.loads(text(made))["nodes"]
    assert list(found) == ["volta"]
    assert found["volta"]["owner"] == value
    assert found["volta"]["labels"] == {"x": value, value: "x"}


NAMES = ["a", "b-1", "c", "d"]
COMMENT = st.sampled_from(
    ["", "\n", "# remark\n", "\n# of the next\n", "\n# free\n\n", "# [nodes.z]\n", "  # x = 1\n\n\n"]
)
TAIL = st.sampled_from(["", "  # told", "\t# 'quoted' \"too\""])


@st.composite
def blocks(draw: st.DrawFn, name: str) -> list[str]:
    """The text of one node: its sections, each with its own comments inside."""
    head = draw(st.sampled_from([f"[nodes.{name}]", f'[nodes."{name}"]', f"  [ nodes . '{name}' ]"]))
    body = [f'host = "{name}.example"']
    body += draw(
        st.sampled_from([['role = "worker"'], ['model = "big"'], ['model = { model = "big", via = "ollama" }']])
    )
    if body[1].startswith("model"):
        body += draw(
            st.sampled_from([[], ['fallbacks = ["small"]'], ["fallbacks = [\n  'small', # one\n  # two\n  'tiny',\n]"]])
        )
    body += draw(st.sampled_from([[], ["port = 18_790"], ["labels = { x = 'y' }"], ['labels.x = """y\\\n  z"""']]))
    order = draw(st.permutations(body))
    lines = [f"{draw(st.sampled_from(['', '  ']))}{line}{draw(TAIL)}" for line in order]
    at = draw(st.integers(0, len(lines)))
    lines[at:at] = draw(st.sampled_from([[], ["# inside"], ["", "# inside", ""]]))
    text = f"{head}{draw(TAIL)}\n" + "".join(f"{line}\n" for line in lines)
    inner = draw(
        st.sampled_from(["", f"[nodes.{name}.env]\nT = 'env:T' # t\n", f"\n[nodes.{name}.openclaw.x]\ny = 1\n"])
    )
    return [text, *([inner] if inner else [])]


@st.composite
def fleets(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]]]:
    """The text of a fleet, and its pieces: whose it is, and the text."""
    pieces = [("", BASE)]
    for name in NAMES[: draw(st.integers(1, 4))]:
        for text in draw(blocks(name)):
            pieces += [("", draw(COMMENT)), (name, text)]
        if draw(st.booleans()):
            pieces += [("", draw(COMMENT)), (f"key {name}", f"[keys.{name}]\nrpm = 60 # a minute\n")]
    pieces.append(("", draw(COMMENT)))
    return draw(st.sampled_from(["\n", "\r\n"])), pieces


def asked(names: list[str]) -> st.SearchStrategy[Edit]:
    name = st.sampled_from(names)
    model = st.sampled_from(["big", "small", "tiny"])
    fields = st.fixed_dictionaries(
        {},
        optional={
            "port": st.sampled_from([18789, 18790, None]),
            "owner": st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=8).filter(str.strip),
            "labels.x": st.sampled_from(["y", "q", None]),
            "labels.new": st.sampled_from(["y", None]),
            "env.T": st.sampled_from(["env:T", "env:U", None]),
            "fallbacks": st.sampled_from([["tiny"], [], ["small"]]),
        },
    )
    return st.one_of(
        st.builds(Assign, name, model),
        st.builds(Release, name),
        st.builds(SetFields, name, fields),
        st.builds(Register, st.just("new"), st.just({"host": "n.example", "role": "worker"})),
    )


def kept(edit: Edit, pieces: list[tuple[str, str]], end: str) -> list[str]:
    """What belongs to others, whole and in its order; between any two of them lies the node's own place."""
    gone = isinstance(edit, Release)
    mine = {edit.node, f"key {edit.node}"} if gone else {edit.node}
    texts = [""]
    for whose, piece in pieces:
        beside = gone and whose == "" and piece != BASE
        if whose in mine or beside:  # a remark right beside a block that goes may go with it, a free one not
            texts += ["# free", ""] if beside and "# free" in piece else [""]
        else:
            texts[-1] += piece.replace("\n", end)
    last = max((at for at, one in enumerate(texts) if one), default=0)
    while (
        gone and last < len(texts) - 1 and texts[last].endswith(end * 2)
    ):  # blank lines before a last block go with it
        texts[last] = texts[last].removesuffix(end)
    return [*texts, ""] if isinstance(edit, Register) else texts


def holds(text: str, texts: list[str]) -> bool:
    """Whether the text starts with the first, ends with the last, and has the others between in their order."""
    if len(texts) == 1:
        return text == texts[0]
    at = len(texts[0])
    for one in texts[1:-1]:
        found = text.find(one, at)
        if found < 0:
            return False
        at = found + len(one)
    return text.startswith(texts[0]) and text.endswith(texts[-1]) and len(text) - len(texts[-1]) >= at


@given(st.data())
def test_everything_outside_the_edited_block_stays(data: st.DataObject) -> None:
    end, pieces = data.draw(fleets())
    before = "".join(text for _, text in pieces).replace("\n", end)
    loaded = load(Path("/nowhere/fleet.toml"), {"fleet.toml": before.encode()})
    assert loaded.fleet is not None, loaded.findings
    edit = data.draw(asked(list(loaded.fleet.nodes)))
    made = edited(loaded, edit)
    new = text(made) if made.files else before
    assert holds(new, kept(edit, pieces, end))
    assert end == "\n" or "\n" not in new.replace("\r\n", "")
    if not isinstance(edit, Release):
        remarks = [line for line in before.split(end) if line.strip().startswith("#")]
        assert [line for line in new.split(end) if line.strip().startswith("#")] == remarks
    means(edit, tomllib.loads(before.replace("\r\n", "\n")), tomllib.loads(new.replace("\r\n", "\n")))
    judged = load(Path("/nowhere/fleet.toml"), {"fleet.toml": new.encode()})
    if isinstance(edit, Assign):
        assert judged.fleet is not None, judged.findings
        chain = judged.fleet.nodes[edit.node].chain
        assert str(chain[0]) == edit.model
        assert len(set(chain)) == len(chain)


def means(edit: Edit, old: dict[str, Any], new: dict[str, Any]) -> None:
    """What the text says by now is what it said, and the edit."""
    block = new.get("nodes", {}).pop(edit.node, None)
    old.get("nodes", {}).pop(edit.node, None)
    if isinstance(edit, Release):
        assert block is None
        old.get("keys", {}).pop(edit.node, None)
    elif not isinstance(edit, Assign):
        for name, value in edit.fields.items():
            group, _, key = name.partition(".")
            assert (block.get(group, {}).get(key) if key else block.get(name)) == value
    assert {k: v for k, v in new.items() if v} == {k: v for k, v in old.items() if v}


MANY = {("models", name, "backends"): ["gpu", "other"] for name in ("big", "small", "tiny")}
MANY |= {("models", "big", "context"): 65536, ("models", "tiny", "backends"): ["gpu"]}
OTHER = '[backends.other]\nhost = "o"\nproxy = "main"\n[backends.other.ollama]\nurl = "http://o:11434"\n'


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_many_values_at_once_are_what_they_are_one_by_one(ends: str) -> None:
    remarked = BASE.replace('backends = ["gpu"]', 'backends = [\n  "gpu", # first\n]', 1)
    text = (remarked + OTHER + VOLTA).replace("\n", ends)
    at_once = with_values(spec(text), MANY).files["fleet.toml"]
    one_by_one = text
    for path, value in MANY.items():
        made = with_values(spec(one_by_one), {path: value}).files.get("fleet.toml")
        one_by_one = made.decode() if made is not None else one_by_one
    assert at_once is not None
    assert at_once.decode() == one_by_one
    assert with_values(spec(one_by_one), MANY).files == {}


def test_of_many_values_the_one_that_is_not_edited_is_named() -> None:
    inline = 'models.small = { backends = ["gpu"], route = "ollama_chat/small:8b", context = 32768 }\n'
    first, _, rest = BASE.partition("[models.small]\n")
    text = inline + first.removeprefix("#:schema ./fleet.schema.json\n") + rest.partition("context = 32768\n")[2]
    with pytest.raises(EditError) as caught:
        with_values(spec(text, OTHER), MANY)
    assert caught.value.code == "by-hand"
    assert "models.small" in str(caught.value)


def test_a_value_of_a_list_that_is_replaced_keeps_its_place_and_its_remark() -> None:
    text = BASE.replace('backends = ["gpu"]', 'backends = [\n  "gpu", # the large one\n]', 1) + OTHER
    made = with_values(spec(text), {("models", "big", "backends"): ["other"]}).files["fleet.toml"]
    assert made is not None
    assert 'backends = [\n  "other", # the large one\n]' in made.decode()
