"""What an operator waits for over SSH, whole commands beside their peers': ``make bench-ssh``, which installs pyinfra.

* ``apply`` to 20 hosts that have nothing yet: beside pyinfra ``-y`` of the same three files, and beside a program that
  logs in by fabric, sends a tar, syncs and renames, and knows nothing else; and beside the floor (``ssh_floor.py``)
* ``plan`` of 100 hosts that have nothing to do: beside pyinfra ``--dry --diff``, and 100 logins by fabric alone
* logins to 100 hosts with 1,000 ``Host`` entries in ~/.ssh/config, and with one for them all

* a refresh of 100 hosts by ``fleethub serve``, beside that of another commit (``--against``)

All hosts are names for one sshd on this machine's loopback. Figures are processor time of client, children and sshd;
rounds are taken in turn, and a ratio is the median of the rounds' ratios. Nothing fails: a shared machine is too noisy.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.fleets import trust
from tests.bench.ssh_floor import FLOOR
from tests.bench.ssh_served import refreshes
from tests.bench.sshd import Server, Spent, command, in_turn, ratio, table
from tests.support import SEED

PUSH, PLAN = 20, 100
FILES = (
    (".env", b"KEY='1'\n" * 20, 0o600),
    ("compose.yaml", b"a: 1\n" * 300, 0o644),
    ("openclaw.json", b"{}\n" * 900, 0o644),
)
SPEC = """
[fleet]
name = "bench"
key_seed = ["file:fleet.seed"]
[backends.gpu]
host = "gpu"
gpus = [{{ name = "x", vram = "48 GiB" }}]
[backends.gpu.ollama]
url = "http://127.0.0.1:9"
[models.one]
backends = ["gpu"]
route = "ollama_chat/one"
context = 32768
vram = "1 GiB"
[defaults.node]
type = "openclaw-native"
target = "ssh://{user}@{{host}}{root}/{{name}}"
model = {{ model = "one", via = "ollama" }}
settle = "0s"
"""
#: A program as one would write it for this: ``bare.py USER COUNT [TAR ROOT]``.
BARE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from fabric import Connection

user, count, tar, root = (sys.argv[1:] + ["", ""])[:4]
data = Path(tar).read_bytes() if tar else b""
names = ".env compose.yaml openclaw.json"

def one(number):
    folder = f"{root}/{number}"
    connection = Connection(f"host{number}", user=user)
    connection.open()
    if tar:
        channel = connection.transport.open_session()
        channel.exec_command(
            f"mkdir -p {folder}/in && cd {folder}/in && tar -xpf - && sync {names} && mv {names} .. && sync .."
        )
        channel.sendall(data)
        channel.shutdown_write()
        assert channel.recv_exit_status() == 0, channel.recv_stderr(9999)
    connection.close()

with ThreadPoolExecutor(20) as pool:
    list(pool.map(one, range(int(count))))
"""
#: ``logins.py USER COUNT``: FleetHub's own client logs in everywhere.
LOGINS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from fleethub.clients.shell import Shells

user, count = sys.argv[1:]
shells = Shells()
with ThreadPoolExecutor(20) as pool:
    assert all(pool.map(lambda n: shells.at(f"{user}@host{n}").run("true").code == 0, range(int(count))))
shells.close()
"""


class Peers:
    """The commands of one run, each in a process of its own."""

    def __init__(self, folder: Path, server: Server, pyinfra: str) -> None:
        from fleethub.clients.host.bundle import Bundle, archive

        self.folder, self.server, self.program = folder, server, pyinfra
        (folder / "bare.py").write_text(BARE)
        (folder / "logins.py").write_text(LOGINS)
        (folder / "floor.py").write_text(FLOOR)
        (folder / "files.tar").write_bytes(archive(FILES))
        (folder / "bundle.tar").write_bytes(Bundle(FILES, {"serial": 1}).pack())
        self._env = dict(os.environ)

    def python(self, script: str, *argv: object) -> Spent:
        """One of the scripts above."""
        env = {**self._env, "PYTHONPATH": str(Path(__file__).parents[2])}
        argv_ = [sys.executable, str(self.folder / script), *map(str, argv)]
        return self.server.spent(lambda: command(argv_, self.folder, env))

    def fleet(self, name: str, count: int) -> Path:
        """The folder of a fleet of so many nodes whose files lie below ``srv-NAME``; nothing is applied."""
        (fleet := self.folder / name).mkdir()
        nodes = "".join(f'[nodes.n{n}]\nhost = "host{n}"\n' for n in range(count))
        (fleet / "fleet.toml").write_text(SPEC.format(user=self.server.user, root=self.folder / f"srv-{name}") + nodes)
        (fleet / "fleet.seed").write_text(SEED)
        (fleet / "fleet.seed").chmod(0o600)
        return fleet

    def fleethub(self, fleet: Path, *argv: str) -> Spent:
        """One command on a fleet."""
        trust(fleet)
        argv = (sys.executable, "-m", "fleethub", "-C", str(fleet), *argv)
        return self.server.spent(lambda: command(argv, fleet, dict(os.environ)))

    def pyinfra(self, root: str, count: int, *flags: str) -> Spent:
        """The same three files by pyinfra."""
        folder, home = self.folder / "pyinfra", self.server.home
        folder.mkdir(exist_ok=True)
        settings = {"ssh_hostname": "127.0.0.1", "ssh_user": self.server.user, "ssh_port": self.server.port,
                    "ssh_key": f"{home}/.ssh/id_ed25519"}  # fmt: skip
        (folder / "inventory.py").write_text(f"hosts = {[(f'host{n}', settings) for n in range(count)]!r}\n")
        puts = ""
        for name, content, mode in FILES:
            (folder / f"src{name}").write_bytes(content)
            puts += (
                f"files.put(src={str(folder / f'src{name}')!r}, dest={root!r} + '/' + host.name + '/{name}', "
                f"mode='{mode:o}', create_remote_dir=True)\n"
            )
        (folder / "deploy.py").write_text(f"from pyinfra import host\nfrom pyinfra.operations import files\n{puts}")
        argv = [self.program, *flags, "inventory.py", "deploy.py"]
        return self.server.spent(lambda: command(argv, folder, self._env))


def applies(peers: Peers, rounds: int) -> None:
    """Three files to hosts that have none."""

    def ours(number: int) -> Spent:
        return peers.fleethub(peers.fleet(f"apply-{number}", PUSH), "apply", "--auto-approve")

    offline = peers.fleet("offline", PUSH)
    rows: dict[str, Callable[[int], Spent]] = {
        "fleethub apply": ours,
        "a tar by fabric": lambda number: peers.python(
            "bare.py", peers.server.user, PUSH, peers.folder / "files.tar", peers.folder / f"bare-{number}"
        ),
        "its floor": lambda number: peers.python(
            "floor.py", peers.server.user, PUSH, peers.folder / f"floor-{number}-", peers.folder / "bundle.tar"
        ),
        "fleethub plan --offline": lambda _: peers.fleethub(offline, "plan", "--offline"),
    }
    if peers.program:
        rows["pyinfra -y"] = lambda number: peers.pyinfra(f"{peers.folder}/pyinfra-{number}", PUSH, "-y")
    found = in_turn(rows, rounds)
    table(f"apply to {PUSH} hosts", found)
    _say("apply over a tar by fabric", found["fleethub apply"], found["a tar by fabric"], 1.6)
    _say("its floor over a tar by fabric", found["its floor"], found["a tar by fabric"])
    if peers.program:
        _say("apply over pyinfra", found["fleethub apply"], found["pyinfra -y"], 0.5)
        _say("its floor over pyinfra", found["its floor"], found["pyinfra -y"])


def plans(peers: Peers, rounds: int) -> None:
    """A fleet that has nothing to do."""
    fleet = peers.fleet("steady", PLAN)
    peers.fleethub(fleet, "apply", "--auto-approve", "--parallel", "32")
    rows: dict[str, Callable[[int], Spent]] = {
        "fleethub plan": lambda _: peers.fleethub(fleet, "plan", "--detailed-exitcode"),
        "logins alone, by fabric": lambda _: peers.python("bare.py", peers.server.user, PLAN),
        "its floor": lambda _: peers.python("floor.py", peers.server.user, PLAN, peers.folder / "srv-steady/n"),
    }
    if peers.program:
        root = f"{peers.folder}/steady-pyinfra"
        peers.pyinfra(root, PLAN, "-y")
        rows["pyinfra --dry --diff"] = lambda _: peers.pyinfra(root, PLAN, "--dry", "--diff")
    found = in_turn(rows, rounds)
    table(f"plan of {PLAN} hosts", found)
    _say("plan over logins by fabric", found["fleethub plan"], found["logins alone, by fabric"])
    if peers.program:
        _say("plan over pyinfra", found["fleethub plan"], found["pyinfra --dry --diff"], 0.33)
        _say("its floor over pyinfra", found["its floor"], found["pyinfra --dry --diff"])


def entries(peers: Peers, rounds: int) -> None:
    """Logins with a short and a long ~/.ssh/config."""

    def with_names(count: int) -> Callable[[int], Spent]:
        def run(_: int) -> Spent:
            peers.server.names(count)
            return peers.python("logins.py", peers.server.user, PLAN)

        return run

    many = 10 * PLAN
    found = in_turn({f"{many} Host entries": with_names(many), "1 Host entry": with_names(1)}, rounds)
    peers.server.names(PLAN)
    table(f"logins to {PLAN} hosts", found)
    long, short = found.values()
    _say("a long ~/.ssh/config over a short one", long, short, 1.05)


def _say(what: str, ours: list[Spent], theirs: list[Spent], goal: float = 0) -> None:
    cpu, wall = ratio(ours, theirs), ratio(ours, theirs, "wall")
    print(f"{what}: {cpu:.2f} (wall {wall:.2f})" + (f", aimed at {goal:g} at most" if goal else ""), flush=True)


ROWS = {"apply": applies, "plan": plans, "entries": entries, "serve": None}


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ssh", description=__doc__)
    parser.add_argument("--pyinfra", default="", help="the pyinfra program; without it only the other peers are run")
    parser.add_argument("--rounds", type=int, default=5, help="of each row, in turn")
    parser.add_argument("--against", metavar="REV", default="8fa18d5", help="whose server is run beside this one's")
    parser.add_argument("rows", metavar="ROW", nargs="*", help=f"only some of: {', '.join(ROWS)}")
    asked = parser.parse_args()
    program = str(Path(asked.pyinfra).absolute()) if asked.pyinfra else ""
    if unknown := sorted({*asked.rows} - ROWS.keys()):
        parser.error(f"there is no row {unknown[0]!r}; there are {', '.join(ROWS)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(folder, PLAN)
        try:
            peers = Peers(folder, server, program)
            for row in asked.rows or ROWS:
                if (run := ROWS[row]) is not None:
                    run(peers, asked.rounds)
                else:
                    refreshes(peers, asked.rounds, asked.against, PLAN)
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
