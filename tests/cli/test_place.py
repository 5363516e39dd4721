"""fleethub place: what is shown, what is written and for whom, how it ends; sizes are the spec's, no server answers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from fleethub.model.exit import Exit
from fleethub.testing.catalog import ALL
from fleethub.testing.ollama import GIB, Ollama
from tests.fleets import Spec, direct, fleet
from tests.support import Place


def spec(**more: object) -> Spec:
    """Three models that must stay, on the first of two backends."""
    made = fleet(None).backend("gpu-1", "http://127.0.0.1:9").backend("gpu-2", "http://127.0.0.1:9/2")
    for alias, size in (("qwen3-32b", 28), ("gpt-oss-20b", 14), ("llama3-8b", 10)):
        made = made.model(alias, on="gpu-1", vram=f"{size} GiB", **(more if alias == "gpt-oss-20b" else {}))
    made = made.key("x", models=["qwen3-32b", "gpt-oss-20b"]).key("y", models=["llama3-8b"])
    return (
        made.proxy("main", "http://127.0.0.1:9/llm")
        .table("backends.gpu-1", proxy="main")
        .table("backends.gpu-2", proxy="main")
    )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "fleet", spec().text.replace('backends = ["gpu-1"]', 'backends = ["gpu-1"]  # for now'))


def test_a_proposal_is_shown_and_nothing_is_written(place: Place, snapshot: SnapshotAssertion) -> None:
    before = place.bytes()
    out = place.run("place", "--all", code=0)
    assert out.partition("Nothing was written.")[0] == snapshot
    assert "place --all --write" in out
    assert place.run("place", code=0).replace("place --write", "place --all --write") == out
    assert place.bytes() == before


def test_what_is_written_keeps_comments_is_in_the_history_and_leaves_nothing_to_propose(place: Place) -> None:
    assert "there is no terminal to ask on" in place.run("place", "--write", code=Exit.ERROR)
    assert "A dry run: nothing was written." in place.run("place", "--write", "--dry-run", code=0)
    out = place.run("place", "--write", "--yes", code=0)
    assert "Place: gpt-oss-20b from gpu-1 to gpu-2" in out
    assert "The plan that would follow" in out
    text = (place.folder / "fleet.toml").read_text()
    assert text.count("# for now") == 3
    assert text.count('backends = ["gpu-2"]  # for now') == 1
    (line,) = map(json.loads, (place.folder / ".fleethub/history.ndjson").read_text().splitlines())
    assert (line["action"], line["address"]) == ("place", "fleet.monad")
    assert "Nothing is to be moved, of what is known." in place.run("place", code=0), "neither backend answers"
    assert "The spec says so already" in place.run("place", "--write", "--yes", code=0)
    assert "gpu-2: 14.0 GiB planned of 48.0 GiB (declared): fits" in place.run("plan")


class Stranger(Place):
    trusts = False


def test_where_nothing_was_sent_is_said_where_nothing_is_written_too(tmp_path: Path) -> None:
    place = Stranger(tmp_path / "fleet", spec().text)
    for _ in range(2):  # the plan that follows the first one says it
        assert place.run("place", "--write", "--yes", code=0).count("what depends on it is unknown") == 1


def test_models_of_others_are_moved_by_force_alone_which_is_recorded(tmp_path: Path) -> None:
    place = Place(tmp_path / "fleet", spec(owner="Volta").text)
    before = place.bytes()
    out = place.run("place", "--write", "--yes", "--project", "TiltClaw", code=Exit.REFUSED)
    assert '[models.gpt-oss-20b] belongs to Volta, not to "TiltClaw"' in out
    assert place.bytes() == before
    assert "Volta's" in place.run("place", code=0), "whose it is stands in the proposal"
    place.run("place", "--write", "--yes", "--project", "TiltClaw", "--force", code=0)
    last = json.loads((place.folder / ".fleethub/history.ndjson").read_text().splitlines()[-1])
    assert (last["displaced"], last["force"]) == ("Volta", True)


def test_what_finds_no_room_ends_with_3_and_says_what_is_missing(place: Place) -> None:
    out = place.run("place", "--drain", "gpu-1", code=Exit.REFUSED)
    assert "models on backends that they are to leave: 3 -> 1" in out
    assert "gpt-oss-20b on gpu-1: gpu-1 is drained, and 5.0 GiB are missing on gpu-2, where fewest are: it needs" in out
    assert "--drain gpu-1 --write" in out
    place.run("place", "--drain", "gpu-1", "--write", "--yes", code=0)
    assert "No move helps: that is proved." in place.run("place", "--drain", "gpu-1", code=Exit.REFUSED)


def test_machines_read_each_move_sum_and_the_diff(place: Place) -> None:
    *lines, last = place.json("place")
    assert [line["type"] for line in lines] == [
        *["finding"] * (len(lines) - 6),
        *("move", "backend", "backend", "unobserved", "unobserved", "diff"),
    ]
    move = lines[-6]
    assert (move["model"], move["source"], move["target"], move["bytes"]) == ("gpt-oss-20b", "gpu-1", "gpu-2", 14 * GIB)
    assert [(line["backend"], "refused" in line["why"]) for line in lines[-3:-1]] == [("gpu-1", True), ("gpu-2", True)]
    assert last["unobserved"] == ["gpu-1", "gpu-2"]
    assert lines[-5]["after"]["need"] == 38 * GIB
    assert (last["moves"], last["least"], last["proved"], last["exit"]) == (1, 1, True, 0)
    assert (last["before"]["broken"], last["after"]["broken"]) == (1, 0)


def test_a_commit_holds_the_spec_alone(place: Place) -> None:
    for words in (["init", "-q"], ["config", "user.email", "a@b"], ["config", "user.name", "a"]):
        subprocess.run(["git", *words], cwd=place.folder, check=True)
    (place.folder / ".gitignore").write_text(".fleethub/\nfleet.seed\n")
    for words in (["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=place.folder, check=True)
    place.run("place", "--commit", "--yes", code=0)
    log = subprocess.run(
        ["git", "log", "-1", "--stat", "--format=%s"], cwd=place.folder, capture_output=True, text=True
    )
    assert log.stdout.startswith("fleethub: place: gpt-oss-20b from gpu-1 to gpu-2\n")
    assert "1 file changed" in log.stdout


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("qwen3-32b", "--all"), "with MODEL the backends are ranked"),
        (("--yes",), "--yes goes with --write"),
        (("--drain", "gpu-9"), "no backend is called 'gpu-9'; there are: gpu-1, gpu-2"),
    ],
)
def test_what_cannot_be_done_says_what_can(place: Place, argv: tuple[str, ...], says: str) -> None:
    out = place.run("place", *argv)
    assert place.code not in (0, Exit.BUG)
    assert says in out


def test_a_model_is_ranked_as_capacity_does(place: Place) -> None:
    assert place.run("place", "qwen3-32b") == place.run("capacity", "--place", "qwen3-32b")


def test_sizes_are_read_from_the_servers_and_what_they_lack_is_said(tmp_path: Path) -> None:
    with Ollama(ALL, vram=48 * GIB) as first, Ollama([], vram=48 * GIB) as second:
        made = fleet(None, ollama=first.url).backend("other", second.url)
        made = (
            made.node("a", direct("qwen3-32b"))
            .key("k", models=["gpt-oss-20b", "llama3.1-8b"])
            .proxy("main", "http://127.0.0.1:9/llm")
        )
        made = made.table("backends.gpu", proxy="main").table("backends.other", proxy="main")
        place = Place(tmp_path / "fleet", made.text)
        out = place.run("place", "--drain", "gpu", code=Exit.REFUSED)
        assert "it is not on the disk of other: install it there before the apply, or write pull = true" in out
        assert "qwen3-32b on gpu: gpu is drained, and a node asks this backend for it directly (via)" in out
        assert first.faults == second.faults == []
