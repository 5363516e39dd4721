"""Ollama's names of models: what it leaves out, what it does not tell apart, and which of them its cloud answers."""

from __future__ import annotations

import re
from functools import lru_cache

#: What a name without them means; it compares names without case.
HOST, NAMESPACE, TAG = "registry.ollama.ai", "library", "latest"
#: Who answers a cloud model where the server does not say it.
CLOUD = "ollama.com"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")


@lru_cache(maxsize=4096)  # every model of a disk is compared with every one that is asked for
def canonical(name: str) -> str:
    """The one short form: ``Library/Llama3`` and ``registry.ollama.ai/library/llama3`` are ``llama3:latest``.

    A source that is named (``:local``, ``:cloud``) is left out, or written as the tag that it is pulled by.
    """
    text = _SCHEME.sub("", name.strip().lower())
    base, cloud = _source(text)
    parts = base.split("/")
    if len(parts) > 2 and parts[0] == HOST:
        parts = parts[1:]
    if len(parts) == 2 and parts[0] == NAMESPACE:
        parts = parts[1:]
    short, tagged = "/".join(parts), ":" in parts[-1]
    if cloud:
        return f"{short}-cloud" if tagged else f"{short}:cloud"
    return short if tagged else f"{short}:{TAG}"


def is_cloud(name: str) -> bool:
    """Whether the name itself says that Ollama's cloud answers it, as in ``gpt-oss:120b-cloud``."""
    return _source(name.strip().lower())[1]


def _source(name: str) -> tuple[str, bool]:
    """The name without the source it names, and whether that is the cloud."""
    base, colon, last = name.rpartition(":")
    if not colon or "/" in last:
        return name, False
    if last in ("cloud", "local"):
        return base, last == "cloud"
    return (f"{base}:{last.removesuffix('-cloud')}", True) if last.endswith("-cloud") else (name, False)
