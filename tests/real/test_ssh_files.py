"""SSH files as people have them: where OpenSSH's own ``ssh`` logs in, FleetHub does, with the same files.

Every row asks ssh as well, so that a row cannot be wrong about what it should do.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.clients.shell import ShellError, Shells
from fleethub.clients.ssh import Remote
from tests.real.far import Far
from tests.real.sshd import Machine, agent, key, listening

pytestmark = pytest.mark.real


@pytest.fixture
def shells() -> Iterator[Shells]:
    found = Shells()
    yield found
    found.close()


class Host:
    """A name in ~/.ssh/config for the running sshd, and whether ssh and FleetHub get in by it."""

    def __init__(self, machine: Machine, shells: Shells) -> None:
        self.machine, self.shells = machine, shells

    def write(self, *options: str, before: str = "", after: str = "", name: str = "gpu1") -> None:
        lines = [f"HostName 127.0.0.1\n  Port {self.machine.port}\n  User {self.machine.user}", *options]
        self.machine.config(f"{before}Host {name}\n  " + "\n  ".join(lines) + f"\n{after}")

    def ssh(self, name: str = "gpu1") -> subprocess.CompletedProcess[str]:
        argv = ["ssh", "-T", "-o", "BatchMode=yes", name, "echo hello"]
        return subprocess.run(argv, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)

    def lets_in(self, name: str = "gpu1", by_program: bool = False) -> Remote:
        """Both log in; FleetHub by the ssh program only when that is needed."""
        ours = self.shells.at(name)
        assert isinstance(ours, Remote)
        assert ours.run("echo hello").out == b"hello\n"
        done = self.ssh(name)
        assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr
        assert bool(ours.why) is by_program, ours.why
        return ours

    def refuses(self, name: str = "gpu1") -> str:
        """Neither logs in; FleetHub's words."""
        assert self.ssh(name).returncode == 255
        with pytest.raises(ShellError) as caught:
            self.shells.at(name).run("echo hello")
        return str(caught.value)


@pytest.fixture
def host(machine: Machine, shells: Shells) -> Host:
    found = Host(machine, shells)
    found.write()
    return found


@pytest.fixture
def stranger(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that knows the host and has no key; the operator's key lies in the folder that is returned."""
    home = tmp_path / "stranger"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/known_hosts").write_text(host.machine.known)
    for name in ("id_ed25519", "id_ed25519.pub"):
        shutil.copy(host.machine.home / ".ssh" / name, tmp_path / name.replace("id_ed25519", "op"))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(host.machine, "home", home)
    return tmp_path


def sign(authority: Path, public: Path, *options: str) -> None:
    argv = ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", *options, str(public)]
    subprocess.run(argv, check=True)


# known_hosts


def test_lines_of_others_lose_nothing(host: Host, tmp_path: Path) -> None:
    other = key(tmp_path / "other")
    host.machine.known_hosts(
        f"@cert-authority *.corp.example {other}\n@revoked * {other}\n@unheard-of * {other}\n"
        "gpu ssh-ed25519 AAAA\nhalf a line\n\n# a comment\n|1|broken|hash ssh-ed25519 AAAA\n"
        f"*.example ssh-of-tomorrow {other.split()[1]}\n\xff\xfe {other}\n" + host.machine.known
    )
    host.lets_in()


def test_a_line_that_cannot_be_read_is_named_when_the_host_is_not_known(host: Host) -> None:
    host.machine.known_hosts("half a line\n")
    assert "known_hosts:1 cannot be read" in host.refuses()


@pytest.mark.parametrize("how", ["hashed", "pattern", "negated elsewhere", "no port", "second file", "upper case"])
def test_ways_to_name_a_host(how: str, host: Host) -> None:
    folder = host.machine.home / ".ssh"
    name, _, rest = host.machine.known.partition(" ")
    lines = {
        "pattern": f"[127.0.0.?]:{host.machine.port},other {rest}",
        "negated elsewhere": f"*,!{name} ssh-ed25519 AAAA\n*,!other {rest}",
        "no port": f"127.0.0.1 {rest}",
        "upper case": f"GPU {rest}",
    }
    host.machine.known_hosts(lines.get(how, host.machine.known))
    if how == "hashed":
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", folder / "known_hosts"], check=True, capture_output=True)
        assert "127.0.0.1" not in (folder / "known_hosts").read_text()
    if how == "second file":
        (folder / "known_hosts").rename(folder / "a second file")
        host.write(f'UserKnownHostsFile {folder}/none "~/.ssh/a second file"')
    if how == "upper case":
        host.write("HostKeyAlias gPu")
    host.lets_in()


@pytest.mark.sample
def test_one_of_several_keys_of_a_kind(host: Host, tmp_path: Path) -> None:
    name = host.machine.known.split()[0]
    host.machine.known_hosts(f"{name} {key(tmp_path / 'old')}\n" + host.machine.known)
    host.lets_in()


def test_the_kind_that_is_known_is_asked_for(host: Host, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", tmp_path / "rsa"], check=True)
    key(tmp_path / "host")
    shutil.copy(host.machine.home.parent / "authorized", tmp_path / "authorized")
    with listening(tmp_path, f"HostKey {tmp_path}/rsa") as port:
        host.write(f"Port {port}", name="two")
        host.machine.config((host.machine.home / ".ssh/config").read_text().replace(f"Port {host.machine.port}\n", ""))
        public = " ".join((tmp_path / "rsa.pub").read_text().split()[:2])
        host.machine.known_hosts(f"[127.0.0.1]:{port} {public}\n")
        host.lets_in("two")


def test_an_alias_of_the_host_key(host: Host) -> None:
    host.machine.known_hosts(f"gpu {host.machine.known.partition(' ')[2]}")
    host.write("HostKeyAlias gpu")
    host.lets_in()


def test_a_key_that_is_revoked(host: Host) -> None:
    host.machine.known_hosts(f"{host.machine.known}@revoked * {host.machine.known.partition(' ')[2]}")
    assert re.search(r"revoked at .*known_hosts:2", host.refuses())


def test_a_key_that_changed_names_the_line(host: Host, tmp_path: Path) -> None:
    name = host.machine.known.split()[0]
    host.machine.known_hosts(f"# mine\n{name} {key(tmp_path / 'old')}\n")
    says = host.refuses()
    assert re.search(r"is not the one in known_hosts \(\S+known_hosts:2; it shows ED25519 SHA256:\S+\)", says)
    hint = re.search(r"ssh-keygen -R '[^']+' -f \S+(?=\))", says)
    assert hint is not None
    subprocess.run(hint[0], shell=True, check=True, capture_output=True)
    assert "is not known" in host.refuses()


def test_a_key_of_another_kind_is_told(host: Host, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", tmp_path / "other"], check=True)
    public = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    host.machine.known_hosts(f"{host.machine.known.split()[0]} {public}\n")
    assert "of another kind there is NISTP256 at" in host.refuses()


def test_a_command_that_tells_the_host_keys(host: Host, tmp_path: Path) -> None:
    host.machine.known_hosts("")
    (tmp_path / "keys").write_text(f"#!/bin/sh\nprintf '%s' '{host.machine.known}'\n")
    (tmp_path / "keys").chmod(0o755)
    host.write(f"KnownHostsCommand {tmp_path}/keys %H")
    assert host.lets_in(by_program=True).why == f"KnownHostsCommand {tmp_path}/keys %H"


def test_a_new_host_is_accepted_where_ssh_accepts_it(host: Host) -> None:
    host.machine.known_hosts("")
    host.write("StrictHostKeyChecking accept-new")
    ours = host.shells.at("gpu1")
    assert ours.run("echo hello").out == b"hello\n"
    assert host.machine.known.split()[1] in (host.machine.home / ".ssh/known_hosts").read_text()
    fresh = Shells()
    Host(host.machine, fresh).lets_in()  # it is known now
    fresh.close()


@pytest.fixture
def signed(host: Host, tmp_path: Path) -> Iterator[Path]:
    """A host that shows a certificate; its authority."""
    authority = tmp_path / "authority"
    key(authority)
    key(tmp_path / "host")
    sign(authority, tmp_path / "host.pub", "-h", "-n", "127.0.0.1,gpu1")
    shutil.copy(host.machine.home.parent / "authorized", tmp_path / "authorized")
    with listening(tmp_path, f"HostCertificate {tmp_path}/host-cert.pub") as port:
        host.machine.config(f"Host gpu1\n  HostName 127.0.0.1\n  Port {port}\n  User {host.machine.user}\n")
        yield tmp_path


@pytest.mark.sample
def test_a_host_key_that_an_authority_signed(signed: Path, host: Host) -> None:
    public = " ".join((signed / "authority.pub").read_text().split()[:2])
    host.machine.known_hosts(f"# ours\n@cert-authority *,[127.0.0.1]:* {public}\n")
    why = host.lets_in(by_program=True).why
    assert why
    assert why.endswith("known_hosts:2)")


def test_a_host_key_that_another_authority_signed(signed: Path, host: Host) -> None:
    host.machine.known_hosts(f"@cert-authority *,[127.0.0.1]:* {key(signed / 'other')}\n")
    assert "host key is not known: connect once with ssh (ssh gpu1)" in host.refuses()


# keys


def test_a_file_of_another_laptop(stranger: Path, host: Host) -> None:
    host.write("IdentityFile ~/.ssh/id_of_another_laptop", f"IdentityFile {stranger}/op")
    host.lets_in()


def test_a_file_of_another_laptop_and_the_key_in_the_agent(
    stranger: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.write("IdentityFile ~/.ssh/id_of_another_laptop")
    with agent(stranger, stranger / "op") as door:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(door))
        host.lets_in()


def test_a_file_that_is_missing_is_named_when_nothing_else_works(stranger: Path, host: Host) -> None:
    host.write("IdentityFile ~/.ssh/id_of_another_laptop")
    assert f"IdentityFile {host.machine.home}/.ssh/id_of_another_laptop does not exist" in host.refuses()


@pytest.mark.parametrize("how", ["path", "variable", "SSH_AUTH_SOCK", "blank"])
def test_an_agent_of_its_own(how: str, stranger: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    with agent(stranger, stranger / "op") as door:
        spelled = {"path": str(door), "variable": "$FLEET_AGENT", "blank": f'"{stranger}/an agent"'}.get(how, how)
        (stranger / "an agent").symlink_to(door)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(door) if how == "SSH_AUTH_SOCK" else f"{stranger}/nobody")
        monkeypatch.setenv("FLEET_AGENT", str(door))
        host.write(f"IdentityAgent {spelled}")
        host.lets_in()


def test_no_agent_where_none_is_wanted(stranger: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    with agent(stranger, stranger / "op") as door:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(door))
        host.write("IdentityAgent none")
        host.refuses()


def test_an_agent_that_is_not_there_is_named(stranger: Path, host: Host) -> None:
    host.write(f"IdentityAgent {stranger}/nobody")
    assert f"IdentityAgent {stranger}/nobody does not answer" in host.refuses()


def test_one_key_of_an_agent_with_many(stranger: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server cuts after six keys; only the public half of the right one is on disk."""
    host.write(name="gpu0")
    others = [stranger / f"key{n}" for n in range(8)]
    for path in others:
        key(path)
    with agent(stranger, *others, stranger / "op") as door:
        (stranger / "op").unlink()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(door))
        says = host.refuses("gpu0")
        assert "cut the login after" in says
        assert "IdentitiesOnly yes" in says
        host.write("IdentitiesOnly yes", f"IdentityFile {stranger}/op.pub")
        host.lets_in()
        host.write("IdentitiesOnly yes", f"IdentityFile {stranger}/op", name="gpu2")  # the half beside it
        host.lets_in("gpu2")
        host.write(f"IdentityFile {stranger}/op.pub", name="gpu3")  # what is named comes first
        host.lets_in("gpu3")
        host.write("IdentitiesOnly yes", f"IdentityFile {others[0]}.pub", name="gpu4")
        host.refuses("gpu4")


def test_a_locked_key_that_the_agent_holds(stranger: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    with agent(stranger, stranger / "op") as door:
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "a passphrase", "-f", stranger / "op"], check=True)
        host.write("IdentitiesOnly yes", f"IdentityFile {stranger}/op")
        assert "is locked by a passphrase" in host.refuses()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(door))
        host.lets_in()


def test_a_key_that_others_can_read_is_ignored_as_ssh_does(stranger: Path, host: Host) -> None:
    (stranger / "op").chmod(0o644)
    host.write(f"IdentityFile {stranger}/op")
    assert f"chmod 600 {stranger}/op" in host.refuses()


@pytest.mark.parametrize(
    ("kind", "form"), [(k, f) for k in ("rsa", "ecdsa", "ed25519") for f in ("RFC4716", "PEM")][:-1]
)
def test_kinds_and_forms_of_keys(kind: str, form: str, stranger: Path, host: Host) -> None:
    argv = ["ssh-keygen", "-q", "-t", kind, "-m", form, "-N", "", "-f", stranger / "mine"]
    subprocess.run(argv, check=True)
    authorized = host.machine.journal.parent / "authorized"
    before = authorized.read_text()
    authorized.write_text(before + (stranger / "mine.pub").read_text())
    try:
        host.write(f"IdentityFile {stranger}/mine")
        host.lets_in()
    finally:
        authorized.write_text(before)


@pytest.mark.parametrize("how", ["beside the key", "CertificateFile", "in the agent"])
def test_a_key_that_an_authority_signed(how: str, stranger: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, mine = stranger / "authority", stranger / "mine"
    key(authority)
    key(mine)
    key(stranger / "host")
    sign(authority, mine.with_suffix(".pub"), "-n", host.machine.user)
    (stranger / "authorized").write_text("")
    name, public = f"[127.0.0.1]:{{}} {(stranger / 'host.pub').read_text()}", str(authority.with_suffix(".pub"))
    with listening(stranger, f"TrustedUserCAKeys {public}") as port, agent(stranger, mine) as door:
        host.machine.known_hosts(name.format(port))
        options = {
            "beside the key": f"IdentityFile {mine}",
            "CertificateFile": f"IdentityFile {mine}\n  CertificateFile {stranger}/elsewhere.pub",
            "in the agent": "IdentityAgent " + str(door),
        }[how]
        if how != "beside the key":
            (stranger / "mine-cert.pub").rename(stranger / "elsewhere.pub")
        host.machine.config(
            f"Host gpu1\n  HostName 127.0.0.1\n  Port {port}\n  User {host.machine.user}\n  {options}\n"
        )
        host.lets_in(by_program=True)


# the way


def test_no_jump_for_one_of_them(host: Host) -> None:
    host.write("ProxyJump none", after="Host *\n  ProxyJump bastion.invalid\n")
    host.lets_in()


def test_no_command_for_one_of_them(host: Host) -> None:
    host.write("ProxyCommand none", after="Host *\n  ProxyCommand false\n")
    host.lets_in()


@pytest.mark.parametrize("by_program", [False, True])
def test_two_jumps_each_with_its_own_key(by_program: bool, stranger: Path, host: Host) -> None:
    port, user = host.machine.port, host.machine.user
    (stranger / "a folder").mkdir()
    (stranger / "op").rename(stranger / "a folder/op")
    same = f"HostName 127.0.0.1\n  IdentityFile '{stranger}/a folder/op'\n"
    host.machine.config(
        f"Host first\n  Port {port}\n  User {user}\n  {same}\nHost second\n  User nobody-there\n  {same}\n"
        f"Host gpu1\n  Port {port}\n  User {user}\n  {same}  ProxyJump first,{user}@second:{port}\n"
        + ("  AddressFamily inet\n" if by_program else "")
    )
    before = host.machine.log().count("Accepted publickey")
    host.lets_in(by_program=by_program)
    assert host.machine.log().count("Accepted publickey") == before + 6  # three hosts, by FleetHub and by ssh


def test_a_jump_host_that_only_ssh_can_log_in_to(host: Host, tmp_path: Path) -> None:
    shutil.copy(host.machine.home.parent / "authorized", tmp_path / "authorized")
    public = key(tmp_path / "host")
    with listening(tmp_path, "Ciphers chacha20-poly1305@openssh.com") as port:
        host.machine.known_hosts(f"{host.machine.known}[127.0.0.1]:{port} {public}\n")
        host.write("ProxyJump bastion", after=f"Host bastion\n  HostName 127.0.0.1\n  Port {port}\n")
        assert "no algorithm in common" in str(host.lets_in(by_program=True).why)


def test_jumps_in_a_circle(host: Host) -> None:
    host.machine.config("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")  # ssh itself would start ssh for ever
    with pytest.raises(ShellError, match="in a circle"):
        host.shells.at("a").run("true")


def test_a_command_as_the_way(host: Host) -> None:
    code = (
        "import os,socket,sys,threading as t; s=socket.create_connection(sys.argv[1:3])\n"
        "def up():\n while d:=os.read(0,65536): s.sendall(d)\n"
        "t.Thread(target=up,daemon=True).start()\nwhile d:=s.recv(65536): os.write(1,d)\n"
    )
    (host.machine.home / "relay.py").write_text(code)
    host.write(f"ProxyCommand python3 {host.machine.home}/relay.py %h %p | cat")
    host.lets_in(by_program=True)


def test_a_command_that_fails_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleethub.clients.ssh.destination.CONNECT", 3600.0)  # nobody waits for a login any more
    monkeypatch.setattr("fleethub.clients.ssh.destination.LOGIN", 3600.0)
    host.write("ProxyCommand echo 'the tunnel is down' >&2; exit 1")
    assert "the tunnel is down" in host.refuses()


@pytest.mark.parametrize(
    "option",
    ["KexAlgorithms sntrup761x25519-sha512@openssh.com", "Ciphers chacha20-poly1305@openssh.com",
     "MACs umac-128-etm@openssh.com\nCiphers aes256-ctr"],
)  # fmt: skip
def test_a_server_with_one_algorithm(option: str, host: Host, tmp_path: Path) -> None:
    shutil.copy(host.machine.home.parent / "authorized", tmp_path / "authorized")
    public = key(tmp_path / "host")
    with listening(tmp_path, option) as port:
        host.machine.known_hosts(f"[127.0.0.1]:{port} {public}\n")
        host.machine.config(f"Host gpu1\n  HostName 127.0.0.1\n  Port {port}\n")
        host.lets_in(by_program=True)


def test_a_server_with_which_neither_agrees(host: Host, tmp_path: Path) -> None:
    key(tmp_path / "host")
    with listening(tmp_path, "KexAlgorithms diffie-hellman-group14-sha256") as port:
        host.machine.config(f"Host gpu1\n  HostName 127.0.0.1\n  Port {port}\n  KexAlgorithms curve25519-sha256\n")
        says = host.refuses()
        assert "no matching key exchange method" in says
        assert "diffie-hellman-group14-sha256" in says


def test_no_key_is_offered_where_none_is_wanted(host: Host) -> None:
    host.write("PreferredAuthentications password,keyboard-interactive")
    assert "(by ssh: PreferredAuthentications password,keyboard-interactive)" in host.refuses()
    host.write("PreferredAuthentications keyboard-interactive,publickey", name="gpu2")
    host.lets_in("gpu2")


def test_an_entry_for_a_tunnel_that_goes_into_the_background(host: Host) -> None:
    """ssh -G, which is given no command, would not have it."""
    host.write("ForkAfterAuthentication yes", "StdinNull yes")
    assert host.shells.at("gpu1").run("cat", b"hello").out == b"hello"


def test_algorithms_that_are_asked_for_are_used(host: Host) -> None:
    host.write("Ciphers aes256-ctr", "KexAlgorithms ecdh-sha2-nistp384", "MACs hmac-sha2-512")
    host.lets_in()
    host.write("Ciphers chacha20-poly1305@openssh.com", name="gpu2")
    assert host.lets_in("gpu2", by_program=True).why == "ciphers chacha20-poly1305@openssh.com"


@pytest.mark.parametrize("by_program", [False, True])
def test_a_server_that_allows_one_session(by_program: bool, host: Host, tmp_path: Path) -> None:
    """ssh then makes a connection of its own for each script."""
    shutil.copy(host.machine.home.parent / "authorized", tmp_path / "authorized")
    public = key(tmp_path / "host")
    with listening(tmp_path, "MaxSessions 1") as port:
        host.machine.known_hosts(f"[127.0.0.1]:{port} {public}\n")
        way = "AddressFamily inet" if by_program else ""
        host.machine.config(f"Host gpu1\n  HostName 127.0.0.1\n  Port {port}\n  {way}\n")
        ours = host.lets_in(by_program=by_program)
        assert ours.run("cat; exit 3", b"input").out == b"input"


# the configuration


def test_ways_to_write_values(stranger: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (host.machine.home / "a key").symlink_to(stranger / "op")
    (host.machine.home / f".ssh/{host.machine.user}-127.0.0.1-{host.machine.port}").symlink_to(stranger / "op")
    monkeypatch.setenv("KEYS", str(stranger))
    for number, value in enumerate(
        ['"~/a key"', "${KEYS}/op", "%d/.ssh/%r-%h-%p", "~/.ssh/%r-127.0.0.1-%p", "= ~/.ssh/%r-%h-%p"]
    ):
        name = f"gpu{number}"
        host.write(f"IdentityFile {value}", "IdentitiesOnly=yes", name=name)
        host.lets_in(name)


def test_includes_matches_and_many_hosts(stranger: Path, host: Host) -> None:
    folder = host.machine.home / ".ssh"
    (folder / "conf.d").mkdir()
    for number in range(200):
        (folder / f"conf.d/{number}").write_text(f"Host other{number}\n  Port 1\n  User other\n")
    (folder / "conf.d/mine").write_text(f"Host gpu*\n  Include {folder}/deeper\n")
    (folder / "deeper").write_text(f"HostName 127.0.0.1\nMatch host 127.0.0.1\n  Port {host.machine.port}\n")
    host.machine.config(
        "Include conf.d/*\nMatch user nobody\n  Port 2\n"
        f'Match originalhost gpu* exec "test %n = gpu1"\n  User {host.machine.user}\n'
        f"  IdentityFile {stranger}/op\nMatch exec false\n  ProxyJump nowhere.invalid\n"
    )
    host.lets_in()
    host.lets_in(f"{host.machine.user}@gpu1")


def test_a_match_that_hangs_ends_in_time(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleethub.clients.ssh.destination.CONNECT", 1.0)
    host.machine.config('Match exec "sleep 60"\n  Port 1\n')
    with pytest.raises(ShellError, match=r"ssh -G \(a Match exec\?\) did not end within 1 s"):
        host.shells.at("gpu1").run("true")


def test_a_line_that_ssh_cannot_read_is_named(host: Host) -> None:
    host.write("Prot 22")
    assert re.search(r"gpu1: ssh cannot use its configuration: \S+config: line 5: Bad configuration option: prot",
                     host.refuses())  # fmt: skip


def test_ipv6(host: Host, tmp_path: Path) -> None:
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    shutil.copy(host.machine.home.parent / "authorized", tmp_path / "authorized")
    public = key(tmp_path / "host")
    with listening(tmp_path, address="::1") as port:
        host.machine.known_hosts(f"[::1]:{port} {public}\n{host.machine.known}")
        host.machine.config(f"Host gpu1\n  HostName ::1\n  Port {port}\nHost gpu2\n  HostName ::1\n  Port {port}\n"
                            "  ProxyJump gpu1\nHost gpu3\n  HostName 127.0.0.1\n"
                            f"  Port {host.machine.port}\n  ProxyJump {host.machine.user}@[::1]:{port}\n")  # fmt: skip
        host.lets_in()
        host.lets_in("gpu2")
        host.lets_in("gpu3")


def test_what_ssh_starts_gets_no_secret(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", "canary-master")
    monkeypatch.setenv("AWS_PROFILE", "lab")
    host.write(
        f"ProxyCommand sh -c 'env > {tmp_path}/env; exit 1'", before=f'Match exec "env > {tmp_path}/match"\n  Port 9\n'
    )
    shells = Shells(withheld=["LITELLM_MASTER_KEY"])
    with pytest.raises(ShellError):
        shells.at("gpu1").run("true")
    for name in ("env", "match"):
        assert "canary" not in (tmp_path / name).read_text()
        assert "AWS_PROFILE=lab" in (tmp_path / name).read_text()


def test_a_fleet_by_the_ssh_program(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delivered, planned and taken away through it, as the spec asks."""
    monkeypatch.setattr("fleethub.clients.ssh.library.Library.run", None)
    far.place.edit('name = "far"', 'name = "far"\nssh_program = true')
    far.add("alpha", 18801)
    far.place.apply()
    assert far.primary("alpha") == "one"
    far.place.plan_is_empty()
    far.place.run("destroy", "--auto-approve")
    assert not (far.root / "alpha/openclaw.json").exists()


def test_without_ssh(stranger: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are read by paramiko; what only ssh can do is said."""
    tools = stranger / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    host.write(f"IdentityFile {stranger}/op", "ProxyJump none", after="Host *\n  ProxyJump bastion.invalid\n")
    assert host.shells.at("gpu1").run("echo hello").out == b"hello\n"
    host.write("KnownHostsCommand /usr/bin/keys", name="gpu2")
    fresh = Shells()
    with pytest.raises(ShellError, match=r"KnownHostsCommand /usr/bin/keys.*apt-get install openssh-client"):
        fresh.at("gpu2").run("true")
    assert os.environ["PATH"] == str(tools)
