"""What was registered is kept on this machine, privately, with the token's reference alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.integrations.tangleclaw import shared_document
from fleethub.integrations.tangleclaw.shared_document import SharedDocument, SharedDocumentError
from fleethub.model.secret import SecretRef


@pytest.mark.parametrize("token", [None, SecretRef(("env:A", "file:~/b"))])
def test_round_trip(tmp_path: Path, token: SecretRef | None) -> None:
    private = tmp_path / ".fleethub"
    assert shared_document.read(private) is None
    kept = SharedDocument("http://localhost:3101", "g", "d", "/f/FLEETHUB.md", token)
    shared_document.write(private, kept)
    assert shared_document.read(private) == kept
    assert (private / "tangleclaw.json").stat().st_mode & 0o777 == 0o600


def test_a_file_that_came_with_the_repository_is_not_taken(tmp_path: Path) -> None:
    private = tmp_path / ".fleethub"
    shared_document.write(private, SharedDocument("http://localhost:3101", "g", "d", "/f/FLEETHUB.md"))
    file = private / "tangleclaw.json"
    file.write_text(file.read_text().replace("localhost:3101", "elsewhere.example:80"))
    with pytest.raises(SharedDocumentError, match="not written on this machine"):
        shared_document.read(private)


def test_what_is_no_record_is_an_error(tmp_path: Path) -> None:
    for text in ("", "[]", "null", "3", '{"base": "", "group": "", "document": "", "path": "", "token": []}'):
        (tmp_path / "tangleclaw.json").write_text(text)
        with pytest.raises(SharedDocumentError):
            shared_document.read(tmp_path)
