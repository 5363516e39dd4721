"""The page in a real Chromium: opened, read, asked, and refreshed while somebody uses it. See tests/real/README.md."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fleethub.model.edit import Assign
from fleethub.operations import proposals
from fleethub.operations.edit import EditInput, propose
from fleethub.operations.workplace import Workplace
from fleethub.testing.demo import MASTER, StandIns
from tests.server.live import SECONDS, Served, serving
from tests.support import Place

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
PHONE, DESK = 320, 1280
SHOWN = "return [...document.querySelectorAll('#node-rows tr')].filter(r => !r.hidden).length"
HOSTILE = "<script>document.title = 1</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    missing += ["selenium"] if importlib.util.find_spec("selenium") is None else []
    if missing:
        said = f"{' and '.join(missing)} not installed: see tests/real/README.md"
        if os.environ.get("FLEETHUB_REQUIRE_REAL"):
            pytest.fail(f"FLEETHUB_REQUIRE_REAL is set, and {said}")
        pytest.skip(said)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    with tempfile.TemporaryDirectory(prefix="fleethub-chromium-", ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(str(shutil.which("chromedriver")))
        driver = webdriver.Chrome(options=options, service=service)
        try:
            yield driver
        finally:
            driver.quit()


@pytest.fixture
def fleet() -> Iterator[StandIns]:
    with StandIns() as found:
        yield found


@pytest.fixture
def place(fleet: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr("tests.support.MASTER", MASTER)
    hostile = f'\n[nodes.newclaw]\nhost = "newclaw"\nowner = "{HOSTILE}"\n'
    spec = fleet.spec().replace("monad.seed", "fleet.seed").replace('settle = "1s"', 'settle = "0s"')
    found = Place(tmp_path / "fleet", spec + hostile)
    found.apply()
    return found


@pytest.fixture
def served(place: Place) -> Iterator[Served]:
    with serving(place.folder, "--interval", "500ms", LITELLM_MASTER_KEY=MASTER) as found:
        found.observed()
        yield found


class Page:
    """The open page; whatever the browser complained of meanwhile fails the test."""

    def __init__(self, driver: Any, url: str) -> None:
        self.driver = driver
        self.complaints()
        driver.get(url)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, css: str) -> Any:
        return self.driver.find_element("css selector", css)

    def text(self, css: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).innerText", css))

    def until(self, script: str) -> Any:
        """Until an expression is true in the page."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, SECONDS, 0.05).until(lambda _: self.run(f"return {script}"))

    def refreshed(self) -> None:
        """Have it refresh as it does by itself, now, and wait for that."""
        self.run(
            "window.done = false;"
            "new PerformanceObserver((_, all) => { all.disconnect(); setTimeout(() => { window.done = true; }, 50); })"
            ".observe({ type: 'resource' });"
            "document.dispatchEvent(new Event('visibilitychange'));"
        )
        self.until("window.done")

    def width(self, pixels: int) -> None:
        screen = {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": pixels < 700}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture
def page(browser: Any, served: Served) -> Iterator[Page]:
    found = Page(browser, served.url)
    found.width(DESK)
    yield found
    assert found.complaints() == []


def test_who_runs_what_is_there_and_hostile_names_are_text(page: Page) -> None:
    assert page.driver.title == "monad · FleetHub"
    rows = page.text("#node-rows")
    for said in ("volta", "Volta", "qwen3-32b", "as planned", HOSTILE):
        assert said in rows
    assert page.run("return document.querySelectorAll('img').length") == 0
    assert "GiB headroom" in page.text("#vram")
    assert page.run("return getComputedStyle(document.querySelector('.tiles')).display") == "grid", "styles apply"
    loaded = "return performance.getEntriesByType('resource').map(r => r.name)"
    assert page.run(loaded) == [], "nothing beside the page itself is loaded"


def test_the_form_is_answered_in_the_page(page: Page) -> None:
    page.run("window.sameDocument = true")
    page.find("#q-backend").send_keys("monad-1")
    page.find("#q-model").send_keys("gpt-oss-120b")
    page.find("#ask button").click()
    page.until("document.querySelector('#answer').innerText.includes('does not fit')")
    assert page.run("return window.sameDocument"), "it was answered without leaving the page"
    assert "model=gpt-oss-120b" in page.driver.current_url
    page.driver.refresh()
    assert "does not fit" in page.text("#answer"), "the address keeps the question"
    assert page.find("#q-model").get_attribute("value") == "gpt-oss-120b"


def test_a_drift_shows_by_itself_and_nobody_loses_what_they_do(page: Page, fleet: StandIns, place: Place) -> None:
    assert "drift" not in page.text("#node-rows")
    page.run("window.sameDocument = true")
    field = page.find("#q-model")
    field.send_keys("half a na")
    page.run("arguments[0].setSelectionRange(2, 4)", field)
    fleet.edit_key("volta", models=["qwen3-32b"])
    (place.folder / "nodes/tiltclaw/openclaw.json").write_text('{"agents": 1}')
    for _ in range(20):
        page.refreshed()
        if "key: drift" in page.text("#node-rows") and "openclaw.json" in page.text("#node-rows"):
            break
    rows = page.text("#node-rows")
    assert "key: drift" in rows
    assert rows.startswith(("tiltclaw", "volta")), "what is in trouble comes first"
    assert "node.tiltclaw" in page.text("#attention")
    assert page.text("#say").startswith("Updated: ")
    assert page.run("return window.sameDocument")
    assert field.get_attribute("value") == "half a na"
    there = "return [document.activeElement.id, arguments[0].selectionStart, arguments[0].selectionEnd]"
    assert page.run(there, field) == ["q-model", 2, 4]


def test_what_is_opened_stays_open(page: Page, place: Place) -> None:
    place.edit('owner = "TiltClaw"', 'owner = "TiltClaw"\nmodel = "gpt-oss-120b"')
    page.refreshed()
    page.until("document.querySelector('#attention details') !== null")
    page.find("#attention summary").click()
    place.edit('model = "gpt-oss-120b"', 'model = "gpt-oss-120b"\nlabels = { a = "b" }')
    place.edit('owner = "Volta"', 'owner = "Someone"')
    page.refreshed()
    page.until("document.querySelector('#node-rows').innerText.includes('Someone')")
    assert page.run("return document.querySelector('#attention details').open")


def test_a_server_that_is_gone_is_told(page: Page, served: Served) -> None:
    assert not page.find("#lost").is_displayed()
    served.stop()
    page.run("document.dispatchEvent(new Event('visibilitychange'))")
    page.until("!document.querySelector('#lost').hidden")
    assert "does not answer" in page.text("#lost")
    assert all("ERR_CONNECTION_REFUSED" in complaint for complaint in page.complaints())


@pytest.mark.parametrize("query", ["", "?backend=monad-1&model=gpt-oss-120b", "?model=llama3.1-8b"])
def test_a_phone_shows_one_column_and_scrolls_one_way(page: Page, served: Served, query: str) -> None:
    page.width(PHONE)
    page.driver.get(served.url + query)
    assert page.run("return document.documentElement.scrollWidth") <= PHONE
    assert page.run("return getComputedStyle(document.querySelector('#node-rows tr')).display") == "block"
    wide = page.run(
        "return [...document.querySelectorAll('main *')].filter(e => !e.closest('[data-scroll], pre, .sr, thead') "
        "&& e.getBoundingClientRect().right > arguments[0] + 1).map(e => e.outerHTML.slice(0, 80))",
        PHONE,
    )
    assert wide == []


def luminance(colour: str) -> float:
    parts = [int(c) / 255 for c in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_light_and_dark(page: Page, scheme: str) -> None:
    page.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    pairs = page.run(
        "const back = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;"
        " if (c !== 'rgba(0, 0, 0, 0)') return c; } return 'rgb(255, 255, 255)'; };"
        "return [...document.querySelectorAll('h1,h2,h3,p,td,th,dt,dd,li,a,label,button,.badge,.why')]"
        ".filter(e => e.offsetParent && e.textContent.trim())"
        ".map(e => [getComputedStyle(e).color, back(e), e.outerHTML.slice(0, 60)])"
    )
    assert len(pairs) > 50
    for front, behind, what in pairs:
        light, dark = sorted((luminance(front), luminance(behind)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (what, front, behind)
    assert (luminance(pairs[0][1]) < 0.2) == (scheme == "dark")


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    page.run("document.body.focus()")
    seen = []
    while len(seen) < 30:
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        active = "document.activeElement"
        seen.append(page.run(f"return {active}.id || {active}.className || {active}.tagName"))
        if seen[-1] == "BODY":
            break
        assert page.run(f"return getComputedStyle({active}).outlineStyle") != "none", seen[-1]
    assert seen[0] == "skip"
    assert seen[1:8] == ["A"] * 7, "what is on the page"
    assert seen[8:] == [
        "q-backend",
        "q-model",
        "q-context",
        "q-params",
        "BUTTON",
        "card picture",
        "SUMMARY",
        "filter",
        "A",
        "BODY",
    ]
    page.find("#ask-h").click()
    page.driver.switch_to.active_element.send_keys("/")
    assert page.run("return document.activeElement.id") == "filter"
    page.find("#filter").send_keys("a/b")
    assert page.find("#filter").get_attribute("value") == "a/b", "in a field it is a character"


def test_nodes_are_filtered(page: Page) -> None:
    page.find("#filter").send_keys("PLANNED tilt")
    assert page.run(SHOWN) == 1
    page.refreshed()
    assert page.run(SHOWN) == 1
    assert page.text("#filtered") == "1 of 4 shown"


def test_of_a_large_fleet_a_hundred_nodes_are_shown_until_somebody_wants_all(page: Page, place: Place) -> None:
    many = "".join(f'[nodes.n{n:03d}]\nhost = "far-{n}"\nmodel = "llama3.1-8b"\n' for n in range(150))
    place.write((place.folder / "fleet.toml").read_text() + many)
    page.refreshed()
    page.until("document.querySelectorAll('#node-rows tr').length === 154")
    assert (page.run(SHOWN), page.text("#filtered")) == (100, "100 of 154 shown")
    page.find("#filter").send_keys("n14")
    assert (page.run(SHOWN), page.find("#more").is_displayed()) == (10, False)
    page.find("#filter").clear()
    page.find("#filter").send_keys("n")
    page.find("#more button").click()
    assert (page.run(SHOWN), page.find("#more").is_displayed()) == (154, False)
    page.refreshed()
    assert page.run(SHOWN) == 154


EVA = "fhsk_" + "e" * 43


@pytest.fixture
def decided(place: Place) -> Iterator[tuple[Served, str]]:
    """A fleet with a proposal of an agent, served to a person; and the proposal's name."""
    (place.folder / "eva.token").write_text(EVA)
    (place.folder / "eva.token").chmod(0o600)
    with Workplace(place.folder) as work:
        asked = EditInput(Assign("volta", "gpt-oss-20b"), "Volta")
        judge = lambda it: propose(place.folder, it)  # noqa: E731
        done = proposals.offer(judge, work.store, work.fleet, "helper", asked, datetime.now(UTC))
    assert done.data.waiting is not None, done.findings
    with serving(place.folder, "--person", "eva=file:eva.token", LITELLM_MASTER_KEY=MASTER) as served:
        served.observed()
        yield served, done.data.waiting.id


def test_a_person_decides_with_the_keyboard_on_a_phone(browser: Any, decided: tuple[Served, str], place: Place) -> None:
    from selenium.webdriver.common.keys import Keys

    served, name = decided
    page = Page(browser, served.url)
    page.width(PHONE)
    assert page.run("return document.querySelectorAll('[data-proposal]').length") == 0, "nobody signed in"
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Authorization": f"Bearer {EVA}"}})
    try:
        page = Page(browser, served.url)
        spec = place.folder / "fleet.toml"
        spec.write_text(f"{spec.read_text()}\n# another hand\n")
        page.find(f"[data-key=a{name}]").send_keys(Keys.ENTER)
        page.until("document.querySelector('[data-said]').textContent.includes('something else by now')")
        page.find(f"[data-key=a{name}]").send_keys(Keys.ENTER)
        page.until("document.querySelectorAll('[data-proposal]').length === 0")
        page.until("document.activeElement.id === 'proposals-h'")
        page.until("document.querySelector('#history').textContent.includes('by the agent helper · approved: eva')")
        assert page.run("return document.documentElement.scrollWidth <= innerWidth"), "it fits a phone"
    finally:
        browser.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})
    assert 'model = "gpt-oss-20b"' in (place.folder / "fleet.toml").read_text().partition("[nodes.volta]")[2]
    said = [entry for entry in page.complaints() if "409" not in entry]  # the stale yes is an answer, and a line there
    assert said == []
