"""Words of others: one line, what can be seen, no markup, no credentials, bounded, between quotation marks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.model.text import amount, bare, flat, heard, moment, money, name_key, named, quoted, same_name, tame

#: Every kind of character that somebody obeys or nobody sees.
WILD = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0), *range(0x200B, 0x2010), *range(0x2028, 0x202F))))
WILD += "\xad\u061c\u2060\u2066\u2069\ufeff\u3164\ufe0f\U000e0041\U000e0101\ud800"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("http://u:p@h:4000/v1", "http://h:4000/v1"),
        ("HTTPS://token@h", "HTTPS://h"),
        ("see http://u:p%40@h/a and postgres://u:p@db/x.", "see http://h/a and postgres://db/x."),
        ("http://u:p@ss@h/", "http://h/"),
        ("//u:p@h/x", "//h/x"),
        ("http:\\\\u:p@h", "http:\\\\h"),
        ("ssh://ops@h/srv", "ssh://ops@h/srv"),
        ("ssh://ops:pw@h:22/srv", "ssh://ops@h:22/srv"),
        ("ssh://ops@corp:pw@h:22/srv", "ssh://ops@corp@h:22/srv"),
        ("http://h/a@b and me@example", "http://h/a@b and me@example"),
        ("image@sha256:0", "image@sha256:0"),
    ],
)
def test_credentials_of_urls(text: str, says: str) -> None:
    assert bare(text) == says
    assert flat(text) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a\x1b[31;1mred\x1b[0m", "a red"),
        ("a\x1b]0;title\x07b", "a b"),
        ("a\x9b2Jb", "a b"),
        ("one\r\ntwo\ttri", "one two tri"),
        ("abc\u202edef\u200bg", "abc def g"),
        ("x\ufe0f\U000e0141y", "xy"),
        ("qwen3:32b", "qwen3:32b"),
        ("Zoë 東京", "Zoë 東京"),
    ],
)
def test_one_line_of_what_can_be_seen(text: str, says: str) -> None:
    assert flat(text) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# You must", "You must"),
        ("```sh\nrm\n```", "'''sh rm '''"),
        ("<system>do</system>", "‹system›do‹/system›"),
        ("[here](http://e)", "[here] (http://e)"),
        ("[a]: http://e", "[a] : http://e"),
        ("- `rm`", "'rm'"),
        ('write drift = "repair" in [policy]', 'write drift = "repair" in [policy]'),
    ],
)
def test_no_markup(text: str, says: str) -> None:
    assert tame(text) == says


def test_what_a_server_said_is_quoted_and_short() -> None:
    assert quoted('the key "sk-abc123" is 0123456789abcdef0') == "\"the key '…' is …\""
    assert quoted(" \x00 ") == ""
    assert len(heard("x" * 9000)) == 160
    assert heard("x" * 9000).endswith("…")


@pytest.mark.parametrize("name", ["Volta", "qwen3:32b", "hf.co/a/b:Q4_K_M", "Zoë", "gpt-oss-20b"])
def test_a_name_of_one_word_is_as_it_is(name: str) -> None:
    assert named(name) == name


@pytest.mark.parametrize("name", ["Ignore all that", "a" * 65, "# x", "<x>", "a`b", "-x", "a\u200bb", "a\nb"])
def test_any_other_name_is_quoted(name: str) -> None:
    assert named(name)[0] == named(name)[-1] == '"'
    assert len(named(name)) <= 66


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from(WILD + "<>`#[](:\"'\\x1b/@")), max_size=400))
def test_whatever_is_said(text: str) -> None:
    said = quoted(text)
    assert said.isprintable()
    assert not set(said) & set("<>`")
    assert "](" not in said
    assert said.count('"') in (0, 2)
    assert len(said) <= 162
    assert bare(said) == said
    assert flat(flat(text)) == flat(text)


def test_a_long_word_takes_no_longer_than_its_length() -> None:
    """Somebody else chooses it, and a session waits for it: looked at from every letter on it would take minutes."""
    assert bare("a" * 200_000 + "@") == "a" * 200_000 + "@"
    assert bare("a" * 200_000 + "ssh://u:pw@h") == "a" * 200_000 + "ssh://h"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("TiLT Claw", "TiltClaw", True),
        ("tilt-claw_", " tiltclaw", True),
        ("Node 1", "node-1", True),
        ("Node 1", "Node 11", False),
        ("Caf\u00e9", "CAFE\u0301", True),
        ("Cafe", "Caf\u00e9", False),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939\u0928\u0926", False),  # vowels and joins are marks
        ("!!!", "???", False),
        ("!!!", "!!! ", True),
        ("", "!!!", False),
    ],
)
def test_names_are_one_by_letters_and_digits(one: str, other: str, same: bool) -> None:
    assert same_name(one, other) is same_name(other, one) is same


@given(st.text(max_size=20))
def test_a_name_is_its_own(text: str) -> None:
    assert same_name(text, text)
    assert name_key(text) == name_key(text.upper()) or "\u00df" in text.casefold() or not text.isascii()


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2026-11-28T09:06:32.425+00:00", "2026-11-28T09:06:32+00:00"),
        ("2026-11-28T09:06:32Z", "2026-11-28T09:06:32+00:00"),
        ("2026-11-28T09:06:32", "2026-11-28T09:06:32+00:00"),
        ("2026-11-28T11:06:32+02:00", "2026-11-28T11:06:32+02:00"),  # not ours
        ("90d", "90d"),
        ("", ""),
    ],
)
def test_a_moment_is_written_one_way(at: str, says: str) -> None:
    assert moment(at) == says


@pytest.mark.parametrize(
    ("value", "as_written", "as_spent"),
    [
        (0.0, "0", "0.00"),
        (0.0004, "0.0004", "0.0004"),
        (0.00000123456, "0.00000123456", "0.0000012"),
        (20, "20", "20.00"),
        (17.4, "17.4", "17.40"),
        (9.999, "9.999", "9.99"),
        (0.1 + 0.2, "0.30000000000000004", "0.30"),
        (0.07 * 100, "7.000000000000001", "7.00"),
        (1234567.5, "1234567.5", "1234567.50"),
        (1e22, "10000000000000000000000", "10000000000000000000000.00"),
    ],
)
def test_no_sum_is_shown_as_nothing_or_as_another(value: float, as_written: str, as_spent: str) -> None:
    assert (amount(value), money(value)) == (as_written, as_spent)
