"""Reading a node's .env by one rule here and on the node, and answers that are not what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.clients.endpoint import bare, read, variables
from fleethub.clients.http_answer import HttpAnswer
from fleethub.clients.node_endpoints import ask_node
from fleethub.clients.shell import Local, Output, ShellError
from fleethub.model.endpoint import Call, Failure
from fleethub.model.text import heard
from tests.answers import NOISE, Printing, framed

KEY = "sk-abcdefghijklmnop"
LINES = [
    f"A='{KEY}'",
    f'A="{KEY}"',
    f"A={KEY}",
    f"export A='{KEY}'",
    f"A='{KEY}'\r",
    "A='other'",
    "A=",
    "A=''",
    "A='two words'",
    "A=$(id)",
    "A='`id`'",
    "A=back\\slash",
    "A=sk-ü",
    "# A=comment",
    " A=indented",
    f"\texport  A = '{KEY}'  # a comment",
    f"A={KEY} # a comment",
    f"A= {KEY} ",
    f"A='{KEY}'#",
    f"A='{KEY}'more",
    "A='it\\'s'",
    "AA=longer",
    "B='b'",
    "",
    "nonsense",
    f"\ufeffA='{KEY}'",
]


def on_a_node(folder: Path, data: bytes) -> dict[str, tuple[str, str]]:
    (folder / ".env").write_bytes(data)
    return ask_node(Local(), str(folder), ".env", ("A", "B"), ()).keys


@given(lines=st.lists(st.sampled_from(LINES), max_size=4), end=st.sampled_from(["", "\n"]))
def test_the_node_reads_its_variables_as_we_do(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str
) -> None:
    data = ("\n".join(lines) + end).encode()
    there = on_a_node(tmp_path_factory.mktemp("node"), data)
    for name, (state, value) in variables(data, ("A", "B")).items():
        assert there[name] == (state, value.sha256() if value else "-"), (data, name)


ALONE = ["", " ", KEY, f"\t{KEY}\r\n\n", f"{KEY}\n{KEY}", f"{KEY} x", "$(id)", "sk-ü", "\0", f"\n\v{KEY}\f", "A=1"]


@pytest.mark.parametrize("text", ALONE)
def test_the_node_reads_a_key_that_is_alone_as_we_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "the key").write_bytes(text.encode())
    said = ask_node(Local(), str(tmp_path), "the key", ("the key",), (), bare=True)
    state, value = bare(text.encode())
    assert said.keys == {"the key": (state, value.sha256() if value else "-")}


@pytest.mark.parametrize("line", ["A='", "A='half\"", 'A="', f"A='{KEY}\nB='b"])
def test_a_quote_that_does_not_end_is_no_key(tmp_path: Path, line: str) -> None:
    """Compose refuses such a file; what else of it each side takes for a variable is not the same."""
    data = f"{line}\n".encode()
    assert on_a_node(tmp_path, data)["A"] == ("odd", "-")
    assert variables(data, ("A",)) == {"A": ("odd", None)}


def test_no_file_and_what_is_none(tmp_path: Path) -> None:
    assert ask_node(Local(), str(tmp_path), ".env", ("A",), ()).keys == {"A": ("no-file", "-")}
    (tmp_path / ".env").mkdir()
    assert ask_node(Local(), str(tmp_path), ".env", ("A",), ()).keys == {"A": ("unreadable", "-")}


def test_values_of_the_spec_are_no_commands(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s $(touch pwned) "`id`" ; &'
    folder.mkdir()
    (folder / ".env").write_text(f"A='{KEY}'\n")
    url = "http://127.0.0.1:9/'$(touch${IFS}pwned)'`id`?{a,b}[1-3];&"
    call = Call("chat", url, "A", 2, '{"model": "$(touch pwned)\'\\\\"}')
    said = ask_node(Local(), str(folder), ".env", ("A",), (call,))
    assert said.keys["A"][0] == "ok"
    assert said.replies[0].failure is Failure.CONNECT
    assert not list(tmp_path.rglob("pwned"))
    assert not Path("pwned").exists()
    with pytest.raises(ShellError, match="line break"):
        ask_node(Local(), "a\nb", ".env", (), ())


class Says:
    """A node whose login shell has its own way."""

    def __init__(self, out: bytes, frame: bool = True) -> None:
        self.out, self.frame = out, frame

    def run(self, script: str, stdin: bytes = b"", timeout: float = 20.0) -> Output:
        return Output(0, framed(script, self.out) if self.frame else self.out, b"")


@pytest.mark.parametrize(
    "out",
    [
        b"",
        b"Welcome to volta!\n",
        b"tool curl\n",
        b"tool curl\ncall 0 0 200 1 999999\n{}\nend\n",
        b"tool curl\ncall 7 0 200 1 2\n{}\nend\n",
        b"tool curl\ncall 0 0 200 1 x\n{}\nend\n",
        b"tool curl\n\xff\xfe\nend\n",
        b"failed the node has no room for a temporary folder\n",
    ],
)
def test_what_is_not_the_scripts_answer(out: bytes) -> None:
    call = Call("models", "http://x", "", 1)
    with pytest.raises(ShellError, match=r"breaks off|no room"):
        ask_node(Says(out), "/srv", ".env", (), (call,))
    with pytest.raises(ShellError, match="is not that of FleetHub's script"):
        ask_node(Says(out, frame=False), "/srv", ".env", (), (call,))


@pytest.mark.parametrize(("before", "after"), NOISE)
def test_what_a_login_script_writes_around_it_is_skipped(tmp_path: Path, before: bytes, after: bytes) -> None:
    (tmp_path / ".env").write_text(f"A='{KEY}'\n")
    shouting = b"key A absent -\nend\n"
    said = ask_node(Printing(Local(), before + shouting, shouting + after), str(tmp_path), ".env", ("A", "B"), ())
    assert {name: state for name, (state, _) in said.keys.items()} == {"A": "ok", "B": "absent"}


def test_an_env_that_cannot_be_looked_at_is_not_absent(tmp_path: Path) -> None:
    def state(folder: Path) -> str:
        return ask_node(Local(), str(folder), ".env", ("A",), ()).keys["A"][0]

    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    assert state(tmp_path / "nowhere") == "no-file"
    assert state(tmp_path / "file") == "unreadable"
    assert state(tmp_path / "loop") == "unreadable"


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"data": 3}, {"data": ["x"]}, {"models": {"a": 1}}, {"done": False}, {"choices": None}, "text"],
)
@pytest.mark.parametrize("wants", ["models", "tags", "chat", "generate"])
def test_a_good_status_with_something_else(body: object, wants: str) -> None:
    call = Call(wants, "http://x", "", 1)  # type: ignore[arg-type]
    assert read(call, HttpAnswer(200, body)).failure is Failure.SHAPE


def test_an_answer_without_keys_and_digests() -> None:
    text = f"Rate limit exceeded for api_key: {'ab12' * 16}. Received sk-...c-Tg, {KEY}, \x1b[31mred"
    assert heard(text) == "Rate limit exceeded for api_key: …. Received …, …, red"
