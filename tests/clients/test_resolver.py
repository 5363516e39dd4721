"""References, derived values and fingerprints; and that no secret has a text form."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import pytest

from fleethub.clients.resolver import SEED, SecretError, SecretResolver, new_seed
from fleethub.model.secret import SENSITIVE, Blob, Derived, Secret, SecretRef, Text

SEED_TEXT = "fhseed1_" + "A" * 43
KEY = Derived("key", "monad", "main", "volta", 1)


@pytest.fixture
def resolver(tmp_path: Path) -> SecretResolver:
    (tmp_path / "s.seed").write_text(SEED_TEXT + "\n")
    (tmp_path / "s.seed").chmod(0o600)
    return SecretResolver(tmp_path, SecretRef(("env:FLEETHUB_NOT_SET", "file:s.seed")))


def test_a_derived_key_is_pinned_for_ever(resolver: SecretResolver) -> None:
    # changing this value would orphan every key of every fleet
    assert resolver.open(KEY).reveal() == "sk-3y4JXzBRt6qNx_ggvIpffNrWNI1TLndwQQc2oo34MHg"
    assert len(resolver.open(KEY).reveal()) == 46


@pytest.mark.parametrize(
    "other",
    [
        Derived("gateway", "monad", "main", "volta", 1),
        Derived("key", "monad2", "main", "volta", 1),
        Derived("key", "monad", "other", "volta", 1),
        Derived("key", "monad", "main", "tiltclaw", 1),
        Derived("key", "monad", "main", "volta", 2),
    ],
)
def test_every_part_counts(resolver: SecretResolver, other: Derived) -> None:
    assert resolver.open(other).reveal() != resolver.open(KEY).reveal()


def test_fingerprints_agree_however_the_content_is_known(resolver: SecretResolver) -> None:
    value = resolver.open(KEY).reveal()
    token = bytes.fromhex(resolver.open(KEY).sha256())
    assert resolver.slot(KEY) == resolver.sha256(token) == resolver.text(Text((KEY,)))
    assert value not in str(resolver.slot(KEY))
    assert hashlib.sha256(value.encode()).hexdigest()[:12] not in str(resolver.slot(KEY))


def test_another_seed_gives_other_fingerprints(resolver: SecretResolver, tmp_path: Path) -> None:
    (tmp_path / "t.seed").write_text(new_seed())
    (tmp_path / "t.seed").chmod(0o600)
    other = SecretResolver(tmp_path, SecretRef(("file:t.seed",)))
    assert other.seed_fingerprint() != resolver.seed_fingerprint()
    assert other.sha256(b"x" * 32) != resolver.sha256(b"x" * 32)


def test_new_seeds_are_seeds_and_differ() -> None:
    seeds = {new_seed() for _ in range(50)}
    assert len(seeds) == 50
    assert all(SEED.fullmatch(seed) for seed in seeds)


@pytest.mark.parametrize("content", ["", "sk-1234", "fhseed1_short", "fhseed1_" + "!" * 43, SEED_TEXT + "\n\n"])
def test_a_malformed_seed_is_told_without_showing_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "s").write_text(content)
    (tmp_path / "s").chmod(0o600)
    with pytest.raises(SecretError) as caught:
        SecretResolver(tmp_path, SecretRef(("file:s",))).seed()
    assert caught.value.code == "seed.malformed"
    assert not content.strip() or content.strip() not in str(caught.value)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("x")
    (tmp_path / "s").chmod(0o640)
    with pytest.raises(SecretError, match="chmod 600") as caught:
        SecretResolver(tmp_path, None).open(SecretRef(("file:s",)))
    assert caught.value.code == "secret.mode"


@pytest.mark.parametrize(
    ("ref", "value"),
    [
        ("env:CANARY", "from-env"),
        ("file:f", "from-file\n"),
        ("command:printf '%s\\n\\n' 'two words'", "two words\n"),
    ],
)
def test_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ref: str, value: str) -> None:
    monkeypatch.setenv("CANARY", "from-env")
    (tmp_path / "f").write_text("from-file\n\n")
    (tmp_path / "f").chmod(0o600)
    assert SecretResolver(tmp_path, None).open(SecretRef((ref,))).reveal() == value


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        ("env:NOT_SET", "env:NOT_SET is not set"),
        ("file:none", "file:none does not exist"),
        ("file:.", "is no file"),
        ("file:/dev/zero", "is no file"),
        ("file:pipe", "is no file"),
        ("file:large", "holds more than 64 KiB"),
        ("command:false", "ended with 1"),
        ("command:true", "printed nothing"),
        ("command:no-such-program-here", "cannot be run"),
        ("command:echo 'unclosed", "cannot be run"),
        ("command:", "cannot be run"),
    ],
)
def test_what_does_not_resolve_says_why(tmp_path: Path, ref: str, says: str) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "large").write_bytes(b"x" * (65 << 10))
    with pytest.raises(SecretError, match=says):
        SecretResolver(tmp_path, None).open(SecretRef((ref,)))


def test_a_quote_in_a_secret_cannot_break_out_of_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for evil in ("a'\nOTHER='b", "OTHER\\"):
        monkeypatch.setenv("EVIL", evil)
        resolver = SecretResolver(tmp_path, None)
        with pytest.raises(SecretError, match="quote") as caught:
            resolver.fill(Text(("X='", SecretRef(("env:EVIL",)), "'\n")))
        assert "OTHER" not in str(caught.value)


def test_secrets_have_no_text_form() -> None:
    for secret in (Secret("canary"), Blob(b"canary")):
        assert str(secret) == repr(secret) == f"{secret}" == SENSITIVE
        with pytest.raises(TypeError):
            pickle.dumps(secret)
