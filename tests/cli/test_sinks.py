"""A consumer's key that a command takes, on the command line: by real processes of this machine."""

from __future__ import annotations

import gzip
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.testing.litellm import LiteLLM
from tests.fleets import Spec, deployment, fleet
from tests.keeper import Keeper
from tests.proxies import Admin, chat
from tests.support import MASTER, Place


@pytest.fixture
def proxy() -> Iterator[LiteLLM]:
    routes = [deployment("one"), deployment("two")]
    with LiteLLM(models=routes, master_key=MASTER, cache_ttl=0.01) as running:
        yield running


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(tmp_path / "manager")


def asks(proxy: LiteLLM, keeper: Keeper, **block: object) -> Spec:
    """A fleet whose consumer ``web`` keeps its key in the manager."""
    base = {"model": "one", "command": keeper.argv("put", "{name}", "{models}"), "settle": "0s", "timeout": "5s"}
    return fleet(proxy.url).models("one", "two").table("consumers.web", **{**base, **block})


def plain(file: Path) -> bytes:
    """What a file says, unpacked where it is packed."""
    data = file.read_bytes()
    return gzip.decompress(data) if file.suffix == ".gz" else data


def test_the_value_is_on_standard_input_and_nowhere_else(tmp_path: Path, proxy: LiteLLM, keeper: Keeper) -> None:
    spec = asks(proxy, keeper, check=keeper.argv("get", "{name}"), remove=keeper.argv("take", "{name}"))
    place = Place(tmp_path / "fleet", spec.text)
    said = [place.run("plan", "--full", code=0), place.apply()]
    first = keeper.kept("web")
    place.plan_is_empty()
    said += [place.run("rotate", "key.main.web", "--auto-approve", code=0), place.run("plan", "--json", code=0)]
    said.append(place.apply())
    second = keeper.kept("web")
    assert (first[:3], second[:3], first == second) == ("sk-", "sk-", False)
    assert chat(proxy.url, second, "one")[0] == 200
    keeper.keep("web", "sk-typed-by-somebody-else-0123456789")
    said += [place.run(*words, code=0) for words in (("plan", "--full"), ("status", "--json"), ("drift",))]
    said += [place.apply(), place.run("show", "consumer.web", code=0), place.run("verify", code=0)]
    assert keeper.kept("web") == second
    said.append(place.run("log", code=0))
    for value in (first, second, "sk-typed"):
        assert not any(value in text for text in said)
        assert value not in keeper.seen("processes") + keeper.seen("environment") + keeper.seen("calls")
        here = [f for f in place.folder.rglob("*") if f.is_file() and value.encode() in plain(f)]
        assert here == []
    assert MASTER not in keeper.seen("environment")
    place.write(spec.without("consumers").text)
    place.run("apply", "--auto-approve", "--allow", "stop.deletes", code=0)
    assert (keeper.kept("web"), Admin(proxy.url).rows("web")) == ("", [])


def test_nobody_runs_what_was_not_agreed_to(tmp_path: Path, proxy: LiteLLM, keeper: Keeper) -> None:
    spec = asks(proxy, keeper, check=keeper.argv("get", "{name}"))
    place = Place(tmp_path / "fleet", fleet(proxy.url).models("one").text)
    place.run("plan", code=0)
    place.trusts = False
    place.write(spec.text)
    assert "command.new" in place.run("plan", code=3)
    place.run("apply", "--auto-approve")
    assert keeper.seen("calls") == ""


@pytest.mark.parametrize("way", ["get", "sum"])
def test_a_check_tells_the_key_or_its_digest(tmp_path: Path, proxy: LiteLLM, keeper: Keeper, way: str) -> None:
    place = Place(tmp_path / "fleet", asks(proxy, keeper, check=keeper.argv(way, "{name}")).text)
    place.apply()
    place.plan_is_empty()
    keeper.keep("web", "another")
    assert "key changed" in place.run("plan", code=0)


def test_a_check_that_fails_is_no_absence(tmp_path: Path, proxy: LiteLLM, keeper: Keeper) -> None:
    place = Place(tmp_path / "fleet", asks(proxy, keeper, check=keeper.argv("get", "{name}")).text)
    (keeper.folder / "sealed").touch()
    assert "will create" in place.run("plan", code=0) or "create" in place.out  # nothing was handed over yet
    place.apply(code=6)
    assert "it is sealed" in place.out  # and so nobody knows whether it came
    (keeper.folder / "sealed").unlink()
    place.apply()
    place.plan_is_empty()
    (keeper.folder / "sealed").touch()
    assert "it is sealed" in place.run("plan")
    assert place.code == 1


def test_without_a_check_it_is_said_that_nobody_knows(tmp_path: Path, proxy: LiteLLM, keeper: Keeper) -> None:
    place = Place(tmp_path / "fleet", asks(proxy, keeper).text)
    place.apply()
    place.plan_is_empty()
    keeper.keep("web", "another")
    place.plan_is_empty()
    assert "it cannot be read back; last handed over 20" in place.run("status", code=0)
    (row,) = place.json("status")[0]["nodes"]
    assert row["reason"].startswith("it cannot be read back")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("put", "{name}"), "what it said holds the key: run it there by hand"),
        (("shout", "{name}"), "what it said holds the key: run it there by hand"),
        (("hang",), "did not end within 1 s"),
    ],
)
def test_a_command_that_fails_is_told_without_the_key(
    tmp_path: Path, proxy: LiteLLM, keeper: Keeper, words: tuple[str, ...], says: str
) -> None:
    (keeper.folder / "refuse").touch()
    place = Place(tmp_path / "fleet", asks(proxy, keeper, command=keeper.argv(*words), timeout="1s").text)
    assert says in place.apply(code=6)
    assert "sk-" not in place.out.replace("sk-…", "")
    (keeper.folder / "refuse").unlink()
    place.write(asks(proxy, keeper).text)
    place.apply()
    assert chat(proxy.url, keeper.kept("web"), "one")[0] == 200
    place.plan_is_empty()


@pytest.mark.parametrize(
    "shown", ["sed 's/./& /g'", "od -An -tx1", "od -An -tx1 | tr a-f A-F", "fold -w 7 | tr '\\n' ' '", "od -An -c"]
)
def test_a_key_that_is_told_in_pieces_is_told_too(tmp_path: Path, proxy: LiteLLM, keeper: Keeper, shown: str) -> None:
    place = Place(tmp_path / "fleet", asks(proxy, keeper, command=["sh", "-c", f"{shown} >&2; exit 3"]).text)
    assert "sh ended with 3, and what it said holds the key" in place.apply(code=6)


def test_of_what_a_program_says_the_last_that_can_be_read(tmp_path: Path, proxy: LiteLLM, keeper: Keeper) -> None:
    words = ["sh", "-c", r"cat >/dev/null; printf '\377no room\r\n\007\r\n\000' >&2; exit 4"]
    place = Place(tmp_path / "fleet", asks(proxy, keeper, command=words).text)
    assert re.search(r"sh ended with 4 \(.?no room\)", place.apply(code=6))


def test_what_a_restart_starts_in_the_background_goes_on(tmp_path: Path, proxy: LiteLLM, keeper: Keeper) -> None:
    """Also where it holds the output; what a command leaves there is ended with it."""
    started = {"closed": ">/dev/null 2>&1", "open": ""}
    for name, output in started.items():
        pid = tmp_path / name
        words = ["sh", "-c", f"sleep 60 {output} & echo $! >{pid}"]
        place = Place(tmp_path / f"fleet-{name}", asks(proxy, keeper, restart=words).table("fleet", name=name).text)
        place.apply()
        os.kill(int(pid.read_text()), signal.SIGKILL)
        place.run("destroy", "--auto-approve", code=0)
    words = ["sh", "-c", "cat >/dev/null; sleep 60 &"]
    place = Place(tmp_path / "fleet", asks(proxy, keeper, command=words, timeout="1s").text)
    assert "sh ended, but what it started in the background held its output for 1 s" in place.apply(code=6)


def test_two_that_write_into_one_store_do_so_one_after_the_other(tmp_path: Path, proxy: LiteLLM) -> None:
    """As ``sops set`` does: it reads the file, changes it, and writes all of it."""
    store = tmp_path / "store"
    words = ["sh", "-c", f'had=$(cat {store}); sleep 0.3; printf \'%s {{name}}=%s\' "$had" "$(cat)" >{store}']
    store.touch()
    spec = fleet(proxy.url).models("one")
    for name in ("web", "net", "cli"):
        spec = spec.table(f"consumers.{name}", model="one", command=words, settle="0s")
    Place(tmp_path / "fleet", spec.text).apply()
    assert sorted(re.findall(r"(\w+)=sk-", store.read_text())) == ["cli", "net", "web"]


def test_a_program_that_is_not_there_and_one_that_does_not_listen(
    tmp_path: Path, proxy: LiteLLM, keeper: Keeper
) -> None:
    place = Place(tmp_path / "fleet", asks(proxy, keeper, command=["no-such-program"]).text)
    assert "no-such-program cannot be started: No such file or directory" in place.apply(code=6)
    place.write(asks(proxy, keeper, command=keeper.argv("deaf", "{name}")).text)
    place.apply()
    told = asks(proxy, keeper, command=keeper.argv("deaf", "-"), check=keeper.argv("get", "{name}"), timeout="1s")
    place.write(told.text)
    assert "and after 1 s no key is there" in place.apply(code=6)


def test_what_reads_it_is_restarted_and_the_old_value_ends_then(tmp_path: Path, proxy: LiteLLM, keeper: Keeper) -> None:
    spec = asks(proxy, keeper, restart=keeper.argv("again", "web"))
    place = Place(tmp_path / "fleet", spec.text)
    place.apply()
    first = keeper.kept("web")
    place.run("rotate", "key.main.web", "--auto-approve", code=0)
    place.apply()
    place.plan_is_empty()
    second = keeper.kept("web")
    assert keeper.seen("restarted") == first + second
    assert (chat(proxy.url, first, "one")[0], chat(proxy.url, second, "one")[0]) == (401, 200)


def test_a_lost_lockfile_is_made_again_and_the_key_handed_over_again(
    tmp_path: Path, proxy: LiteLLM, keeper: Keeper
) -> None:
    for number, more in enumerate(({}, {"check": keeper.argv("get", "{name}")})):
        place = Place(tmp_path / f"fleet{number}", asks(proxy, keeper, **more).table("fleet", name=f"f{number}").text)
        place.apply()
        key = keeper.kept("web")
        (place.folder / "fleet.lock").unlink()
        place._known = ()  # what this machine trusts goes by the lineage, where a fleet has no id
        place.run("state", "rebuild", "--yes", code=0)
        place._known = ()
        place.apply()
        place.plan_is_empty()
        assert keeper.kept("web") == key
        place.run("destroy", "--auto-approve", code=0)


@pytest.mark.parametrize("where", ["command", "file", "env", "type"])
def test_an_adopted_key_whose_value_is_not_known_is_brought_to_nobody(
    tmp_path: Path, proxy: LiteLLM, keeper: Keeper, where: str
) -> None:
    """Until it has a new value: what would be brought is one that the proxy does not know."""
    own = Admin(proxy.url).generate(key_alias="web", models=["one"])
    place = Place(tmp_path / "fleet", fleet(proxy.url).models("one", "two").text)
    place.run("import", "key.main.web", "--yes", code=0)
    way = {"command": keeper.argv("put", "web"), "file": "key", "env": {}, "type": "open-webui"}[where]
    base = {"model": "one", "settle": "0s", where: way, "command": None} | {where: way}
    place.write(asks(proxy, keeper, **base).table("keys.web", rpm=60).text)
    assert "key.kept-whole" in place.run("plan", code=3)
    place.run("apply", "--auto-approve")
    assert (chat(proxy.url, own, "one")[0], keeper.kept("web")) == (200, "")
    place.write(asks(proxy, keeper, **base).table("keys.web", rpm=60, generation=2).text)
    place.apply()
    folder = place.folder / "consumers/web"
    found = keeper.kept("web") or next(f.read_text() for n in ("key", ".env") if (f := folder / n).exists())
    value = re.findall(r"sk-[\w-]+", found)[0]
    assert (value == own, chat(proxy.url, value, "one")[0]) == (False, 200)
