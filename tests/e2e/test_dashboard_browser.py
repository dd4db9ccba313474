"""The dashboard in a real browser: nothing is complained of, nothing overflows, and clicking leads where it says."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from src.store.engine import Store
from src.store.ledger import LedgerWriter
from tests.unit.ledger_support import entry

from .browser import NARROW, PAGES, WIDE, Browser, browser
from .dashboard_support import Dashboard, fill, made
from .gateway import until

EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="module")
def window(folder: Path) -> Iterator[Browser]:
    with browser(folder) as found:
        yield found


@pytest.fixture(scope="module")
def store(folder: Path, window: Browser) -> Iterator[Store]:
    with made(f"sqlite:///{folder / 'gateway.db'}") as found:
        fill(found, time.time(), days=9, per_day=60)
        LedgerWriter(found).write([entry(at=time.time() - 60, alias=EVIL, user_label=EVIL, error=EVIL, status=500,
                                         error_type="upstream_error", request_id="e" * 32, session="x" * 64)])
        yield found


@pytest.fixture(scope="module")
def site(folder: Path, store: Store) -> Iterator[Dashboard]:
    limits = {"PROXY_MODEL_KEYS": "gpt5", "MODEL_GPT5_UPSTREAM_MODEL": "gpt-5", "MODEL_GPT5_RPM": "60"}
    with Dashboard(folder, GATEWAY_DATABASE_URL=f"sqlite:///{folder / 'gateway.db'}", **limits) as found:
        yield found


@pytest.fixture
def inside(window: Browser, site: Dashboard) -> Browser:
    """A window that came in by the printed address; what it complained of before is forgotten."""
    window.shape(WIDE)
    window.driver.get(site.url)
    assert "token" not in window.driver.current_url, "it is in no history and no screenshot"
    window.console()
    return window


def heading(window: Browser) -> str:
    return str(window.run("return document.querySelector('h1').textContent"))


def rows(window: Browser) -> list[str]:
    found: list[str] = window.run("return [...document.querySelectorAll('tbody tr')].map(row => row.innerText)")
    return found


def click(window: Browser, words: str) -> None:
    """Follow a link by its words, and wait for the page that it leads to."""
    link = window.driver.find_element(By.PARTIAL_LINK_TEXT, words)
    target = link.get_attribute("href")
    link.click()
    until(lambda: window.driver.current_url == target, f"the page behind {words}", 30)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_no_page_overflows_or_is_complained_of(inside: Browser, site: Dashboard, width: int, dark: bool) -> None:
    inside.shape(width, dark=dark)
    for address in [*PAGES.values(), "/requests/" + "e" * 32, f"/requests?alias={EVIL}"]:
        inside.driver.get(site.base + address)
        assert inside.run("return document.documentElement.scrollWidth") <= width, address
        light = inside.run("return getComputedStyle(document.body).backgroundColor") == "rgb(246, 247, 249)"
        assert light is not dark, "the style is applied"
    assert inside.console() == []


def test_the_navigation_leads_through_all_pages(inside: Browser) -> None:
    for link, title in (("Requests", "Requests"), ("Limits", "Limits and budgets"), ("Prices", "Prices"),
                        ("Overview", "Overview")):
        click(inside, link)
        assert heading(inside) == title
    click(inside, "24h")
    click(inside, "User")
    click(inside, "Cost")
    assert [f"{name}=" in inside.driver.current_url for name in ("period", "by", "sort")] == [True] * 3
    assert inside.console() == []


def test_a_bar_leads_to_the_requests_of_its_hour_and_tells_what_it_holds(inside: Browser, site: Dashboard) -> None:
    inside.driver.get(f"{site.base}/?period=24h")
    told: list[Any] = inside.run("""
        const bars = [...document.querySelectorAll('.plot')][0].querySelectorAll('a.column');
        return [bars.length, bars[23].querySelector('title').textContent, bars[23].getAttribute('href')]""")
    assert told[0] == 24 and "UTC: " in told[1]
    count = int(told[1].partition("UTC: ")[2].split()[0])
    inside.driver.get(site.base + told[2])
    assert count == len(rows(inside)) > 0


def test_the_form_filters_and_older_pages_follow(inside: Browser, site: Dashboard) -> None:
    inside.driver.get(f"{site.base}/requests")
    newest = rows(inside)
    click(inside, "Older")
    assert len(newest) == 50 and len(rows(inside)) == 50 and not set(newest) & set(rows(inside))
    inside.driver.find_element(By.TAG_NAME, "summary").click()
    inside.driver.find_element(By.NAME, "user").send_keys("alice")
    inside.driver.find_element(By.TAG_NAME, "button").click()
    until(lambda: "user=alice" in inside.driver.current_url, "the filtered page", 30)
    assert rows(inside) and all("alice" in row for row in rows(inside))
    click(inside, "user alice")
    assert "user=" not in inside.driver.current_url
    assert inside.console() == []


def test_a_request_can_be_looked_at_and_nothing_that_it_says_runs(inside: Browser, site: Dashboard) -> None:
    inside.driver.get(f"{site.base}/requests/{'e' * 32}")
    assert EVIL in inside.run("return document.body.innerText")
    assert inside.run("return document.querySelectorAll('img, script').length") == 0
    assert inside.console() == []


def test_a_live_page_shows_a_new_request_by_itself(inside: Browser, site: Dashboard, store: Store) -> None:
    inside.driver.get(f"{site.base}/requests?live=1")
    alias = "asked-just-now"
    assert alias not in inside.driver.page_source
    LedgerWriter(store).write([entry(at=time.time(), alias=alias)])
    until(lambda: alias in inside.driver.page_source, "the new request", 30)
    assert inside.run("return document.querySelectorAll('.new').length") == 1
    assert inside.console() == []


def test_whoever_has_no_token_is_told_where_it_is(window: Browser, site: Dashboard) -> None:
    window.driver.delete_all_cookies()
    window.driver.get(f"{site.base}/requests")
    assert heading(window) == "Token needed"
    assert window.run("return document.documentElement.scrollWidth") <= WIDE
