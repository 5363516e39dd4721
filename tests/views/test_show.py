"""What ``show`` says of one thing, in words of people: nothing of what FleetHub keeps for itself."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from fleethub.kinds.consumer.attributes import SinkAttrs, SinkTelemetry
from fleethub.kinds.key.attributes import KeyAttrs, KeyTelemetry
from fleethub.kinds.node.attributes import FileAttrs, NodeAttrs, NodeTelemetry
from fleethub.kinds.route.attributes import DeploymentAttrs, RouteAttrs, RouteTelemetry
from fleethub.model.address import Address, consumer, key, node, route
from fleethub.model.observation import Absent, Locked, Mark, Seen, Source, Unknown
from fleethub.views.show import show_data, show_text
from fleethub.views.style import Style

AT = "2026-11-28T10:00:00+00:00"
MARK = Mark("l", 3, 2)
NODE = NodeAttrs(
    ("one",),
    {".env": FileAttrs("fp1:a", "0600"), "openclaw.json": FileAttrs(owned={"/agents": "fp1:b", "/model": '"one"'})},
    marked=True,
    activated=True,
)
KEY = KeyAttrs(("one",), "fp1:a", marked=True, rpm_limit=60)
#: Words that mean something in FleetHub's code alone.
INTERNAL = re.compile(r"fp1:|shape|fingerprint|marked|activated|understood|telemetry|interim|rows|None|modes|clears_")


def shown(address: Address, applied: Any, seen: Any) -> str:
    source = Source("litellm", "http://llm:4000", of="proxy.main")
    text = show_text(show_data(address, None, Locked(source, applied, generation=2), seen), None, Style(False))
    assert not INTERNAL.search(text), text
    return text.partition("\n")[2]


def test_what_is_well_is_short() -> None:
    seen = Seen(NODE, AT, NodeTelemetry(activated=AT, modes={".env": 0o600}, tools={"docker": "27.1"}), MARK)
    assert (
        shown(node("a"), NODE, seen)
        == f"""\
  used by nobody
  is no longer in the spec
  is there, last changed by apply 3, generation 2
  chain: one
  file .env: 0600
  file openclaw.json: 2 values of it
  runs with what was applied since {AT}
  on its machine: docker 27.1"""
    )
    assert f"has had it since {AT}" in shown(consumer("a"), NODE, seen)


def test_a_sum_has_no_noise_and_a_command_is_as_it_is_typed() -> None:
    assert "has spent 0.01315" in shown(key("main", "a"), KEY, Seen(KEY, AT, KeyTelemetry(spend=0.013149999999999632)))
    given = SinkAttrs(("one",), stop=("vault", "rm", "a b"), command=("vault", "put", "a b"))
    text = shown(consumer("a"), given, Seen(given, AT, SinkTelemetry()))
    assert "command: vault put 'a b'" in text
    assert "is ended by: vault rm 'a b'" in text


def test_what_is_not_as_it_was_applied_is_said() -> None:
    files = {".env": FileAttrs("fp1:other", "0644"), "extra": FileAttrs("fp1:c", "0600")}
    there = replace(NODE, files=files, marked=False, activated=False)
    text = shown(node("a"), NODE, Seen(there, AT, NodeTelemetry(understood=False, old=True)))
    for line in (
        "file .env: 0600  (there: 0644)",
        "file openclaw.json: 2 values of it  (there: none)",
        ".env was changed since it was applied",
        "extra came since it was applied",
        "openclaw.json went since it was applied",
        "what is there does not have the mark of what was applied",
        "it does not run with this set yet",
        "its config cannot be read",
        "still runs with what was there before",
    ):
        assert f"\n  {line}" in text, line


def test_of_a_key_what_takes_its_power_or_is_beside_the_spec_is_said() -> None:
    there = replace(KEY, value="fp1:other", blocked=True, rpm_limit=5, replaces=("fp1:o", "fp1:p"))
    beside = KeyTelemetry(spend=4.5, rows=2, unmanaged={"tpm_limit": 7}, wider=("two", "(all models)"))
    text = shown(key("main", "a"), KEY, Seen(there, AT, beside, MARK))
    for line in (
        "rpm_limit: 60  (there: 5)",
        "blocked: none  (there: yes)",
        "its value is not the one that was applied",
        "2 older values of it still work",
        "2 keys there have its alias",
        "has spent 4.5",
        "may also call two, (all models)",
        "has, and the spec does not say, tpm_limit 7",
    ):
        assert f"\n  {line}" in text, line


def test_of_a_sink_it_is_said_when_it_got_its_key() -> None:
    attrs = SinkAttrs(("one",), value="fp1:a", given="fp1:b", base_url="http://llm/v1", command=("put", "{models}"))
    text = shown(consumer("a"), attrs, Seen(replace(attrs, given_at=AT, value="fp1:o"), AT, SinkTelemetry(read=True)))
    assert "\n  URL: http://llm/v1\n" in text
    assert "\n  command: put '{models}'\n" in text
    assert text.endswith(f"its value is not the one that was applied\n  was handed over at {AT}")


def test_a_route_has_its_deployments_in_words() -> None:
    attrs = RouteAttrs((DeploymentAttrs("ollama_chat/one", "http://gpu:11434", 8192), DeploymentAttrs("openai/one")))
    text = shown(route("main", "one"), attrs, Seen(attrs, AT, RouteTelemetry(False)))
    says = "api_base http://gpu:11434, model ollama_chat/one, context 8192; model openai/one"
    assert text.endswith(f"deployments: {says}")


@pytest.mark.parametrize(
    ("seen", "says"), [(Absent(AT), "is absent"), (Unknown("no answer", AT), "unknown: no answer")]
)
def test_what_is_not_seen_is_said(seen: Any, says: str) -> None:
    assert f"\n  {says}\n" in shown(key("main", "a"), KEY, seen)
