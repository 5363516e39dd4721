"""What is read of SSH's files, without a server: known hosts, options, names with tokens, OpenSSH's words."""

from __future__ import annotations

import base64
import os
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.clients import ssh
from fleethub.clients.process import ShellError
from fleethub.clients.ssh import Remote, destination, known_hosts, library
from fleethub.clients.ssh.config import SshConfig, options
from fleethub.clients.ssh.destination import Destination, parts
from fleethub.clients.ssh.identities import public, troubles
from fleethub.clients.ssh.known_hosts import HostKeyError, known
from fleethub.clients.ssh.needs import beyond
from fleethub.clients.ssh.text import program_says
from fleethub.clients.ssh.watchdog import Watchdog


def wire(number: int, kind: str = "ssh-ed25519") -> bytes:
    """A key of a kind, in SSH's format."""
    body = number.to_bytes(32, "big")
    return b"".join(len(part).to_bytes(4, "big") + part for part in (kind.encode(), body))


def text(number: int, kind: str = "ssh-ed25519") -> str:
    return f"{kind} {base64.b64encode(wire(number, kind)).decode()}"


def host(folder: Path, name: str = "gpu", port: int = 22, **given: str | tuple[str, ...]) -> Destination:
    files = {"userknownhostsfile": f"{folder}/known", "globalknownhostsfile": "none"}
    all_of = {key: value if isinstance(value, tuple) else (value,) for key, value in {**files, **given}.items()}
    return Destination(name, name, port, "ops", str(folder), all_of)


LINES = st.one_of(
    st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=80),
    st.sampled_from(["@cert-authority *.corp.example ", "@revoked * ", "gpu ", "@", "#", "|1|x|y ", "* "]).flatmap(
        lambda head: st.sampled_from([text(8), "ssh-ed25519 AAAA", "ssh-of-tomorrow AAAA", ""]).map(lambda t: head + t)
    ),
)


@given(st.lists(LINES, max_size=6), st.lists(LINES, max_size=6))
def test_no_line_hides_another(before: list[str], after: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "known").write_text("\n".join([*before, f"gpu {text(7)} a comment", *after]), encoding="utf-8")
        known(host(Path(name))).check("ssh-ed25519", wire(7))


def test_of_a_thousand_hosts_each_is_found_without_a_look_at_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"gpu{n},10.0.{n // 250}.{n % 250} {text(n)}" for n in range(1000)]
    (tmp_path / "known").write_text("\n".join([*names, f"*.lab {text(1000)}"]))
    matched: list[str] = []
    real = known_hosts._matches

    def spy(host: str, pattern: str) -> bool:
        matched.append(pattern)
        return real(host, pattern)

    monkeypatch.setattr(known_hosts, "_matches", spy)
    for number in range(0, 1000, 10):
        known(host(tmp_path, f"gpu{number}")).check("ssh-ed25519", wire(number))
    known(host(tmp_path, "a.lab")).check("ssh-ed25519", wire(1000))
    assert set(matched) == {"*.lab"}


def test_what_takes_too_long_is_ended_by_one_thread_for_all() -> None:
    watchdog, barked = Watchdog(), threading.Event()
    before = set(threading.enumerate())
    fine = [watchdog.watch(300, pytest.fail) for _ in range(100)]
    late = watchdog.watch(0.01, barked.set)
    assert barked.wait(60)
    assert late.late
    (thread,) = {t for t in threading.enumerate() if t.name == "ssh limits"} - before
    for one in fine:
        one.end()
    assert not any(one.late for one in fine)
    late.end()
    assert thread.daemon


def test_a_limit_that_ended_says_nothing_and_leaves_no_thread() -> None:
    watchdog, before = Watchdog(), set(threading.enumerate())
    watchdog.watch(0.01, pytest.fail).end()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()


def test_what_is_not_known_changed_or_revoked_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "known").write_text(f"other {text(1)}\n[gpu]:2222 {text(2)}\nother\n@revoked gpu* {text(3)}\n")
    there, elsewhere = host(tmp_path, port=2222), host(tmp_path, port=2223)
    with pytest.raises(HostKeyError, match=r"not the one in known_hosts \(.*known:2; it shows ED25519 SHA256:"):
        known(there).check("ssh-ed25519", wire(1))
    with pytest.raises(HostKeyError, match=r"\[gpu\]:2223 is not known .*known:3 cannot be read"):
        known(elsewhere).check("ssh-ed25519", wire(2))
    (tmp_path / "known").write_text(f"gpu {text(3)}\n@revoked * {text(3)}\n")
    with pytest.raises(HostKeyError, match=r"is revoked at .*known:2"):
        known(host(tmp_path)).check("ssh-ed25519", wire(3))
    with pytest.raises(HostKeyError, match="is not known"):
        known(host(tmp_path, userknownhostsfile="none")).check("ssh-ed25519", wire(3))


def test_a_port_is_looked_up_with_and_without_and_an_alias_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "known").write_text(f"gpu {text(1)}\n")
    known(host(tmp_path, "GPU", 2222)).check("ssh-ed25519", wire(1))
    known(host(tmp_path, "10.0.0.7", 2222, hostkeyalias="gpu")).check("ssh-ed25519", wire(1))
    (tmp_path / "known").write_text(f"gpu {text(1)}\n[gpu]:2222 {text(2)}\n")
    with pytest.raises(HostKeyError):
        known(host(tmp_path, port=2222)).check("ssh-ed25519", wire(1))


def test_what_ssh_prints_is_read_as_it_is() -> None:
    found = options("user ops\nidentityfile ~/.ssh/a b\nidentityfile ~/.ssh/c\nHostname x\n")
    assert found == {"user": ("ops",), "identityfile": ("~/.ssh/a b", "~/.ssh/c"), "hostname": ("x",)}


def test_names_with_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYS", "/keys")
    gpu = host(tmp_path, port=2222, identityfile=("~/%r@%h-%p", "${KEYS}/%n%%", "%d/x", "none", "~/%r@%h-%p"))
    assert gpu.identity_files == (tmp_path / "ops@gpu-2222", Path("/keys/gpu%"), tmp_path / "x")
    assert host(tmp_path).identity_files[0] == tmp_path / ".ssh/id_rsa"


def test_files_with_blanks_in_a_list(tmp_path: Path) -> None:
    (tmp_path / "a b").write_text("")
    listed = host(tmp_path, userknownhostsfile=f"{tmp_path}/a b {tmp_path}/c").known_hosts
    assert listed == (tmp_path / "a b", tmp_path / "c")


@pytest.mark.parametrize(
    ("value", "socket"),
    [(None, "/default"), ("SSH_AUTH_SOCK", "/default"), ("none", ""), ("$OTHER", "/other"), ("${OTHER}", "/other"),
     ("~/a b", "HOME/a b"), ("$UNSET", "")],
)  # fmt: skip
def test_which_agent(value: str | None, socket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/default")
    monkeypatch.setenv("OTHER", "/other")
    monkeypatch.delenv("UNSET", raising=False)
    given = {} if value is None else {"identityagent": value}
    assert host(tmp_path, **given).agent == socket.replace("HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("given", "why"),
    [({}, ""), ({"proxycommand": "none"}, ""), ({"proxycommand": "nc %h"}, "ProxyCommand nc %h"),
     ({"addressfamily": "any"}, ""), ({"addressfamily": "inet6"}, "AddressFamily inet6"),
     ({"certificatefile": ("none", "~/c.pub")}, "CertificateFile ~/c.pub"),
     ({"stricthostkeychecking": "accept-new"}, "StrictHostKeyChecking accept-new for a host that is not known yet"),
     ({"stricthostkeychecking": "ask"}, ""), ({"identityfile": "~/sk"}, "HOME/sk is a key on a security key"),
     ({"identityfile": "~/signed"}, "HOME/signed-cert.pub is a certificate")],
)  # fmt: skip
def test_when_only_ssh_can(given: dict[str, str | tuple[str, ...]], why: str, tmp_path: Path) -> None:
    (tmp_path / "sk.pub").write_text(text(1, "sk-ssh-ed25519@openssh.com"))
    (tmp_path / "signed-cert.pub").write_text("")
    gpu = host(tmp_path, **given)
    assert beyond(gpu, known(gpu)) == why.replace("HOME", str(tmp_path))


def test_an_authority_of_this_host_and_of_others(tmp_path: Path) -> None:
    (tmp_path / "known").write_text(f"@cert-authority *.corp.example {text(1)}\n@cert-authority gpu* {text(2)}\n")
    gpu, other = host(tmp_path), host(tmp_path, "host.example")
    assert beyond(gpu, known(gpu)) == f"its host key is signed by an authority ({tmp_path}/known:2)"
    assert beyond(other, known(other)) == ""


def test_public_halves_and_what_is_wrong_with_files(tmp_path: Path) -> None:
    (tmp_path / "a.pub").write_text(f"{text(1)} me\n")
    (tmp_path / "b").write_text("no key\n")
    assert public(tmp_path / "a") == public(tmp_path / "a.pub") == wire(1)
    assert public(tmp_path / "b") is None
    assert public(tmp_path / "none") is None
    (tmp_path / "open").write_text("-----BEGIN RSA PRIVATE KEY-----\n")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "locked").write_text("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n")
    (tmp_path / "locked").chmod(0o600)
    said = troubles(host(tmp_path, identityfile=("~/open", "~/locked", "~/a.pub", "~/gone", "~/id_rsa")))
    assert [line.replace(f"{tmp_path}/", "") for line in said] == [
        "open can be read by others, so it is ignored: chmod 600 open",
        "locked is locked by a passphrase: unlock it with ssh-add locked",
        "IdentityFile gone does not exist",
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("@@@\n@ WARNING: REVOKED HOST KEY DETECTED! @\nHost key verification failed.", "the host key is revoked"),
        ("Offending ED25519 key in /h/known_hosts:3\nHost key verification failed.", "(/h/known_hosts:3)"),
        ("No ED25519 host key is known for gpu and you have requested strict checking.", "connect once with ssh (ssh "),
        ("ops@gpu: Permission denied (publickey).", "it takes publickey"),
        ("Unable to negotiate with 1.2.3.4 port 22: no matching cipher found. Their offer: x", "Their offer: x"),
        ("ssh: Could not resolve hostname gpu: Name or service not known", "its name is not known here"),
        ("ssh: connect to host gpu port 22: Connection refused", "cannot connect (Connection refused)"),
        ("Connection timed out during banner exchange", "no answer within 5 s"),
        ("the tunnel is down\nConnection closed by UNKNOWN port 65535", "the tunnel is down; Connection closed"),
        ("", "ssh says nothing"),
    ],
)
def test_words_of_ssh(said: str, told: str) -> None:
    assert told in program_says(said, "ops@gpu", 5)


def test_addresses() -> None:
    assert parts("ops@gpu:2222") == ("ops", "gpu", 2222)
    assert parts("[::1]:2222") == (None, "::1", 2222)
    assert parts("ops@corp.example@bastion:2222") == ("ops@corp.example", "bastion", 2222)  # the last @, as OpenSSH
    for wrong in ("-oProxyCommand=x", "ops@-x", "-l@x", "a@b@", "a@b@-x", "gpu:ssh"):
        with pytest.raises(ShellError):
            parts(wrong)


@pytest.fixture
def stand_in(tmp_path: Path) -> SshConfig:
    """An ``ssh`` that counts how often it is asked."""
    tool = tmp_path / "ssh"
    tool.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n'
        'for host; do :; done\necho "hostname $host"\necho "proxyjump bastion"\necho "controlpath /home/ops/hash"\n'
    )
    tool.chmod(0o755)
    return SshConfig({**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin"})


def test_each_host_is_asked_for_once_and_a_circle_ends(stand_in: SshConfig, tmp_path: Path) -> None:
    with pytest.raises(ShellError, match="or in a circle"):
        stand_in.of("gpu")
    assert len((tmp_path / "asked").read_text().splitlines()) == 2  # gpu and bastion


def test_a_user_and_a_port_are_for_ssh_to_judge(stand_in: SshConfig, tmp_path: Path) -> None:
    with pytest.raises(ShellError):
        stand_in.of("root@gpu:2222")
    assert "-l root -p 2222 -- gpu" in (tmp_path / "asked").read_text()


def test_an_account_that_the_system_does_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSH does nothing for it; the files are then read here."""
    (tmp_path / "ssh").write_text("#!/bin/sh\necho 'No user exists for uid 4711' >&2; exit 255\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Host gpu\n  HostName 10.0.0.7\n  User ops\n")
    found = SshConfig({**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin"}).of("gpu:2222")
    assert (found.host, found.port, found.user, found.by_openssh) == ("10.0.0.7", 2222, "ops", False)
    assert found.connect_timeout == destination.CONNECT


def test_what_is_written_while_the_files_are_read_is_seen_by_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kept connection is only believed to be right as long as nothing was written since the files were read."""
    machine = Remote("gpu", SshConfig({**os.environ, "PATH": str(tmp_path)}))
    there = host(tmp_path, "gpu")
    monkeypatch.setattr(machine._config, "of", lambda address: there)
    path = there.known_hosts[0]
    path.write_text("")

    def read_and_written(to: Destination) -> known_hosts.KnownHost:
        found = known(to)
        path.write_text(f"gpu {text(1)}\n")
        return found

    monkeypatch.setattr(ssh, "known", read_and_written)
    machine._read()
    assert machine._files != SshConfig({}).files(there.known_hosts)


def test_nothing_is_written_into_what_all_connections_share(tmp_path: Path) -> None:
    """Its reader in another thread would find it half made."""
    before = library._settings()._modifications.copy()
    connection = library._connection(host(tmp_path), known(host(tmp_path)), None)
    assert library._settings()._modifications == before == {}
    assert connection.gateway is False
