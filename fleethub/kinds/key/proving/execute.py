"""Ask the endpoints of a proxy with a key itself, until all of them give it its scope."""

from __future__ import annotations

import time

from fleethub import nodetypes
from fleethub.clients.host import HostError
from fleethub.clients.litellm import LiteLLM, LiteLLMError
from fleethub.kinds.execution import Context, StepError
from fleethub.kinds.key.actions import ProveKey
from fleethub.model import keycall
from fleethub.model.secret import KeptValue, Secret

POLL = 0.25  # seconds between two questions to one endpoint
TRIES = 3  # calls that an endpoint may answer with an error of its own before its list alone counts
#: LiteLLM's issue 25553, met on 1.82.0: each call writes the cached key back with a new lifetime.
BUSY = (
    " (calls without pause keep an old scope alive in some LiteLLMs: pause the node or restart that one, apply again)"
)


def prove(do: ProveKey, context: Context) -> tuple[str, ...]:
    """Ask each endpoint with the key itself, until all of them list the scope and take a call, or the time is over."""
    value = _held(do.value, do, context) if isinstance(do.value, KeptValue) else context.resolver.open(do.value)
    if value is None:
        context.outlast(do.written, do.ttl, f"every replica forgets the old scope of {do.alias}")
        return (f"the value of {do.alias} is not known here: its new scope was waited for, not proved",)
    if do.processes > 1 and not do.created:
        context.outlast(do.written, do.ttl, f"workers behind one endpoint forget the old scope of {do.alias}")
    spares = do.asks or not do.scope
    notes = [] if spares else [f"{do.alias} has no call to spare (its limits, its routes): its list alone was asked"]
    return (*notes, *(note for endpoint in do.endpoints if (note := _prove_at(endpoint, do, value, context))))


def _held(value: KeptValue, do: ProveKey, context: Context) -> Secret | None:
    """An adopted key's value, out of the files of a node that has it: known by LiteLLM's hash; None: nobody has it."""
    for holder in do.holders:
        kind = nodetypes.get(holder.type)
        try:
            there = context.hosts.at(holder.target).read(tuple(holder.files.values())).files
        except HostError:
            continue
        data = {
            role: blob.reveal()
            for role, path in holder.files.items()
            if path in there and (blob := there[path].content) is not None
        }
        for provider in kind.found(data, holder.settings).providers if kind is not None else ():
            if provider.key is not None and provider.key.sha256 == value.token:
                return provider.key.value
    return None


def _prove_at(endpoint: str, do: ProveKey, value: Secret, context: Context) -> str | None:
    """None when it lists the scope and takes a call; a note when that could not be asked. Raises StepError."""
    deadline = time.monotonic() + 2 * do.ttl + 10
    api = LiteLLM(context.http, endpoint, None)
    call = _Call(do, endpoint)
    reason, said = "", False
    while True:
        try:
            lacking = set(do.scope) - api.models_seen_by(endpoint, value)
            reason = f"{endpoint} does not yet give the key {do.alias!r} {', '.join(sorted(lacking))}"
            if not lacking and call.done(api, value):
                return call.note
            if not lacking:
                reason = (
                    f"{endpoint} lists all models to the key {do.alias!r}, and refuses a call with it: {call.refusal}"
                )
        except LiteLLMError as error:
            if error.kind == "budget_exceeded":
                # it cannot be asked, and refuses every call until its budget is reset: the cache is older by then
                context.outlast(do.written, do.ttl, f"{endpoint} forgets the old scope of {do.alias}")
                return f"{do.alias} is over its budget at {endpoint}: its scope could not be asked, only waited for"
            reason = f"{endpoint} does not take the key {do.alias!r}: {error}"
        if time.monotonic() >= deadline:
            raise StepError(f"{reason}; nothing was delivered to its nodes, and the scope stays wide{BUSY}")
        if not said:
            context.say(f"waiting until {endpoint} knows the new scope of {do.alias}", 2 * do.ttl + 10)
            said = True
        context.pause(POLL)


class _Call:
    """The question whether an endpoint takes a call with the key. Each one costs the key a request, so they are few."""

    def __init__(self, do: ProveKey, endpoint: str) -> None:
        self._do, self._endpoint = do, endpoint
        self._next = 0.0  # monotonic seconds
        self._failed = 0
        self.note: str | None = None
        self.refusal: LiteLLMError | None = None

    def done(self, api: LiteLLM, key: Secret) -> bool:
        """Whether the answer is known: taken, or not to be had (see ``note``)."""
        do, now = self._do, time.monotonic()
        if not do.scope or not do.asks:
            return True
        if now < self._next:
            return False
        self._next = now + max(1.0, do.ttl / 4)
        error = api.refuses(self._endpoint, key, do.scope[0])
        if error is None:
            return True
        self.refusal = error
        if error.kind == "budget_exceeded":
            raise error
        meaning = keycall.judge(error.status, error.kind, str(error))
        if meaning == "held":
            self.note = f"a limit of {do.alias} held the question back at {self._endpoint}: its list alone was asked"
        elif meaning == "unclear":
            self._failed += 1
            if error.status >= 500 and self._failed < TRIES:  # a replica that starts, or whose balancer has none yet
                return False
            self.note = (
                f"{self._endpoint} answers in no known way ({error}) what {do.alias} may do: its list alone counts"
            )
        return self.note is not None
