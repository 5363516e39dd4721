"""Shared by all tests: hypothesis' profile, a clean environment, what a run without the long rows says it left out."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.stores.servers import azurite_server, database, fleet_id, moto_server, postgres_server

if TYPE_CHECKING:
    from tests.test_laws import World

__all__ = ["azurite_server", "database", "fleet_id", "moto_server", "postgres_server"]  # fixtures

settings.register_profile(
    "fleethub",
    max_examples=int(os.environ.get("FLEETHUB_EXAMPLES", "20")),
    derandomize="FLEETHUB_SEARCH" not in os.environ,  # the same examples for everybody; a search is asked for
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
settings.load_profile("fleethub")
#: Every ``fleethub`` that a test starts would be compiled anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

LEFT_OUT = pytest.StashKey[int]()


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count the long ones among what a ``-m`` leaves out."""
    option = items[0].config.option if items else None
    if option is not None and option.markexpr and not option.keyword:
        stash = items[0].config.stash
        stash[LEFT_OUT] = stash.get(LEFT_OUT, 0) + sum(item.get_closest_marker("long") is not None for item in items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of xdist collects for itself, and tells the run."""
    told: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["left out"] = session.config.stash.get(LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """All workers collect the same."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left out", 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was left out, and how to run it."""
    if count := config.stash.get(LEFT_OUT, 0):
        kinds = "kill points, older proxies, logins, fuzzers, whole fleets"
        terminalreporter.line(f"left out: {count} long rows ({kinds}), of each of which a sample ran: make test-long")


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """A script's background job ignores Ctrl-C, and so would all that is started here."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _short_commands() -> Iterator[None]:
    """Commands in texts stand as they are written in the code: how they are completed, so that they can be pasted from
    where somebody stands, is in ``cli/test_whereabouts.py``, in processes of their own.
    """
    from fleethub.cli.output import Out
    from tests.commands import AsWritten

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Out, "commands", property(lambda self: AsWritten()))
        yield


@pytest.fixture(autouse=True, scope="session")
def _own_config(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The user's list of fleets, and what else lies in the user's configuration, is not the tests' to change."""
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test takes the power away: nothing here and in what is started here waits until a disk has it.

    ``sync`` of a node's script waits for all that anybody on this machine writes.
    """
    tools = tmp_path_factory.mktemp("tools")
    (tools / "sync").write_text("#!/bin/sh\n")
    (tools / "sync").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)  # a descriptor that is closed is still an error
        patch.setenv("PATH", str(tools), prepend=os.pathsep)
        yield


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A proxy and an Ollama for the tests of a module; ``World.place`` starts each of them clean."""
    from tests.test_laws import World

    found = World()
    yield found
    found.stop()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("FLEETHUB_SEED", "LITELLM_MASTER_KEY", "NO_COLOR", "FORCE_COLOR", "FLEETHUB_PROJECT")
    for name in (*names, *(n for n in os.environ if n.startswith("TANGLECLAW_"))):
        monkeypatch.delenv(name, raising=False)
