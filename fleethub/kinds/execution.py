"""What the steps of all kinds share while one apply runs: clients, the apply's mark, waits. Not pure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import field
from threading import Event, Lock
from typing import Any

from fleethub.clients.host import Hosts
from fleethub.clients.http import Http
from fleethub.clients.litellm import LiteLLM
from fleethub.clients.resolver import SecretResolver
from fleethub.model.dataclass import dataclass
from fleethub.model.event import Event as Happening
from fleethub.model.event import Waiting
from fleethub.model.observation import Source


class StepError(Exception):
    """A step did not do what it should; the message is fit to be shown."""


class NotActivated(StepError):
    """The thing has what is new and does not work with it: too many of these end a rollout."""


@dataclass(slots=True)
class Context:
    """``began`` and ``ended``: when the apply began and each step ended (monotonic seconds). ``emit``: the events.

    ``fence`` says before each step why no more may be done; empty: it may.
    """

    http: Http
    resolver: SecretResolver
    hosts: Hosts
    lineage: str
    serial: int
    apply: str
    fleet: str
    emit: Callable[[Happening], None]
    parallel: int  # nodes that are delivered to and activated at a time
    max_failures: int  # nodes that may not come up with their new set before the rest is left alone
    fence: Callable[[], str] = lambda: ""
    began: float = field(default_factory=time.monotonic)
    ended: dict[str, float] = field(default_factory=dict)
    stop: Event = field(default_factory=Event)
    _said: set[str] = field(default_factory=set)
    _alone: dict[str, Lock] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def mark(self, generation: int) -> dict[str, object]:
        """The mark of this apply, as keys, deployments and nodes carry it."""
        return {"lineage": self.lineage, "serial": self.serial, "generation": generation, "apply": self.apply}

    def litellm(self, source: Source) -> LiteLLM:
        """A client of one proxy with its master key."""
        return LiteLLM(self.http, source.at, self.resolver.open(source.credential) if source.credential else None)

    def alone(self, name: str) -> Lock:
        """What one step at a time may have: all that ask by one name share it."""
        with self._lock:
            return self._alone.setdefault(name, Lock())

    def since(self, step: str | None) -> float:
        """When a step ended; for what this apply did not do itself, when it began."""
        return self.ended.get(step or "", self.began)

    def say(self, text: str, seconds: float) -> None:
        """Tell whoever watches that something takes time; many that wait for the same are one line."""
        with self._lock:
            new = text not in self._said
            self._said.add(text)
        if new:
            self.emit(Waiting(text, seconds))

    def outlast(self, step: str | None, seconds: float, text: str) -> None:
        """Wait until ``seconds`` have passed since a step ended."""
        self.wait(self.since(step) + seconds - time.monotonic(), text)

    def wait(self, seconds: float, text: str) -> None:
        """Sleep, and say why."""
        if seconds > 0:
            self.say(text, seconds)
            self.pause(seconds)

    def pause(self, seconds: float) -> None:
        """Sleep; an interrupt ends it, and the step with it."""
        if self.stop.wait(seconds):
            raise StepError("interrupted")


#: Carries one action out and returns notes for the operator; raises StepError.
Handler = Callable[[Any, Context], tuple[str, ...]]
