"""The table of lies: what a proxy, a node or a lockfile says that is not so, and what FleetHub must make of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fleethub.clients.process import Output
from fleethub.model.exit import Exit
from tests.real.liar import Lie, Said
from tests.support import MASTER

B_GONE = "without b"  # the spec without the block of node b, and so without its key
SAME = "as it is"
LIMIT = "another limit"  # of b's key
ALL_GONE = "destroy"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One lie. ``spec``: what is asked for meanwhile; ``code`` and ``says``: how ``apply`` must end, and what it tells.

    ``lives``: what must be there as before, in truth and in the lockfile.
    """

    proxy: Lie | None = None
    shell: Callable[[str, Output], Output] | None = None  # the script, what it said -> what comes back
    tool: str = ""  # a program that its machine lacks
    folder: Callable[[Path], None] | None = None  # done at node b itself
    lockfile: Callable[[str, str], str] | None = None  # its text, the stranger's URL -> its text
    spec: str = B_GONE
    code: int = Exit.REFUSED
    says: str
    lives: tuple[str, ...] = ("a", "b", "web")


def _list(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], **more: Any) -> Lie:
    """Another list of keys, which adds up in itself."""

    def lie(method: str, path: str, said: Said) -> Said | None:
        if said.status != 200 or not path.startswith("/key/list"):
            return None
        page = said.json
        keys = change(page["keys"])
        page |= {"keys": keys, "total_count": len(keys), "total_pages": 1, **more}
        return replace(said, body=json.dumps(page).encode())

    return lie


def _each(**fields: Any) -> Lie:
    """Each row of b's key with other fields."""
    return _list(lambda rows: [row | fields if row["key_alias"] == "b" else row for row in rows])


def _instead(prefix: str, said: Said, method: str = "") -> Lie:
    """An answer that the LiteLLM behind never gave, and a request that it never got."""

    def lie(asked: str, path: str, so_far: Said) -> Said | None:
        return said if path.startswith(prefix) and method in ("", asked) and so_far.status == 0 else None

    return lie


STRANGE = {"lineage": "99" * 16, "serial": 1, "generation": 1, "apply": "theirs"}
ERROR = json.dumps({"error": {"message": f"bad header Bearer {MASTER}", "type": "x", "code": "500"}}).encode()
KEYS = ("a", "web", "key b")  # what must live where node b may go, as its block is gone
UNREAD = {"code": Exit.PARTIAL, "lives": KEYS}
PROXY = {
    "the list of keys is empty": Row(proxy=_list(lambda rows: []), says="list of 0 keys lacks one", **UNREAD),
    "the list of keys lacks one": Row(
        proxy=_list(lambda rows: [row for row in rows if row["key_alias"] != "b"]),
        says="list of 3 keys lacks one that lives", **UNREAD,
    ),
    "the list counts more keys than it has": Row(
        proxy=_list(lambda rows: rows[:1], total_count=99), says="counts 99, and lists 1", **UNREAD
    ),
    "the list of keys is a web page": Row(
        proxy=_instead("/key/list", Said(200, b"<html>Log in</html>", "text/html")), says="unexpected answer", **UNREAD
    ),
    "the list fails, with the master key in the error": Row(
        proxy=_instead("/key/list", Said(500, ERROR)), says="HTTP 500", **UNREAD
    ),
    "a key bears another fleet's mark": Row(proxy=_each(metadata={"fleethub": STRANGE}), says="key.foreign", **UNREAD),
    "a key has another value": Row(proxy=_each(token="ab" * 32), says="keys lacks one that lives", **UNREAD),
    "there are two keys of one alias": Row(
        proxy=_list(lambda rows: [*rows, *({**r, "token": "ab" * 32} for r in rows if r["key_alias"] == "b")]),
        spec=LIMIT, says="key.alias-duplicate",
    ),
    "its database is gone": Row(
        proxy=_instead("/health/readiness", Said(200, b'{"status": "healthy", "db": "Not connected"}')),
        says="its database is not connected", **UNREAD,
    ),
    "it leads to somebody else": Row(proxy=_instead("/", Said(307, b"", to="STRANGER")), says="HTTP 307", **UNREAD),
    "it says that it deleted the key": Row(
        proxy=_instead("/key/delete", Said(200, b'{"deleted_keys": ["b"]}')), says="is deleted .* and still knows it",
        **UNREAD,
    ),
    "it says that it took the limit over": Row(
        proxy=_instead("/key/update", Said(200, b"{}")), spec=LIMIT, code=Exit.PARTIAL,
        says="did not take over rpm_limit",
    ),
}  # fmt: skip


def _answer(change: Callable[[bytes], bytes], code: int | None = None) -> Callable[[str, Output], Output]:
    return lambda script, said: Output(said.code if code is None else code, change(said.out), said.err)


def _cut_tar(out: bytes) -> bytes:
    """The files end in the middle, and the last line comes all the same."""
    body, frame, end = out.rpartition(b"\nfleethub ")
    return body[: len(body) // 2] + frame + end


def _mark(**fields: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        mark = folder / ".fleethub/mark.json"
        mark.write_text(json.dumps({**json.loads(mark.read_text()), **fields}))

    return change


def _taken(folder: Path) -> None:
    (folder / "openclaw.json").rename(folder / "openclaw.json.mine")
    (folder / "openclaw.json").mkdir()


def _damaged(folder: Path) -> None:
    (folder / ".fleethub/mark.json").write_text("{")


NOT_OURS = "its answer is not that of FleetHub's script"
NODE = {
    "a login script prints around the answer": Row(
        shell=_answer(lambda out: b"absent\nend\n" + out + b"\nabsent\nend\n"), spec=SAME, code=Exit.FINE,
        says="Nothing to do",
    ),
    "a login script prints instead of an answer": Row(
        shell=_answer(lambda out: b"absent\nend\n"), code=Exit.ERROR, says=NOT_OURS
    ),
    "it says nothing, and that all is well": Row(shell=_answer(lambda out: b"", 0), code=Exit.ERROR, says=NOT_OURS),
    "its answer has no end": Row(
        shell=_answer(lambda out: out.rpartition(b"\nfleethub ")[0]), code=Exit.ERROR,
        says="before its answer was whole",
    ),
    "its files end in the middle": Row(shell=_answer(_cut_tar), code=Exit.ERROR, says="what it sent cannot be read"),
    "all is to go, and it does not answer": Row(
        shell=_answer(lambda out: b"absent\nend\n"), spec=ALL_GONE, code=Exit.PARTIAL, says=NOT_OURS, lives=("b",)
    ),
    "it lacks tar": Row(tool="tar", code=Exit.ERROR, says="tar"),
    "its mark is another fleet's": Row(folder=_mark(lineage="99" * 16), says="node.foreign"),
    "its mark is damaged, its files are ours": Row(
        folder=_damaged, code=Exit.FINE, says="node.b/remove", lives=("a", "web")
    ),
    "its mark is of an apply to come": Row(folder=_mark(serial=99), code=Exit.STALE, says="state.behind"),
    "its mark is of a twin of this apply": Row(folder=_mark(apply="other"), code=Exit.STALE, says="state.behind"),
    "a folder stands in its config's place": Row(folder=_taken, spec=SAME, says="node.target-taken"),
}  # fmt: skip


def _swap(old: str, new: str) -> Callable[[str, str], str]:
    """A regular expression replaced, ``STRANGER`` in the new text by its URL."""

    def change(text: str, stranger: str) -> str:
        changed, times = re.subn(old, new.replace("STRANGER", stranger), text)
        assert times, f"{old} is not in the lockfile"
        return changed

    return change


def _block(name: str) -> str:
    """All tables of one resource."""
    return rf'(?ms)^\[resource\."{re.escape(name)}".*?(?=^\[resource\."(?!{re.escape(name)})|\Z)'


ORIGIN_B = r'(resource."key.main.b".source\]\n(?:.*\n)*?origin = ").*"'
CREDENTIAL = (re.escape('[resource."key.main.b".source]\n'), '[resource."key.main.b".source]\ncredential = ["WAY"]\n')
LOCKFILE = {
    "a key is at a stranger's": Row(
        lockfile=_swap(ORIGIN_B, r'\1STRANGER"'), code=Exit.PARTIAL, says="key.main.b", lives=KEYS
    ),
    "a key is at a stranger's, and all is to go": Row(
        lockfile=_swap(ORIGIN_B, r'\1STRANGER"'), spec=ALL_GONE, code=Exit.PARTIAL, says="key.main.b", lives=("key b",)
    ),
    "a node is where another is": Row(
        lockfile=_swap(r'origin = "(.*)nodes/b"', r'origin = "\1nodes/a"'), says="has node.a and node.b at .*nodes/a"
    ),
    "a credential is a file": Row(
        lockfile=_swap(CREDENTIAL[0], CREDENTIAL[1].replace("WAY", "file:/etc/passwd")), spec=SAME, code=Exit.ERROR,
        says="credential",
    ),
    "a credential is a command": Row(
        lockfile=_swap(CREDENTIAL[0], CREDENTIAL[1].replace("WAY", "command:touch RAN")), spec=SAME, code=Exit.ERROR,
        says="credential",
    ),
    "its serial is one less": Row(lockfile=_swap("serial = 1", "serial = 0"), code=Exit.STALE, says="state.behind"),
    "its lineage is another": Row(lockfile=_swap('lineage = ".*"', f'lineage = "{"99" * 16}"'), says="foreign"),
    "a key was taken out of it": Row(
        lockfile=_swap(_block("key.main.b"), ""), code=Exit.FINE, says="key.orphan", lives=KEYS
    ),
    "a node was taken out of it": Row(
        lockfile=_swap(_block("node.b"), ""), code=Exit.FINE, says="key.main.b", lives=("a", "web", "node b")
    ),
    "a key of ours is called as somebody's": Row(
        lockfile=_swap(r"key\.main\.b", "key.main.theirs"), code=Exit.FINE, says="key 'theirs' .* stays",
        lives=("a", "web", "theirs"),
    ),
    "it is of a format to come": Row(lockfile=_swap("format = 2", "format = 3"), code=Exit.ERROR, says="format"),
    "it has fields that nobody knows": Row(
        lockfile=_swap("serial = 1", 'serial = 1\nspell = "x"'), spec=SAME, code=Exit.ERROR, says="spell"
    ),
    "git left the marks of a conflict": Row(
        lockfile=_swap("serial = 1", "<<<<<<< ours\nserial = 1\n=======\nserial = 2\n>>>>>>> theirs"),
        code=Exit.ERROR, says="has a merge conflict",
    ),
    "an attribute is of another type": Row(
        lockfile=_swap(r'(?m)^value = .*$', "value = 7"), code=Exit.ERROR, says="key.main.a: value is 7"
    ),
    "it is empty": Row(lockfile=_swap(r"(?s)\A.*\Z", ""), code=Exit.ERROR, says="fleet.lock"),
    "it is lost": Row(lockfile=lambda text, stranger: "", code=Exit.STALE, says="state.lost"),
}  # fmt: skip
TABLES = {"proxy": PROXY, "node": NODE, "lockfile": LOCKFILE}
ROWS = {f"{who}: {name}": row for who, table in TABLES.items() for name, row in table.items()}
