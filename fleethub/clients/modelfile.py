"""What a Modelfile says of a model's files, as ``/api/show`` writes it: each is a blob, named by its digest."""

from __future__ import annotations

import re
from typing import Any

from fleethub.model.dataclass import dataclass

LONGEST = 64  # lines before the template: one a file
_BLOB = re.compile(r"sha256[-:]([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Blobs:
    """Digests in hex: of the weights (empty: not told), of ``beside`` them ("adapter HEX"), of the ``draft``."""

    weights: str = ""
    beside: tuple[str, ...] = ()
    draft: str = ""


def blobs(text: Any) -> Blobs:
    """The files, which stand before everything else; a template below them may hold any text."""
    weights, beside, draft = "", list[str](), ""
    for line in text.splitlines()[:LONGEST] if isinstance(text, str) else ():
        word, _, path = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        if word not in ("FROM", "ADAPTER", "DRAFT"):
            break
        match = _BLOB.search(path)
        if match is None:
            continue
        if word == "DRAFT":
            draft = match[1]
        elif word == "FROM" and not weights:
            weights = match[1]
        else:
            beside.append(f"{'adapter' if word == 'ADAPTER' else 'projector'} {match[1]}")
    return Blobs(weights, tuple(beside), draft)
