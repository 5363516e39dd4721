"""The tree of a YAML file, with the place of each value: PyYAML's, in which an alias is a leaf and is not followed, so
that a small file stays small.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

from yaml import AliasEvent, MappingNode, Mark, Node, SafeLoader, ScalarNode, SequenceNode, YAMLError
from yaml.composer import ComposerError
from yaml.constructor import SafeConstructor

from fleethub.formats.edits import NotEditable, Path
from fleethub.formats.named import name_of

LARGEST = 128 * 1024  # characters; PyYAML takes half a second for them, and a change reads it a few times
TAG = "tag:yaml.org,2002:"
ALIAS = "alias"
LONGEST = 400  # characters of a number; Python writes no more than 4300 digits
_ENDS = re.compile("[\x85\u2028\u2029]")  # end a line in YAML 1.1, and in 1.2, which Continue reads, do not
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_HALF = re.compile("[\ud800-\udfff]")  # of a character, which no UTF-8 has
_make = SafeConstructor()
_MADE = {
    f"{TAG}null": lambda node: None,
    f"{TAG}str": lambda node: node.value,
    f"{TAG}bool": _make.construct_yaml_bool,
}
_NUMBERS = {f"{TAG}int": _make.construct_yaml_int, f"{TAG}float": _make.construct_yaml_float}


class _Loader(SafeLoader):  # type: ignore[misc]
    """Composes the tree with aliases as leaves, and says of each node whether it has an anchor or a tag."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, AliasEvent):
            if event.anchor not in self.anchors:
                raise ComposerError(None, None, "an alias of nothing", event.start_mark)
            self.get_event()
            return ScalarNode(ALIAS, event.anchor, event.start_mark, event.end_mark)
        node = super().compose_node(parent, index)
        node.marked = event.anchor is not None or event.tag is not None
        return node


def root_of(text: str) -> Node | None:
    """The tree of the one document; None where there is none. Raises NotEditable."""
    if len(text) > LARGEST:
        raise NotEditable(f"it is larger than {LARGEST // 1024} KiB")
    if found := _ENDS.search(text):
        number = text.count("\n", 0, found.start()) + 1
        raise NotEditable(f"U+{ord(found[0]):04X} ends a line there for some programs alone (line {number})")
    try:
        root = _Loader(text).get_single_node()
    except (YAMLError, ValueError, OverflowError) as error:  # as of an escape that is no character
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f" (line {line + 1})" if line is not None else ""
        raise NotEditable(f"it cannot be read as one document of YAML{where}") from None
    except RecursionError:
        raise NotEditable("it is nested too deeply") from None
    nothing = isinstance(root, ScalarNode) and root.start_mark.index == root.end_mark.index  # as behind a bare ---
    return None if nothing else root


def value_of(node: Node) -> Any:
    """As JSON has it; a key as it is written, and what JSON has not (a date, a tag, an alias) as a text of its own."""
    if isinstance(node, SequenceNode):
        return [value_of(one) for one in node.value]
    if not isinstance(node, MappingNode):
        return _scalar(node)[0]
    table: dict[str, Any] = {}
    for key, one in node.value:
        if not isinstance(key, ScalarNode) or key.tag == ALIAS or key.value in table or _HALF.search(key.value):
            why = "stands there twice" if isinstance(key, ScalarNode) and key.value in table else "is no text"
            raise NotEditable(f"a key of it {why} (line {key.start_mark.line + 1})")
        table[key.value] = value_of(one)
    return table


def _scalar(node: Node) -> tuple[Any, bool]:
    """What a scalar says, and whether JSON and UTF-8 have it; else it is a text of its own."""
    try:
        text = node.value.encode().decode()
        if node.tag in _MADE:
            return _MADE[node.tag](node), True
        made = _NUMBERS[node.tag](node) if len(text) <= LONGEST else None
    except (YAMLError, LookupError, ValueError, OverflowError):  # half a character, no number, or none of Python's
        text, made = ascii(node.value), None
    known = made is not None and (isinstance(made, int) or isfinite(made))
    return (made if known else f"{node.tag} {text}"), known


def hidden(root: Node, path: Path) -> str:
    """What on the way to a value, or at it, makes it come from elsewhere or be told elsewhere too."""
    node = root
    for depth in range(len(path) + 1):
        line = f"its {'.'.join(path[:depth]) or 'whole'} (line {node.start_mark.line + 1})"
        if node.tag == ALIAS or getattr(node, "marked", False):
            return f"{line} has an anchor, an alias or a tag: write it out"
        if depth == len(path):
            told = not isinstance(node, ScalarNode) or _scalar(node)[1]
            return "" if told else f"{line} is a date, or no number or text of JSON: write it as one"
        if isinstance(node, MappingNode) and any(key.tag == f"{TAG}merge" for key, _ in node.value):
            return f"{line} takes what it says from elsewhere (<<): write it out"
        found = [(key, one) for name, key, one in entries(node) if name == path[depth]]
        if not found:
            return ""
        key, node = found[0]
        if key is not None and (key.tag != f"{TAG}str" or getattr(key, "marked", False)):
            return f"{line} has a key that is no plain text: write it in quotes"
    return ""


def unsaid(node: Node) -> int | None:
    """The line at which something stands that JSON has not (a date, an alias, a tag of somebody's own); None: none."""
    if isinstance(node, ScalarNode):
        return None if _scalar(node)[1] else int(node.start_mark.line) + 1
    inner = node.value if isinstance(node, SequenceNode) else [one for pair in node.value for one in pair]
    return next((line for one in inner if (line := unsaid(one)) is not None), None)


def entries(node: Node) -> list[tuple[str | None, Node | None, Node]]:
    """Name, key and value of each entry of a table or list."""
    if isinstance(node, MappingNode):
        return [(key.value, key, one) for key, one in node.value]
    if isinstance(node, SequenceNode):
        if not hasattr(node, "named"):
            node.named = [(_name_of(one), None, one) for one in node.value]
        named: list[tuple[str | None, Node | None, Node]] = node.named
        return named
    return []


def _name_of(node: Node) -> str | None:
    """As ``name_of`` says of its value, without making that."""
    pairs = node.value if isinstance(node, MappingNode) else ()
    return name_of({key.value: _scalar(one)[0] for key, one in pairs if isinstance(one, ScalarNode)})


def last(node: Node) -> Node:
    """The value that is written last in a table or list."""
    found: Node = node.value[-1][1] if isinstance(node, MappingNode) else node.value[-1]
    return found


def nodes_to(root: Node | None, text: str, path: Path) -> list[Node]:
    """The nodes on the way to a path, as far as it is there, from the root on."""
    way = [_empty(text) if root is None else root]
    for key in path:
        found = next((one for name, _, one in entries(way[-1]) if name == key), None)
        if found is None:
            break
        way.append(found)
    return way


def _empty(text: str) -> Node:
    at = Mark("", len(text), 0, 0, None, None)
    return ScalarNode(f"{TAG}null", "", at, at)


def is_block(node: Node) -> bool:
    """Whether it is a table or list in lines, not between brackets."""
    return not isinstance(node, ScalarNode) and not node.flow_style


def end_of(text: str, node: Node) -> int:
    """Where what a node says ends: of a block the marks end behind the comments and empty lines that follow it."""
    if is_block(node):
        return end_of(text, last(node))
    start, end = int(node.start_mark.index), int(node.end_mark.index)
    if not (chomped := chomping(text, node)):
        return end
    said = text[start:end]
    if chomped == "+":  # its empty lines are its own
        return start + len(said.rstrip(" ").removesuffix("\n").removesuffix("\r"))
    lines = _LINE.findall(said)
    indent = _indent(lines[1:])
    while len(lines) > 1 and not lines[-1].strip(" \r\n") and len(lines[-1].rstrip("\r\n")) <= indent:
        lines.pop()  # and one of more spaces is a line of the text
    return start + len("".join(lines).rstrip("\r\n"))


def _indent(lines: list[str]) -> int:
    """Spaces before the lines of a text; what has more is more than an empty line."""
    return min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip(" \r\n")), default=LARGEST)


def end_of_empty(text: str, at: int, node: Node) -> int:
    """Where those of the empty lines behind a place end that would be lines of the text which is last in a node, if it
    came to stand right before them.
    """
    if not (chomped := chomping(text, node)):
        return at
    while is_block(node):
        node = last(node)
    indent, end = _indent(_LINE.findall(text[node.start_mark.index : node.end_mark.index])[1:]), at
    for line in _LINE.finditer(text, at):
        if line[0].strip():
            break
        if chomped == "+" or len(line[0].rstrip("\r\n")) > indent:
            end = line.end()
    return end


def chomping(text: str, node: Node) -> str:
    """How a text in lines of its own, or what is last in a node, ends: ``+``, ``-`` or ``clip``; empty: it is none."""
    while is_block(node):
        node = last(node)
    if not isinstance(node, ScalarNode) or node.style not in ("|", ">"):
        return ""
    head = text[node.start_mark.index : node.end_mark.index].splitlines()[0].partition("#")[0]
    return "+" if "+" in head else "-" if "-" in head else "clip"
