"""llama-swap: its API (``/v1/models``, ``/running``), and the YAML file that it is started with.

Read at llama-swap of August 2026 (commit 0bdb372): ``internal/config``, ``internal/router``, ``internal/matrix``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import Field

from fleethub import folders
from fleethub.clients.answered import Api, Lenient, valid
from fleethub.clients.http import Http
from fleethub.clients.llamacpp import Line
from fleethub.clients.matrix import MatrixError, expanded
from fleethub.clients.servers import ServerError
from fleethub.clients.shown import ShownCache
from fleethub.engines.llamacpp.settings import SPLITS, pairs
from fleethub.model.readings.server import Installed, ServerReading, SwapFile, SwapGroup

LARGEST = 4 << 20  # bytes of a file
MACRO = re.compile(r"\$\{([A-Za-z0-9_.-]{1,64})\}")
DEEP = 8  # macros within macros
COMMAND = 1 << 17  # characters: a longer one cannot be started
#: What PyYAML raises, beside its own errors, for a tag whose value is none (``!!bool x``), and for what nests too deep.
ODD = (ValueError, ArithmeticError, LookupError, AttributeError, TypeError, RecursionError, MemoryError)


class LlamaSwapError(ServerError):
    """The server or its file gave nothing usable; the message is fit to be shown."""


class _Row(Lenient):
    id: Line


class _Models(Lenient):
    data: list[_Row]


class _Run(Lenient):
    model: Line
    state: Line = ""


class _Running(Lenient):
    running: list[_Run]


class _Model(Lenient):
    cmd: str = ""
    aliases: list[Line] = Field([])
    macros: dict[str, str | int | float | bool] = Field({})
    env: list[str] = Field([])


class _Group(Lenient):
    swap: bool = True
    exclusive: bool = True
    persistent: bool = False
    members: list[Line] = Field([])


class _Matrix(Lenient):
    vars: dict[Line, Line] = Field({})
    sets: dict[Line, str]


class _Settings(Lenient):
    groups: dict[Line, _Group] | None = None
    matrix: _Matrix | None = None


class _Router(Lenient):
    use: str = "group"
    settings: _Settings = Field(default_factory=_Settings)


class _Routing(Lenient):
    router: _Router = Field(default_factory=_Router)


class _File(Lenient):
    models: dict[Line, _Model]
    macros: dict[str, str | int | float | bool] = Field({})
    groups: dict[Line, _Group] | None = None
    matrix: _Matrix | None = None
    routing: _Routing = Field(default_factory=_Routing)


class LlamaSwap:
    """One llama-swap."""

    def __init__(self, http: Http, url: str, cache: ShownCache | None = None) -> None:
        self._api = Api(http, url, LlamaSwapError)

    def read(self, ask: tuple[str, ...]) -> ServerReading:
        """What it serves, and what runs now (``told``: name -> state); raises LlamaSwapError."""
        models = self._api.get(_Models, "/v1/models").data
        running = self._api.get(_Running, "/running").running
        told = {run.model: run.state for run in running}
        return ServerReading("", {m.id: Installed(0, "") for m in models}, (), told)


def read_file(root: Path, name: str) -> SwapFile:
    """What its file says of models and who stays, by a path from the fleet's folder; raises LlamaSwapError.

    Of a command only what decides about memory is kept, and nothing of the file's keys.
    """
    path = root / name
    try:
        if folders.kind(path) != "file":
            raise LlamaSwapError(f"{path} is no file: config names llama-swap's YAML file")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        found = yaml.safe_load(data) if len(data) <= LARGEST else None
    except OSError as error:
        raise LlamaSwapError(f"{path} cannot be read: {error.strerror or error}") from None
    except (yaml.YAMLError, *ODD) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f":{line + 1}" if isinstance(line, int) else ""
        raise LlamaSwapError(f"{path}{where} is no YAML that can be read: correct it, or take config out") from None
    parsed = valid(_File, found, str(path), LlamaSwapError)
    models = {name: _options(path, name, model, parsed.macros) for name, model in parsed.models.items()}
    aliases = {alias: name for name, model in parsed.models.items() for alias in model.aliases}
    router = parsed.routing.router
    matrix = router.settings.matrix if router.use == "matrix" else parsed.matrix
    groups = router.settings.groups if router.use == "group" and router.settings.groups else parsed.groups
    listed = tuple(
        SwapGroup(name, g.swap, g.exclusive, g.persistent, frozenset(g.members)) for name, g in (groups or {}).items()
    )
    try:
        sets = expanded(matrix.sets, matrix.vars, frozenset(models)) if matrix is not None else None
    except MatrixError as error:
        raise LlamaSwapError(f"{path}: matrix: {error}") from None
    return SwapFile(models, aliases, listed, sets)


def _options(
    path: Path, name: str, model: _Model, macros: Mapping[str, str | int | float | bool]
) -> tuple[tuple[str, str], ...]:
    """The options of a command that decide about memory, macros filled in; raises LlamaSwapError."""
    values = {key: str(value) for key, value in {**macros, **model.macros}.items()} | {"MODEL_ID": name}
    text = re.sub(r"^\s*#.*$", "", model.cmd, flags=re.MULTILINE).replace("\\\n", " ")
    for _ in range(DEEP):
        if len(text) + sum(len(values.get(m[1], "")) for m in MACRO.finditer(text)) > COMMAND:
            raise LlamaSwapError(f"{path}: models.{name}.cmd is longer than a command can be")
        filled = MACRO.sub(lambda m: values.get(m[1], m[0]), text)
        if filled == text:
            break
        text = filled
    try:
        hides = [(name, "") for name in dict.fromkeys(e.partition("=")[0] for e in model.env) if name in SPLITS]
        return (*pairs(shlex.split(text)), *hides)
    except ValueError as error:
        raise LlamaSwapError(f"{path}: models.{name}.cmd is no command: {error}") from None
