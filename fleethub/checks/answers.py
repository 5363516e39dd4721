"""What is asked of a check, and what comes of it: as values, and as the lines that a worker reads and writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from fleethub.checks.fields import LISTS
from fleethub.model.dataclass import dataclass
from fleethub.model.fleet import Check

#: Of one check; what is more is counted in one more answer.
MOST_SAYS, LONGEST_SAYS = 20, 400


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """What a check says of the entry of that number, where it does not hold; -1: of the check itself.

    ``says``: a function's own words; why it has no answer; the field that is unknown.
    """

    check: int
    entry: int
    outcome: Literal["wrong", "unknown", "failed"]
    says: str = ""
    hint: str = ""


#: Asks checks of a view's document: see ``View.document``.
Evaluate = Callable[[Sequence[Check], Mapping[str, Any]], Sequence[CheckAnswer]]


def variables(document: Mapping[str, Any]) -> dict[str, Any]:
    """The lists that every check sees, by their names; one that is not known is missing."""
    return {name: document[about] for name, about in LISTS.items() if name not in document["unknown"]}


def unknown(document: Mapping[str, Any]) -> frozenset[str]:
    """Names of lists, and of fields of any entry, that are not known."""
    entries = (entry for about in LISTS.values() for entry in document[about])
    return frozenset(document["unknown"]).union(*(entry.get("unknown", ()) for entry in entries))


def question(checks: Iterable[Check], document: Mapping[str, Any]) -> bytes:
    """What a worker reads."""
    asked = [{"number": n, "about": c.about, "expression": c.expression, "use": c.use} for n, c in enumerate(checks)]
    return json.dumps({"checks": asked, "view": document}).encode()


def lines_of(text: bytes, checks: int) -> tuple[list[CheckAnswer], int]:
    """What a worker wrote, and how many of the checks it came through, up to a line that is torn or no answer."""
    found, done = list[CheckAnswer](), 0
    for line in _whole(text):
        if "done" in line:
            done = min(max(done, int(line["done"]) + 1), checks)
        else:
            found.append(CheckAnswer(**line))
    return found, done


def _whole(text: bytes) -> Iterator[dict[str, Any]]:
    for line in text.split(b"\n")[:-1]:
        try:
            yield json.loads(line)
        except ValueError:
            return
