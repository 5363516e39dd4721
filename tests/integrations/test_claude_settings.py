"""The hook in a settings file's text: no other value changes, and a tidy file gets its very bytes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fleethub.integrations.claude_code.settings import (
    EVENT,
    SettingsError,
    entry,
    install,
    is_empty,
    is_ours,
    old_hooks,
    outdated,
    uninstall,
)

COMMAND = "/opt/my tools/bin/fleethub context --format claude-hook"
QUOTED = "'/opt/my tools/bin/fleethub' context --format claude-hook"
FOREIGN = {"matcher": "startup", "hooks": [{"type": "command", "command": "node prime.js", "timeout": 9}]}

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
hooks = st.fixed_dictionaries(
    {"type": st.just("command"), "command": st.text(max_size=8).filter(lambda c: not is_ours(c))},
    optional={"timeout": st.integers(1, 99)},
)
groups = st.fixed_dictionaries({"hooks": st.lists(hooks, max_size=2)}, optional={"matcher": st.text(max_size=5)})
events = st.dictionaries(st.sampled_from(["Stop", "PreToolUse"]), st.lists(groups, max_size=2), max_size=2)


@st.composite
def settings_files(draw: st.DrawFn) -> dict[str, object]:
    """Any settings whose hooks, where there are any, have the shape that they must have."""
    found: dict[str, object] = draw(
        st.dictionaries(st.text(max_size=6).filter(lambda k: k != "hooks"), values, max_size=3)
    )
    if draw(st.booleans()):
        there: dict[str, object] = dict(draw(events))
        if draw(st.booleans()):
            there[EVENT] = draw(st.lists(groups, max_size=2))
        order = draw(st.permutations(list(there)))
        found["hooks"] = {name: there[name] for name in order}
    return {name: found[name] for name in draw(st.permutations(list(found)))}


@st.composite
def texts(draw: st.DrawFn, manners: tuple[str, ...] = ("indent", "line", "tight", "odd")) -> str:
    """Settings written in any manner: tidy, on one line, with tabs, CRLF, or odd white space at every joint."""
    value = draw(settings_files())
    manner = draw(st.sampled_from(manners))
    if manner == "indent":
        text = json.dumps(value, indent=draw(st.sampled_from([2, 4, "\t"])), ensure_ascii=draw(st.booleans()))
    elif manner == "line":
        text = json.dumps(value)
    elif manner == "tight":
        text = json.dumps(value, separators=(",", ":"))
    else:
        text = _odd(draw, value)
    text = draw(st.sampled_from(["", "\n", "  "])) + text + draw(st.sampled_from(["", "\n", "\n\n"]))
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


def _odd(draw: st.DrawFn, value: object) -> str:
    def gap() -> str:
        return draw(st.sampled_from(["", " ", "\n", "\n  ", "\t", " \n\n"]))

    if isinstance(value, dict):
        inner = [f"{gap()}{json.dumps(k)}{gap()}:{gap()}{_odd(draw, v)}{gap()}" for k, v in value.items()]
        return "{" + (",".join(inner) or gap()) + "}"
    if isinstance(value, list):
        return "[" + (",".join(f"{gap()}{_odd(draw, v)}{gap()}" for v in value) or gap()) + "]"
    return json.dumps(value)


def without_empty(settings: dict[str, Any]) -> dict[str, Any]:
    """As an uninstallation leaves settings: it cannot tell a container that was there empty from one made for it."""
    if settings.get("hooks", {}).get(EVENT) == []:
        del settings["hooks"][EVENT]
    if settings.get("hooks") == {}:
        del settings["hooks"]
    return settings


@given(texts(), st.sampled_from([COMMAND, QUOTED, "fleethub context --format claude-hook"]))
def test_in_and_out_changes_no_other_value(text, command):
    after = install(text, command)
    before, now = json.loads(text), json.loads(after)
    assert now["hooks"][EVENT][-1] == entry(command)
    assert install(after, command) == after
    out = json.loads(uninstall(after))
    assert json.dumps(out) == json.dumps(without_empty(before))  # the order too
    now["hooks"][EVENT].pop()
    assert without_empty(now) == out


@given(texts(("indent", "line", "tight")))
def test_in_and_out_gives_a_tidy_file_its_bytes_back(text):
    before = json.loads(text)
    assume(before == without_empty(json.loads(text)))
    assert uninstall(install(text, COMMAND)) == text


@given(texts(), texts())
def test_what_others_add_meanwhile_stays(text, other):
    after = json.loads(install(text, COMMAND))
    late = json.loads(other)
    mine = after["hooks"][EVENT]
    mine += late.get("hooks", {}).get(EVENT, [])
    after |= {key: value for key, value in late.items() if key != "hooks"}
    expected = json.loads(json.dumps(after))
    expected["hooks"][EVENT] = [group for group in mine if group != entry(COMMAND)]
    assert json.loads(uninstall(json.dumps(after, indent=2))) == without_empty(expected)


def test_it_looks_as_if_it_had_been_written_with_the_rest():
    text = json.dumps({"model": "opus", "hooks": {EVENT: [FOREIGN]}, "env": {}}, indent=4) + "\n"
    wanted = {"model": "opus", "hooks": {EVENT: [FOREIGN, entry(COMMAND)]}, "env": {}}
    assert install(text, COMMAND) == json.dumps(wanted, indent=4) + "\n"
    assert install("{}\n", COMMAND) == json.dumps({"hooks": {EVENT: [entry(COMMAND)]}}, indent=2) + "\n"
    tidy = json.dumps({"model": "opus"}, indent="\t")
    assert install(tidy, COMMAND) == json.dumps({"model": "opus", "hooks": {EVENT: [entry(COMMAND)]}}, indent="\t")


def test_a_hook_beside_others_in_one_entry_is_taken_out_alone():
    group = {"matcher": "startup", "hooks": [*FOREIGN["hooks"], *entry(COMMAND)["hooks"]]}
    text = json.dumps({"hooks": {EVENT: [group]}}, indent=2)
    assert json.loads(uninstall(text)) == {"hooks": {EVENT: [FOREIGN]}}
    twice = json.dumps({"hooks": {EVENT: [entry(COMMAND), FOREIGN, entry(QUOTED)]}}, indent=2)
    assert json.loads(uninstall(twice)) == {"hooks": {EVENT: [FOREIGN]}}


def test_an_entry_of_another_installation_is_renewed_and_one_with_own_arguments_is_left():
    old = install("{}", "/old/bin/fleethub context --format claude-hook")
    assert json.loads(install(old, QUOTED)) == {"hooks": {EVENT: [entry(QUOTED)]}}
    own = install("{}", "fleethub -C /srv context --format claude-hook || true")
    assert install(own, QUOTED) == own


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        ("fleethub context --format claude-hook", True),
        ("/usr/bin/fleethub context", True),
        (QUOTED, True),
        ("/v/bin/python -m fleethub context", True),
        ("fleethub -C /srv/fleet --json context --format claude-hook", True),
        ("cd /srv/fleet && FLEETHUB_PROJECT=x exec fleethub context", True),
        ("cd /srv/fleet; fleethub context", True),
        ("fleethub contextual", False),
        ("echo 'fleethub context' tells more", False),
        ("echo fleethub context", False),
        ("fleethub -C context status", False),
        ("fleethub status", False),
        ("notfleethub  context", False),
        ("echo 'fleethub", False),
        (None, False),
    ],
)
def test_whose_a_command_is(command, ours):
    assert is_ours(command) is ours


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "not JSON"),
        ('{\n "a": 1,\n}', 3, "not JSON"),
        ("{\n// a comment\n}", 2, "not JSON"),
        ('{"a": NaN}', 0, "NaN"),
        ("\ufeff{}", 1, "not JSON"),
        ("\n[]", 0, "not a JSON object"),
        ('{\n"hooks": []}', 0, "hooks is not an object"),
        ('{"hooks": {},\n"hooks": {}}', 0, "the key 'hooks' appears twice"),
        ('{"env": {"A": 1, "A": 2}}', 0, "the key 'A' appears twice"),
        ('{"a": 1e400}', 0, "1e400 has more digits"),
        ('{"a": 1e-9999999999999999999999}', 0, "not JSON"),
        ('{"a": 0.12345678901234567890}', 0, "has more digits"),
        ('{"hooks": {\n"SessionStart": {}}}', 0, "is not a list"),
        ('{"hooks": {"SessionStart": [\n1]}}', 0, "is not an object with a list"),
        ('{"hooks": {"SessionStart": [\n{"matcher": ""}]}}', 0, "is not an object with a list"),
        ('{"hooks": {"SessionStart": [{"hooks": [\n"x"]}]}}', 0, "is not an object"),
        ("[" * 100_000, 0, "not JSON"),
    ],
)
def test_what_is_no_settings_file_is_refused(text, line, said):
    for attempt in (lambda: install(text, COMMAND), lambda: uninstall(text)):
        with pytest.raises(SettingsError, match=said) as caught:
            attempt()
        assert caught.value.line == line


def test_empty():
    assert is_empty(" {\n} ")
    assert not is_empty('{"a": 1}')


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("fleethub context --hook", "fleethub context has no option --hook"),
        ("/opt/old/bin/fleethub context --hook --json; true", "fleethub context has no option --hook"),
        ("FLEETHUB_PROJECT=a fleethub --quiet context", "fleethub has no option --quiet"),
        ("fleethub context --format=hook", "it names no format that there is"),
        ("fleethub context --format", "it names no format that there is"),
        ("fleethub context session", "fleethub context has no option session"),
        (
            "fleethub --json context --format claude-hook",
            "with --json it prints lines for machines, which no session reads",
        ),
        ("fleethub context", ""),
        ("fleethub -C /shared context --format claude-hook 2>/dev/null || true", ""),
        ("fleethub context --format=markdown; true", ""),
        (COMMAND, ""),
    ],
)
def test_a_hook_of_another_version_is_told_and_replaced(command: str, why: str) -> None:
    text = json.dumps(
        {"hooks": {EVENT: [entry("echo mine"), entry(command), entry("fleethub context --hook")]}}, indent=2
    )
    assert outdated(command) == why
    old = [f"{command}: {why}"] if why else []
    assert old_hooks(text) == [*old, "fleethub context --hook: fleethub context has no option --hook"]
    installed = install(text, COMMAND)
    assert old_hooks(installed) == []
    kept = COMMAND if why else command
    assert [group["hooks"][0]["command"] for group in json.loads(installed)["hooks"][EVENT]] == ["echo mine", kept]
