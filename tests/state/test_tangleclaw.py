"""What was registered is kept on this machine, privately, with the token's reference alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.model.secret import SecretRef
from fleethub.state import tangleclaw
from fleethub.state.tangleclaw import Registration, RegistrationError


@pytest.mark.parametrize("token", [None, SecretRef(("env:A", "file:~/b"))])
def test_round_trip(tmp_path: Path, token: SecretRef | None) -> None:
    private = tmp_path / ".fleethub"
    assert tangleclaw.read(private) is None
    kept = Registration("http://localhost:3101", "g", "d", "/f/FLEETHUB.md", token)
    tangleclaw.write(private, kept)
    assert tangleclaw.read(private) == kept
    assert (private / "tangleclaw.json").stat().st_mode & 0o777 == 0o600
    tangleclaw.remove(private)
    tangleclaw.remove(private)
    assert tangleclaw.read(private) is None


def test_a_file_that_came_with_the_repository_is_not_taken(tmp_path: Path) -> None:
    private = tmp_path / ".fleethub"
    tangleclaw.write(private, Registration("http://localhost:3101", "g", "d", "/f/FLEETHUB.md"))
    file = private / "tangleclaw.json"
    file.write_text(file.read_text().replace("localhost:3101", "elsewhere.example:80"))
    with pytest.raises(RegistrationError, match="not written on this machine"):
        tangleclaw.read(private)


def test_what_is_no_record_is_an_error(tmp_path: Path) -> None:
    for text in ("", "[]", "null", "3", '{"base": "", "group": "", "document": "", "path": "", "token": []}'):
        (tmp_path / "tangleclaw.json").write_text(text)
        with pytest.raises(RegistrationError):
            tangleclaw.read(tmp_path)
