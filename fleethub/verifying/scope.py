"""Why a key may not call a model, or why a call that it may make fails: one model at one endpoint that answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from fleethub.model.dataclass import dataclass
from fleethub.model.endpoint import Failure, Reply
from fleethub.model.keycall import judge
from fleethub.model.readings.proxy import KeyRow, ProxyReading, Team
from fleethub.verifying.text import Diagnosis
from fleethub.verifying.values import KeyState, MasterView, ModelCheck

DENIED = "_model_access_denied"
#: How the versions of LiteLLM say that a name leads nowhere, to a caller who may name any.
_NO_MODEL = re.compile(r"invalid model name|no healthy deployments|model_not_found", re.IGNORECASE)
_EVERY = {"all-proxy-models", "*"}


@dataclass(frozen=True, slots=True)
class KeyContext:
    """What is known of a key on its proxy: the master's view, whether it is the right one, other endpoints' lists."""

    key: str
    master: MasterView | None
    same: bool | None
    elsewhere: frozenset[str] = frozenset()

    @property
    def reading(self) -> ProxyReading | None:
        """The proxy as its master sees it, where that could be read."""
        return self.master.reading if self.master else None

    @property
    def row(self) -> KeyRow | None:
        """The key's own row: by its value, whatever its alias is while an older value is there; else by the alias."""
        token, keys = self.master.token if self.master else None, self.reading.keys if self.reading else {}
        if token is None:
            return next(iter(keys.get(self.key, ())), None)
        return next((row for rows in keys.values() for row in rows if row.token == token), None)

    @property
    def team(self) -> Team | None:
        """The team of the key, where it has one that could be read."""
        return self.reading.teams.get(self.row.team) if self.reading and self.row else None

    def exists(self, alias: str) -> bool | None:
        """Whether the proxy has the alias; a wildcard route has it too. None: not known."""
        if self.reading is None:
            return None
        return alias in self.reading.models or any(fnmatchcase(alias, d.alias) for d in self.reading.deployments)


def judge_proxy(check: ModelCheck, listed: bool, live: Reply | None, context: KeyContext) -> Iterator[Diagnosis]:
    """An endpoint that gave its list. A call that was answered outweighs the list: a wildcard shows no names."""
    if live is not None and live.good:
        if live.fallbacks:
            yield Diagnosis("verify.fallback", check.proxy, check.name, live.group or "another model", check.proxy)
        return
    if live is None or live.failure is Failure.SKIPPED:
        if not listed:
            yield from _lacking(check, context)
        elif (team := context.team) is not None and team.models and not ({check.name, *_EVERY} & set(team.models)):
            yield Diagnosis("verify.team-scope", check.proxy, check.name, "team")  # a key's list shows its own models
        elif context.exists(check.name) is False:  # LiteLLM lists a key's names whether they lead anywhere or not
            yield Diagnosis("verify.model-missing", check.proxy, check.name)
        return
    holder, denied, _ = live.kind.partition(DENIED)
    if denied and holder != "key":
        yield Diagnosis("verify.team-scope", check.proxy, check.name, holder)
    elif denied or (live.status == 401):  # wget does not give the body of a 401; the list took the same key
        yield from _lacking(check, context)
    elif (held := held_back(live, check.proxy)) is not None:
        yield held
    elif live.failure is Failure.HANGS:
        yield Diagnosis("verify.hangs", check.url, check.name, proxy=check.proxy)
    elif live.status in (400, 404) and _NO_MODEL.search(live.says) and not context.exists(check.name):
        yield Diagnosis("verify.model-missing", check.proxy, check.name)
    else:
        yield Diagnosis("verify.model-error", check.url, check.name, told(live), check.proxy)


def judge_route(check: ModelCheck, listed: bool, reply: Reply, seen: KeyState | None) -> Iterator[Diagnosis]:
    """An endpoint that gave its list: does it take a call with the key?"""
    if reply.failure is Failure.SKIPPED or (seen is not None and seen.same is False):  # it is another key
        return
    if reply.failure is not None:
        yield Diagnosis("verify.hangs", check.url, "a call", proxy=check.proxy)
        return
    holder, denied, _ = reply.kind.partition(DENIED)
    meaning = judge(reply.status, reply.kind, reply.says)
    if meaning == "taken" or (denied and not listed):  # what the list lacks is told of the list
        return
    if denied and holder != "key":
        yield Diagnosis("verify.team-scope", check.proxy, check.name, holder)
    elif reply.kind == "budget_exceeded":
        yield Diagnosis("verify.budget", check.proxy, says=told(reply), proxy=check.proxy)
    elif meaning == "refused" or " limit: 0" in reply.says:  # no minute of waiting ends a limit of zero
        yield Diagnosis("verify.route-refused", check.url, says=told(reply), proxy=check.proxy)
    elif meaning == "held":
        yield Diagnosis("verify.rate-limited", check.proxy, says=told(reply), proxy=check.proxy)
    else:
        yield Diagnosis("verify.proxy-error", check.url, says=told(reply), proxy=check.proxy)


def judge_direct(check: ModelCheck, listed: bool, live: Reply | None) -> Iterator[Diagnosis]:
    """A direct hop to a model server that gave its list."""
    if not listed or (live is not None and live.status == 404):
        yield Diagnosis("verify.tag-missing", check.url, check.name)
    elif live is None or live.good or live.failure is Failure.SKIPPED:
        return
    elif live.failure is Failure.HANGS:
        yield Diagnosis("verify.hangs", check.url, check.name)
    else:
        yield Diagnosis("verify.model-error", check.url, check.name, told(live))


def held_back(reply: Reply, proxy: str) -> Diagnosis | None:
    """A limit of the key."""
    if reply.kind == "budget_exceeded":
        return Diagnosis("verify.budget", proxy, says=told(reply), proxy=proxy)
    if reply.status == 429:
        return Diagnosis("verify.rate-limited", proxy, says=told(reply), proxy=proxy)
    return None


def told(reply: Reply) -> str:
    """Status and words of an answer."""
    if not reply.status or reply.failure is not None:
        return reply.says or (reply.failure.value if reply.failure else "no answer")
    return f"HTTP {reply.status}" + (f": {reply.says}" if reply.says else "")


def _lacking(check: ModelCheck, context: KeyContext) -> Iterator[Diagnosis]:
    """The key's list lacks the model: whose list, or which cache?"""
    alias, proxy = check.name, check.proxy
    if context.same is False:  # another key has another scope: what is wrong is the key
        return
    row = context.row
    if context.exists(alias) is False:
        yield Diagnosis("verify.model-missing", proxy, alias)
    elif context.reading is None and alias in context.elsewhere:
        yield Diagnosis("verify.cache-stale", check.url, alias, proxy=proxy)
    elif context.reading is None:
        unsure = "; or no such model is there: the master key could not be asked"
        yield Diagnosis("verify.key-scope", proxy, alias, unsure, proxy)
    elif row is None:
        yield Diagnosis(
            "verify.key-refused", proxy, says="it is not in its database, and a replica remembers it", proxy=proxy
        )
    elif _team(row) and (not row.models or {alias, "all-team-models", *_EVERY} & set(row.models)):
        yield Diagnosis("verify.team-scope", proxy, alias, "team")
    elif not row.models or {alias, *_EVERY} & set(row.models):
        yield Diagnosis("verify.cache-stale", check.url, alias, proxy=proxy)
    else:
        yield Diagnosis("verify.key-scope", proxy, alias, proxy=proxy)


def _team(row: KeyRow) -> bool:
    return bool(row.team)
