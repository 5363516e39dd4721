"""The pages of the site: each link leads to a page, and the reference is whole. ``make docs`` builds them, strictly."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from docs.site.built import loaded_from_elsewhere
from docs.site.pages import BrokenLink, write
from fleethub.cli.group import cli
from fleethub.fleetspec.schema import json_schema
from fleethub.nodetypes.registry import writable
from tests.docs.pages import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write(ROOT, folder)
    return folder


def test_each_link_leads_to_a_page_of_the_site(site: Path) -> None:
    links = 0
    for page in site.rglob("*.md"):
        text = re.sub(r"^(`{3,}).*?^\1$|`[^`\n]+`", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
            links += 1
            assert (page.parent / target).exists(), f"{page.relative_to(site)} links to {target}"
    assert links > 50
    assert "files/examples/deploy.md" in {str(page.relative_to(site)) for page in site.rglob("*.md")}


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_text("`[code](no.md)`\n\n[b](b.md)\n")
    with pytest.raises(BrokenLink, match=r"docs/a\.md links to b\.md"):
        write(tmp_path, tmp_path / "site")


def test_all_pages_are_in_the_navigation(site: Path) -> None:
    named = re.findall(r"[\w/-]+\.md", str(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    there = {str(page.relative_to(site)) for page in site.rglob("*.md")}
    assert sorted(named) == sorted(page for page in there if not page.startswith("files/"))


def test_the_reference_has_each_command_and_each_table(site: Path) -> None:
    commands, spec = (site / "reference/commands.md").read_text(), (site / "reference/spec.md").read_text()
    context = click.Context(cli, info_name="fleethub")
    for name in cli.list_commands(context):
        one = cli.get_command(context, name)
        assert one is not None
        assert f"## fleethub {name}\n" in commands or one.hidden
    schema: dict[str, Any] = json_schema()
    for table in schema["$defs"].values():
        for field in table["properties"]:
            assert f"| `{field}` |" in spec
    assert len(re.findall(r"^## \[", spec, re.MULTILINE)) == len(schema["$defs"])


def test_each_type_of_node_is_told_where_nodes_are() -> None:
    page = (ROOT / "docs/nodes.md").read_text()
    assert [name for name in writable() if f"| `{name}` |" not in page] == []


def test_the_glossary_has_each_word_once() -> None:
    glossary = (ROOT / "docs/design.md").read_text().partition("## Glossary")[2]
    rows = re.findall(r"^\| ([^|]+) \| (.+) \|$", glossary, re.MULTILINE)
    words = [word for head, says in rows[1:] for word in (head, *re.findall(r"\*\*(.+?)\*\*", says))]
    assert [word for word in words if words.count(word) > 1] == []
    assert len(words) > 100


def test_each_extra_is_told_where_installing_is() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"].keys() - {"dev", "docs"}
    page = (ROOT / "docs/install.md").read_text()
    assert {extra for extra in extras if f"`{extra}`" not in page} == set()


def test_what_a_page_loads_from_elsewhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<link rel="canonical" href="https://a.example"><a href="https://b.example">b</a>'
        '<script src="https://cdn.example/x.js"></script><img src="own.png">'
    )
    assert loaded_from_elsewhere(tmp_path) == ["a.html: https://cdn.example/x.js"]
