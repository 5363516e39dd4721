"""A node's own folders from one target to another, through this machine: as a stream, and proved by what lies there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Full, Queue
from threading import Event

from fleethub.clients.answer import listen
from fleethub.clients.host import scripts
from fleethub.clients.host.bundle import HostError
from fleethub.clients.host.target import Target
from fleethub.clients.shell import ShellError
from fleethub.model.dataclass import dataclass

SILENT = 120.0  # seconds without a byte after which a copy is given up
LOOK = 4 * 3600.0  # seconds in which all that lies there is read
PARTS = 32  # of at most 64 KiB that are under way between the two


@dataclass(frozen=True, slots=True)
class Account:
    """What lies in folders of a target. ``digests``: of names, contents, links and modes; and of those with owners.

    ``me``: the login's user id. ``folders``: those that are there; ``full``: with more than folders in them.
    ``arrived``: the digests of what was copied there once.
    """

    me: int = 0
    folders: tuple[str, ...] = ()
    full: bool = False
    things: int = 0
    bytes: int = 0
    digests: tuple[str, ...] = ()
    arrived: tuple[str, ...] = ()
    owners: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Copied:
    """``things``: files, links and folders; 0: there was nothing to copy. ``anew``: False where it had come before."""

    things: int = 0
    bytes: int = 0
    anew: bool = True


def copy(
    old: Target, new: Target, folders: Sequence[str], own: Sequence[str], lineage: str = "", serial: int = 0
) -> Copied:
    """Bring what lies in ``folders`` to ``new``, where it takes their place in one go; the old ones stay.

    ``own``: paths in them that are FleetHub's, which are delivered. What came before, and is as it was there, is not
    copied twice; what would replace anything that is not known to be an older copy is refused. Modes, times and, where
    the login may give files away, owners are kept, and proved with all contents. Raises HostError.
    """
    there = account(old, folders, own)
    if not there.full:
        return Copied()
    here = account(new, there.folders, own)
    kind = 1 if here.me == 0 else 0  # owners can be kept by root alone
    if kind == 0 and (others := there.owners - {here.me, there.me}):
        says = ", ".join(map(str, sorted(others)))
        raise HostError(
            f"{_at(old)}: files of user {says} lie in {', '.join(there.folders)}, and the login at {_at(new)} (user "
            f"{here.me}) cannot give them to that user: log in there as root, or as that user"
        )
    if _same(here.arrived, there.digests, kind):
        return Copied(there.things, there.bytes, anew=False)
    known = (here.arrived, there.arrived, there.digests)
    if here.full and not any(_same(here.digests, one, kind) for one in known):
        raise HostError(
            f"{_at(new)}: what lies in {', '.join(there.folders)} there is no copy of what {_at(old)} has, so it is "
            "not replaced: empty those folders at the one of both whose content is not to be kept, and apply again"
        )
    fence = [lineage, str(serial)]
    _stream(old, new, there.folders, fence)
    came = account(new, there.folders, own, "./.fleethub/arriving")
    if not _same(came.digests, there.digests, kind):
        raise HostError(
            f"{_at(new)}: {came.things} files and folders of {came.bytes} bytes arrived, and {there.things} of "
            f"{there.bytes} lie at {_at(old)}: not the same, so nothing was put in place; is it still written to there?"
        )
    inside = [path for path in own if path.partition("/")[0] in there.folders]
    new.say(scripts.ENTER, [*fence, " ".join(there.digests), *inside, ""], LOOK, "entered")
    return Copied(there.things, there.bytes)


def account(target: Target, folders: Sequence[str], own: Sequence[str], where: str = ".") -> Account:
    """What lies in these folders; raises HostError. What a copy that broke off had proved is put in place first."""
    lines = target.say(scripts.ACCOUNT, [where, *folders, "", *own, ""], LOOK)
    told: dict[str, list[str]] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        told.setdefault(word, []).append(rest)
    try:
        return Account(
            me=int(told.get("me", ["0"])[0]),
            folders=tuple(told.get("folder", ())),
            full="full" in told,
            things=int(told.get("things", ["0"])[0]),
            bytes=int(told.get("bytes", ["0"])[0]),
            digests=tuple(told.get("digest", [""])[0].split()),
            arrived=tuple(told.get("arrived", [""])[0].split()),
            owners=frozenset(map(int, told.get("owner", ()))),
        )
    except ValueError:
        raise HostError(f"{_at(target)}: what lies there could not be told") from None


def _same(one: Sequence[str], other: Sequence[str], kind: int) -> bool:
    return len(one) == 2 and len(other) == 2 and one[kind] == other[kind]


def _at(target: Target) -> str:
    return f"{target.remote}{target.path}"


class _Pipe:
    """Bytes from one thread to another, a bounded number of them at a time."""

    def __init__(self) -> None:
        self._parts: Queue[bytes] = Queue(PARTS)
        self._over = Event()
        self.unread = False  # something was written that nobody read

    def write(self, data: bytes) -> None:
        """Raises BrokenPipeError when nobody reads any more."""
        while not self._over.is_set():
            try:
                return self._parts.put(data, timeout=0.2)
            except Full:
                continue
        self.unread = True
        raise BrokenPipeError

    def close(self) -> None:
        """No more is written, or read."""
        self._over.set()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            over = self._over.is_set()  # before the look: what was written before the end is there by now
            try:
                yield self._parts.get(timeout=0.01 if over else 0.2)
            except Empty:
                if over:
                    return


def _stream(old: Target, new: Target, folders: Sequence[str], fence: Sequence[str]) -> None:
    pipe = _Pipe()

    def leave() -> str:
        try:
            stdin = old.stdin([*fence, *folders, ""])
            done = listen(old.shell, scripts.LEAVE, stdin, SILENT, pipe.write)
        except ShellError as error:
            return f"{_at(old)}: {error}"
        finally:
            pipe.close()
        said = done.err.decode(errors="replace").strip().splitlines()
        return f"{_at(old)}: {said[-1] if said else f'tar ended with {done.code}'}"[:500] if done.code else ""

    with ThreadPoolExecutor(1) as pool:
        leaving = pool.submit(leave)
        try:
            new.say(scripts.ARRIVE, fence, SILENT, "received", iter(pipe))
        except HostError as error:
            pipe.close()
            why = leaving.result()  # what does not arrive whole did not leave whole, unless it was we who ended that
            raise HostError(str(error) if pipe.unread else why or str(error)) from None
        if why := leaving.result():
            raise HostError(why)
