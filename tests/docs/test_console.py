"""Every console block of the README and of docs/ is run, in order, page by page; what a page shows is what was written.

``…`` on a line of its own stands for lines that are left out, within a line for a piece of it. What differs from run
to run (times, ids, ports) is compared as that. A command ends with 0 unless its comment says ``exit code N``.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs import scenes, scenes_shared  # noqa: F401 - they name the scenes
from tests.docs.pages import ROOT, Command, blocks, differs
from tests.docs.world import SCENES, World
from tests.support import MASTER

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md")))

INDEX, MINUTES, STAYS = "a package index", "measures for minutes", "runs until Ctrl-C"
#: What needs more than this machine, or more time than a page has: page, the command's beginning, why, and who runs it.
OUTSIDE = (
    ("README.md", "uv tool install .", f"{INDEX}; .ci/run installs by pip, test_deploy.py from the wheel"),
    ("docs/install.md", "uv tool install .", f"{INDEX}, as above"),
    ("docs/performance.md", "python -m tests.bench.start", MINUTES),
    ("docs/performance.md", "python -m tests.bench.growth", MINUTES),
    ("docs/performance.md", "python -m tests.bench --against", f"{MINUTES}, beside another commit"),
    ("docs/performance.md", "python -m tests.bench.http", MINUTES),
    ("docs/performance.md", "FLEETHUB_SOAK_MINUTES=10 python -m pytest", f"{MINUTES}; .ci/run has a short row"),
    ("docs/performance.md", "make bench ", f"{MINUTES}; a step of .ci/run"),
    ("docs/performance.md", "make bench-ssh", f"{MINUTES}; a step of .ci/run"),
    ("docs/sessions.md", "curl -s http://localhost:3101", "a TangleClaw with its page; seen on 5.14.0"),
    ("docs/sessions.md", "fleethub serve --port 3310", f"{STAYS}; a scene of that page starts it"),
    ("docs/tutorial.md", "fleethub demo --bare", f"{STAYS}; the scene after it starts it and pastes what it says"),
)


def outside(page: str, command: Command) -> bool:
    return any(where == page and command.text.startswith(text) for where, text, _ in OUTSIDE)


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_happens(page: str, tmp_path: Path) -> None:
    tell(page, tmp_path)


def test_the_readme_from_nothing_to_an_audit_and_a_plan(tmp_path: Path) -> None:
    """Without what waits: the demo, and a first apply with what follows it."""
    tell("README.md", tmp_path, without="fleethub demo", until="fleethub apply")


def tell(page: str, folder: Path, without: str = "-", until: str = "-") -> None:
    """Type a page's commands in their order, up to the first that begins with ``until``."""
    with ExitStack() as stack:
        world = World(folder / "home", stack)
        for block in blocks(ROOT / page):
            for scene in block.scenes:
                SCENES[scene](world)
            for command in block.commands:
                if command.text.startswith(until):
                    return
                if not command.text.startswith(without) and not outside(page, command):
                    run(page, command, world)


def run(page: str, command: Command, world: World) -> None:
    code, written = world.shell.run(command.text.replace("sk-…", MASTER), command.answers)
    where = f"{page}:{command.line}: $ {command.text}"
    assert code == command.code, f"{where}\nended with {code}, not {command.code}:\n{written}"
    wrong = differs(command.shown, written.replace(str(world.shell.home), "~"))
    assert not wrong, f"{where}\nshows what was not written: {wrong}\nthis was:\n{written}"


def test_each_scene_is_set_by_a_page() -> None:
    pages = "".join((ROOT / page).read_text() for page in PAGES)
    drawn = (ROOT / "tests/docs/picture.py").read_text()
    assert [name for name in SCENES if f"<!-- scene: {name} -->" not in pages and f'"{name}"' not in drawn] == []


def test_what_is_not_run_is_counted() -> None:
    """Each reason is for one command of its page: nothing is left out because it looks like another."""
    commands = [(page, one.text) for page in PAGES for block in blocks(ROOT / page) for one in block.commands]
    for page, text, _ in OUTSIDE:
        assert sum(where == page and typed.startswith(text) for where, typed in commands) == 1, (page, text)
    assert len(commands) - len(OUTSIDE) >= 100


@pytest.mark.parametrize(
    ("shown", "written", "well"),
    [
        (["a", "b"], "a\nb\n", True),
        (["a"], "a\nb\n", False),
        (["a", "…"], "a\nb\n", True),
        (["…", "b"], "a\nb\n", True),
        (["…", "c"], "a\nb\n", False),
        (["b"], "a\nb\n", False),
        (["a … d"], "a b c d\n", True),
        (["a … d"], "a b c\n", False),
        (["Plan 0123456789ab: no changes."], "Plan ba9876543210: no changes.\n", True),
        (["Plan 0123456789ab: no changes."], "Plan ba9876543210: 1 to update.\n", False),
        ([], "anything\n", True),
    ],
)
def test_what_counts_as_shown(shown: list[str], written: str, well: bool) -> None:
    assert (differs(shown, written) == "") == well
