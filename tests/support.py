"""A fleet's folder for a test, and the command line on it, in this process."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

from fleethub.cli import main
from fleethub.clients.http import Http
from fleethub.clients.http_answer import HttpAnswer
from fleethub.fleetspec import load as load_spec
from fleethub.lockfile.text import load
from fleethub.operations.stores import known
from fleethub.operations.trust import remember
from fleethub.state.trust import TrustError

SEED = "fhseed1_" + "T3st" * 10 + "abc"
MASTER = "sk-master-1234"


def trust(folder: Path) -> None:
    """What an operator does who wrote the spec himself: this machine knows all that it uses."""
    fleet = load_spec(folder).fleet
    if fleet is not None:
        with contextlib.suppress(TrustError):
            remember(fleet, known(fleet))


class Place:
    """``run`` is one command line; ``code`` and ``out`` are of the last one. ``trusts``: whoever runs it knows what the
    spec uses, as if he had written it.
    """

    trusts = True
    _known: tuple[object, ...] = ()

    def __init__(self, folder: Path, spec: str, seed: str = SEED) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.write(spec)
        self.seed(seed)
        self.code, self.out = -1, ""

    def write(self, spec: str) -> None:
        """Replace the spec."""
        (self.folder / "fleet.toml").write_text(spec)
        self._trust()

    def _trust(self) -> None:
        """Again only when something changed of what it depends on."""
        files = [*self.folder.rglob("*.toml"), self.folder / "fleet.lock"]
        texts = [(path, path.read_bytes()) for path in sorted(files) if path.is_file()]
        now = (texts, os.environ.get("XDG_CONFIG_HOME"))
        if self.trusts and now != self._known:
            trust(self.folder)
            self._known = now

    def edit(self, old: str, new: str) -> None:
        """Change the spec in one place."""
        text = (self.folder / "fleet.toml").read_text()
        assert text.count(old) >= 1, f"{old!r} is not in the spec"
        self.write(text.replace(old, new, 1))

    def seed(self, seed: str) -> None:
        """Put a seed where the spec's file: reference points."""
        path = self.folder / "fleet.seed"
        path.write_text(seed + "\n")
        path.chmod(0o600)

    def run(self, *argv: str, code: int | None = None) -> str:
        """Run a command line; with ``code``, that is what it must end with."""
        self._trust()
        caught = io.StringIO()
        before = os.environ.get("LITELLM_MASTER_KEY")
        os.environ["LITELLM_MASTER_KEY"] = MASTER
        try:
            with contextlib.redirect_stdout(caught), contextlib.redirect_stderr(caught):
                try:
                    main(["-C", str(self.folder), *argv])
                except SystemExit as stop:
                    self.code = int(stop.code or 0)
        finally:
            if before is None:
                del os.environ["LITELLM_MASTER_KEY"]
            else:
                os.environ["LITELLM_MASTER_KEY"] = before
        self.out = caught.getvalue()
        assert code is None or self.code == code, f"{argv} ended with {self.code}, not {code}:\n{self.out}"
        return self.out

    def apply(self, code: int = 0) -> str:
        """``apply --auto-approve``."""
        return self.run("apply", "--auto-approve", code=code)

    def plan_is_empty(self) -> None:
        """The law: a plan after an apply is empty."""
        self.run("plan", "--detailed-exitcode", code=0)

    def json(self, *argv: str) -> list[dict[str, Any]]:
        """A command's NDJSON lines."""
        return [json.loads(line) for line in self.run("--json", *argv).splitlines()]

    def clone(self, folder: Path) -> Place:
        """What a colleague has: the spec, the lockfile and the seed, and no ``.fleethub``."""
        other = Place(folder, (self.folder / "fleet.toml").read_text())
        shutil.copy(self.folder / "fleet.seed", folder / "fleet.seed")
        self.push(other)
        return other

    def push(self, other: Place) -> None:
        """Give a colleague spec and lockfile, as git would."""
        for name in ("fleet.toml", "fleet.lock"):
            if (self.folder / name).exists():
                shutil.copy(self.folder / name, other.folder / name)

    @property
    def lockfile(self) -> Any:
        """The lockfile, which must be there."""
        return load((self.folder / "fleet.lock").read_text())

    def env(self, node: str) -> dict[str, str]:
        """The node's .env as a mapping."""
        lines = (self.folder / "nodes" / node / ".env").read_text().splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
        return {name: value.strip("'") for name, _, value in pairs}

    def bytes(self) -> dict[str, bytes]:
        """Every file outside ``.fleethub`` of the fleet's own folder, for "changes no byte"."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and path.relative_to(self.folder).parts[0] != ".fleethub"
        }


@contextlib.contextmanager
def recorded() -> Any:
    """The (method, path) of every request that FleetHub sends meanwhile."""
    sent: list[tuple[str, str]] = []
    original = Http.request

    def request(self: Http, method: str, url: str, **kwargs: Any) -> HttpAnswer:
        sent.append((method, "/" + url.split("/", 3)[3]))
        return original(self, method, url, **kwargs)

    Http.request = request  # type: ignore[method-assign, assignment]
    try:
        yield sent
    finally:
        Http.request = original  # type: ignore[method-assign]
