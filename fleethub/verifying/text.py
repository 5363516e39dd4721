"""What each problem is called, and the next thing to type."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from fleethub.model.address import Address
from fleethub.model.address import key as key_address
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Finding
from fleethub.model.text import table_name


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Those of one code and ``where`` (an endpoint, a proxy, a model) become one finding that names all ``items``.

    ``says`` is what the first of them was told.
    """

    code: str
    where: str
    item: str = ""
    says: str = ""
    proxy: str = ""


#: code -> message, hint. Fields: node, key (``table`` and ``address`` of it), where, items, says, proxy, ttl.
_TEXTS = {
    "verify.not-applied": ("{says}, so it calls nothing through {where}", "fleethub apply"),
    "verify.wrong-key": (
        "{says}",
        "fleethub apply, and let it repair the drift; fleethub plan shows what else differs",
    ),
    "verify.older-key": (
        "{items} is a value that the key {key} had before: it is to have a new one",
        "fleethub apply, which deletes the older one only once the node runs on the new one",
    ),
    "verify.key-refused": (
        "{where} does not take the key {key}: {says}",
        "fleethub plan tells whether it is gone, blocked or expired; fleethub show {address} has its state",
    ),
    "verify.route-refused": (
        "{where} lists models to the key {key}, and refuses a call with it: {says}",
        "fleethub plan tells what was changed on the key, such as expiry, routes, limits; fleethub apply takes it off",
    ),
    "verify.fallback": (
        "{items} on {where} does not answer: {says} answered in its place, as the proxy's router has it",
        "fleethub status tells what its backend has loaded; look at the log of {proxy}",
    ),
    "verify.key-scope": (
        "the key {key} on {where} may not call {items}{says}",
        "fleethub apply, and let it repair the drift",
    ),
    "verify.team-scope": (
        "the key {key} on {where} may not call {items}: the list of its {says} lacks it",
        "take the {says} off the key in LiteLLM, or add {items} to its list; then fleethub verify {node}",
    ),
    "verify.model-missing": (
        "{where} has no model called {items}",
        "add it to the model_list of {where} (or write manage_routes = true and fleethub apply);"
        " then fleethub verify {node}",
    ),
    "verify.cache-stale": (
        "{where} does not know yet that the key {key} may call {items}",
        "wait {ttl} (key_cache_ttl), then fleethub verify {node}; if it stays so, restart that replica",
    ),
    "verify.replica-dead": (
        "the replica {where} of {proxy} does not answer ({says})",
        "start it, or take it out of replicas in [proxies.{proxy}]; then fleethub verify {node}",
    ),
    "verify.proxy-down": (
        "{where}, the URL that nodes use of {proxy}, does not answer ({says})",
        "start the proxy, or correct url in [proxies.{proxy}]; then fleethub status",
    ),
    "verify.proxy-error": (
        "{where} answers, but not as it should: {says}",
        "look at the log of {proxy}; fleethub status tells what the master key sees",
    ),
    "verify.no-route": (
        "there is no route from {node} to {where} ({says}); this machine can connect to it",
        "try on the node: curl -v {where}; look at its DNS, VPN and firewall, then fleethub verify {node}",
    ),
    "verify.budget": (
        "the key {key} on {where} is over its budget: {says}",
        "raise max_budget in [keys.{table}] and fleethub apply, or wait until it is reset",
    ),
    "verify.rate-limited": (
        "{where} held a call of the key {key} back: {says}",
        "wait a minute, then fleethub verify {node}; rpm and tpm are in [keys.{table}]",
    ),
    "verify.hangs": (
        "{where} gave no answer in time ({items})",
        "fleethub verify {node} --live --timeout 600; fleethub status",
    ),
    "verify.model-error": ("{where} fails behind {items}: {says}", "fleethub status tells what its backend has loaded"),
    "verify.tag-missing": ("{where} does not have {items}", "on that machine: ollama pull {items}"),
    "verify.backend-down": (
        "the Ollama at {where} does not answer ({says})",
        "start it, or correct its URL in the spec; then fleethub status",
    ),
    "verify.node-unread": ("{says}", "correct that, then fleethub verify {node}"),
}


def findings(node: Address, key: str, ttls: dict[str, float], problems: Iterable[Diagnosis]) -> tuple[Finding, ...]:
    """One finding for each code and place, in the order of the problems."""
    groups: dict[tuple[str, str], list[Diagnosis]] = {}
    for problem in problems:
        groups.setdefault((problem.code, problem.where), []).append(problem)
    found = []
    for (code, where), same in groups.items():
        items = ", ".join(dict.fromkeys(p.item for p in same if p.item))
        ttl = f"{ttls.get(same[0].proxy, 60.0):g} s"
        message, hint = _TEXTS[code]
        values = {"node": node.name, "key": key, "where": where, "items": items, "says": same[0].says, "ttl": ttl}
        values |= {"proxy": same[0].proxy, "table": table_name(key)}
        values["address"] = shlex.quote(str(key_address(same[0].proxy, key)))
        found.append(
            Finding(
                code,
                message.format_map(values),
                node,
                hint=hint.format_map(values),
            )
        )
    return tuple(found)
