"""Places of targets, compared as text, and folders, where links lead."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleethub.fleetspec.targets import RESERVED, Refused, above, host_of, normal, place_of
from fleethub.model.login import machine

NAMES = st.sampled_from(["a", "b", "out", "loop", "file", ".", "", "templates"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = (tmp_path / "fleet").resolve()
    (root / "a/b/c").mkdir(parents=True)
    (root / "file").touch()
    links = {"b": "a", "out": "..", "loop": "loop", "a/a": "b", "a/out": "../../fleet/a", "a/b/a": "none"}
    for at, to in links.items():
        (root / at).symlink_to(to)
    return root


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(text=PATHS, absolute=st.booleans())
def test_a_folder_is_where_its_links_lead(root: Path, text: str, absolute: bool) -> None:
    text = f"{root}/{text}" if absolute else text
    wanted: str | None = None
    with suppress(OSError, RuntimeError):
        real = (root / text).resolve()
        if real.is_relative_to(root) and real != root and not {*real.relative_to(root).parts} & {*RESERVED}:
            wanted = str(real.relative_to(root))
    try:
        assert normal(text, root) == wanted
    except Refused:
        assert wanted is None


def test_of_a_folder_only_its_own_parts_are_looked_at(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, lstat = list[str](), os.lstat
    monkeypatch.setattr(os, "lstat", lambda path: (asked.append(str(path)), lstat(path))[1])
    assert normal("a/b/x/y", root) == "a/b/x/y"
    assert asked == [f"{root}/a", f"{root}/a/b", f"{root}/a/b/x"]


def test_the_folders_that_a_target_lies_in_come_in_their_order() -> None:
    """Whose folder a target lies in is said of the outermost, in each run the same."""
    assert above("run/a/b") == ("run", "run/a")
    assert above(place_of("ssh://ops@Host:22/srv/a/b"))[-2:] == ("ssh://host:22/srv", "ssh://host:22/srv/a")


def test_a_user_may_have_an_at_sign_and_no_password(root: Path) -> None:
    """The last @ is before the host, as OpenSSH reads it, in whoever reads the target."""
    target = normal("ssh://ops@corp.example@Bastion:22/srv/a", root)
    assert target == "ssh://ops@corp.example@Bastion/srv/a"
    assert host_of(target) == machine(target) == "Bastion"
    assert place_of(target) == "ssh://bastion/srv/a"
    assert machine("ssh://ops@[fd00::1]:2222/srv/a") == "fd00::1"
    assert machine("run/a@b") == ""
    for wrong in ("ssh://a@@h/srv/a", "ssh://@h/srv/a", "ssh://a@b@/srv/a", "ssh://a@-b@h/srv/a@/.."):
        with pytest.raises(Refused):
            normal(wrong, root)
    for secret in ("ssh://ops:pw@h/srv/a", "ssh://ops@corp:pw@h/srv/a", "ssh://ops:pw@corp@h/srv/a"):
        with pytest.raises(Refused, match="password"):
            normal(secret, root)
