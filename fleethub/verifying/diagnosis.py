"""From answers to findings: the node's key first, then its endpoints, then each model at each endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fleethub.engines.registry import ENGINES
from fleethub.model.endpoint import UNREACHED, Failure, Reply
from fleethub.verifying.scope import KeyContext, held_back, judge_direct, judge_proxy, judge_route, told
from fleethub.verifying.text import Diagnosis, findings
from fleethub.verifying.values import (
    CheckResult,
    KeyState,
    MasterView,
    ModelCheck,
    NodeAnswers,
    NodeVerification,
    Origin,
)

_ABSENT = {
    "no-file": "the node has no {file}",
    "absent": "the node's {file} has no {variable}",
    "empty": "{variable} in the node's {file} is empty",
}


def diagnose(asked: NodeAnswers, masters: Mapping[str, MasterView]) -> NodeVerification:
    """What is wrong with one node; ``masters`` by proxy."""
    rows = tuple(_result(asked, check) for check in asked.checks)
    problems = [*_keys(asked), *_unlisted(asked), *_models(asked, rows, masters)]
    ttls = {name: master.ttl for name, master in masters.items()}
    found = findings(asked.node, asked.key, ttls, problems)
    unasked = any(r.listing.failure is Failure.SKIPPED for r in rows)
    unknown = (
        bool(asked.unread) or unasked or any(p.code in ("verify.rate-limited", "verify.node-unread") for p in problems)
    )
    return NodeVerification(asked.node.name, asked.note, rows, found, unknown, asked.unread, asked.node.kind)


def _result(asked: NodeAnswers, check: ModelCheck) -> CheckResult:
    listing = asked.replies[check.listing]
    live = None if check.live is None else asked.replies[check.live]
    engine = ENGINES.get(check.engine)
    names = {engine.canonical(n) for n in listing.names} if engine and listing.names is not None else listing.names
    listed = None if not listing.good or names is None else check.name in names
    route = None if check.route is None else asked.replies[check.route]
    return CheckResult(check, asked.origins[check.listing], listing, live, listed, route)


def _keys(asked: NodeAnswers) -> Iterator[Diagnosis]:
    """What stands in the node's ``.env``, told once."""
    if asked.unread:
        yield Diagnosis("verify.node-unread", "", says=asked.unread)
    proxies = {check.variable: check.proxy for check in asked.checks if check.variable}
    for variable, proxy in proxies.items():
        seen = asked.keys.get(variable)
        if seen is None:
            continue
        if seen.state in _ABSENT:
            says = _ABSENT[seen.state].format(variable=variable, file=asked.file)
            yield Diagnosis("verify.not-applied", proxy, says=says, proxy=proxy)
        elif seen.state == "unreadable":
            yield Diagnosis(
                "verify.node-unread", "", says=f"the node's {asked.file} cannot be read by who logs in there"
            )
        elif seen.state == "odd":
            says = f"{variable} in the node's {asked.file} holds what no key is"
            yield Diagnosis("verify.wrong-key", proxy, says=says, proxy=proxy)
        elif seen.older:
            yield Diagnosis("verify.older-key", proxy, f"{variable} in the node's {asked.file}", proxy=proxy)
        elif seen.same is False:
            says = f"{variable} in the node's {asked.file} is not the key that FleetHub derives for it"
            refused = [r for c, r in _lists(asked) if c.variable == variable and r.status == 401]
            says += ", and the proxy refuses it" if refused else ""
            yield Diagnosis("verify.wrong-key", proxy, says=says, proxy=proxy)


def _lists(asked: NodeAnswers) -> Iterator[tuple[ModelCheck, Reply]]:
    """Each endpoint with each key once."""
    seen = set()
    for check in asked.checks:
        if check.listing not in seen:
            seen.add(check.listing)
            yield check, asked.replies[check.listing]


def _unlisted(asked: NodeAnswers) -> Iterator[Diagnosis]:
    """Endpoints that gave no list."""
    for check, reply in _lists(asked):
        if reply.good or reply.failure is Failure.SKIPPED:
            continue
        if reply.failure in UNREACHED:
            away = asked.origins[check.listing] is Origin.NODE and check.url in asked.here
            down = (
                "verify.backend-down"
                if not check.proxy
                else "verify.proxy-down"
                if check.main
                else "verify.replica-dead"
            )
            yield Diagnosis("verify.no-route" if away else down, check.url, says=reply.says, proxy=check.proxy)
        elif not check.proxy:
            yield Diagnosis("verify.backend-down", check.url, says=told(reply))
        elif reply.failure is Failure.HANGS and not check.main:
            yield Diagnosis("verify.replica-dead", check.url, says=told(reply), proxy=check.proxy)
        elif reply.failure is Failure.HANGS:
            yield Diagnosis("verify.hangs", check.url, "its list of models", proxy=check.proxy)
        else:
            yield from _refused(check, reply, asked.keys.get(check.variable))


def _refused(check: ModelCheck, reply: Reply, seen: KeyState | None) -> Iterator[Diagnosis]:
    """A proxy that answers the list with something else."""
    held = held_back(reply, check.proxy)
    if held is not None:
        yield held
    elif reply.kind == "expired_key" or (reply.status in (401, 403) and reply.failure is None):
        if seen is None or seen.same is not False:  # else the key itself is wrong, and that is told already
            yield Diagnosis("verify.key-refused", check.proxy, says=told(reply), proxy=check.proxy)
    else:
        yield Diagnosis("verify.proxy-error", check.url, says=told(reply), proxy=check.proxy)


def _models(
    asked: NodeAnswers, rows: tuple[CheckResult, ...], masters: Mapping[str, MasterView]
) -> Iterator[Diagnosis]:
    """Each model at each endpoint that gave its list."""
    for row in rows:
        check = row.check
        if row.listed is None:
            continue
        if row.route is not None:
            yield from judge_route(check, row.listed, row.route, asked.keys.get(check.variable))
        if not check.proxy:
            yield from judge_direct(check, row.listed, row.live)
            continue
        others = (r for r in rows if r.check.variable == check.variable and r.check.url != check.url)
        elsewhere = frozenset(r.check.name for r in others if r.listed)
        seen = asked.keys.get(check.variable)
        context = KeyContext(asked.key, masters.get(check.proxy), seen.same if seen else None, elsewhere)
        yield from judge_proxy(check, row.listed, row.live, context)
