"""Calls of a node's endpoints from the node itself, by the script ``endpoints.sh``: its input, and what it answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from json import loads

from fleethub.clients.answer import ask
from fleethub.clients.endpoint import counted, read
from fleethub.clients.http_answer import HttpAnswer
from fleethub.clients.scripts import load
from fleethub.clients.shell import Shell, ShellError
from fleethub.model.dataclass import dataclass
from fleethub.model.endpoint import Call, Failure, Reply

MOST = 256 << 10  # bytes of one answer
ALL = 3 << 20  # bytes of all of them; a shell gives at most 4 MiB
SPARE = 20.0  # seconds for what is not waiting
_CODES = {
    "5": Failure.RESOLVE,
    "6": Failure.RESOLVE,
    "7": Failure.CONNECT,
    "28": Failure.HANGS,
    "skip": Failure.SKIPPED,
}

SCRIPT = load("endpoints")


@dataclass(frozen=True, slots=True)
class NodeSaid:
    """``tool`` is curl, wget or none; ``keys`` has (state, digest) of each variable."""

    tool: str
    keys: dict[str, tuple[str, str]]
    replies: tuple[Reply, ...]


def ask_node(
    shell: Shell, folder: str, file: str, names: Sequence[str], calls: Sequence[Call], bare: bool = False
) -> NodeSaid:
    """Make the calls on a node; raises ShellError. ``file`` is the path of its ``.env`` below its folder, or of one
    that holds the key alone (``bare``), whatever it is called.
    """
    most = min(MOST, ALL // max(len(calls), 1))
    words = {name: f"K{number}" for number, name in enumerate(names)} if bare else {name: name for name in names}
    lines = [folder, file, "bare" if bare else "env", str(most), *words.values(), ""]
    for call in calls:
        after = "-" if call.after is None else str(call.after)
        method = "POST" if call.body else "GET"
        lines += [method, f"{call.limit:g}", words.get(call.variable, call.variable) or "-", after, call.url, call.body]
    lines.append("end")
    if any("\n" in line or "\r" in line or "\0" in line for line in lines):
        raise ShellError("a line break in a value of the spec; nothing was asked")
    first = max((call.limit for call in calls if call.after is None), default=0)
    timeout = first + sum(call.limit for call in calls if call.after is not None) + SPARE
    output = ask(shell, SCRIPT, "\n".join((*lines, "")).encode(), timeout)
    said = _parse(output.out, calls)
    back = {word: name for name, word in words.items()}
    return replace(said, keys={back.get(word, word): told for word, told in said.keys.items()})


def _parse(out: bytes, calls: Sequence[Call]) -> NodeSaid:
    tool, keys, replies = "none", {}, dict[int, Reply]()
    by: dict[str, dict[str, str]] = {}
    rest = out
    while rest:
        head, _, rest = rest.partition(b"\n")
        match head.decode("utf-8", "replace").split(" "):
            case ["tool", what]:
                tool = what
            case ["key", name, state, value]:
                keys[name] = (state, value)
            case ["by", number, fallbacks, *group]:
                by[number] = {"x-litellm-attempted-fallbacks": fallbacks, "x-litellm-model-group": " ".join(group)}
            case ["call", number, code, status, connected, length]:
                call, size = counted(number), counted(length)
                if call is None or size is None:
                    break
                body, rest = rest[:size], rest[size + 1 :]
                if call < len(calls):
                    replies[call] = _reply(calls[call], code, status, connected, body, by.get(number, {}))
            case ["failed", *words]:
                raise ShellError(" ".join(words))
            case ["end"] if len(replies) == len(calls):
                return NodeSaid(tool, keys, tuple(replies[i] for i in range(len(calls))))
            case _:
                break
    raise ShellError("the node's answer breaks off, or is not the script's")


def _reply(call: Call, code: str, status: str, connected: str, body: bytes, by: dict[str, str]) -> Reply:
    if code == "0" and (answered := counted(status)):
        try:
            parsed = loads(body)
        except (ValueError, RecursionError):
            parsed = None
        return read(call, HttpAnswer(answered, parsed, by))
    failure = _CODES.get(code, Failure.OTHER)
    if failure is Failure.HANGS and not connected.strip("0."):
        failure = Failure.SILENT
    detail = f" (curl's code {code})" if failure is Failure.OTHER else ""
    return Reply(failure=failure, says=failure.value + detail)
