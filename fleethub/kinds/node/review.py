"""What of a node can be compared without any secret: its chain, and its files by the digest of what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleethub.kinds.node.attributes import NodeAttrs, NodeResource
from fleethub.kinds.node.projection import UNRESOLVED

FINGERPRINT = "fp1:"


def reviewed(attrs: NodeAttrs, shape: str, want: NodeResource) -> Mapping[str, Any]:
    """``shape`` is of the files in the order in which they are rendered: their texts, secrets as placeholders.

    Of files that are somebody else's also the owned values that were rendered from what is no secret.
    """
    shapes = shape.split(" ")
    paths = [file.path for file in want.material.files]
    same = sorted(attrs.files) == sorted(paths) and len(shapes) == len(paths)
    texts = dict(zip(paths, shapes, strict=True)) if same else {}
    files = {
        path: {
            "text": texts.get(path, shape).removeprefix("shape:")[:12],
            **({"mode": file.mode} if file.mode else {}),
            **{name: text for name, text in (file.owned or {}).items() if _plain(text)},
        }
        for path, file in attrs.files.items()
    }
    project = {"project": attrs.project} if attrs.project else {}
    return {"chain": list(attrs.chain), "files": files, **project}


def _plain(text: str) -> bool:
    return text != UNRESOLVED and not text.startswith(FINGERPRINT)
