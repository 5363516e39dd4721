"""What plans take for granted of a recorded attribute, by its name; anything else of it is the kind's own."""

from __future__ import annotations

from typing import Any

from fleethub.model.observation import Attrs


def check(kind: str, attrs: Attrs) -> None:
    """Raise ValueError for attributes that nothing of that kind has."""
    for name in ("models", "chain"):
        if name in attrs:
            _texts(attrs[name], name)
    for name in ("value", "project"):
        _text(attrs.get(name, ""))
    for one in _list(attrs.get("deployments", []), "deployments"):
        if not isinstance(one, dict):
            raise ValueError(f"{one!r} is no deployment")
    files = attrs.get("files", {})
    if not isinstance(files, dict):
        raise ValueError("files is no table")
    for path, file in files.items():
        if not isinstance(file, dict) or path.startswith("/") or ".." in path.split("/"):
            raise ValueError(f"{path!r} is no file of a {kind}")
        _texts(file.get("before", []), "before")


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is no list")
    return value


def _texts(value: Any, name: str) -> None:
    for one in _list(value, name):
        _text(one)


def _text(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
