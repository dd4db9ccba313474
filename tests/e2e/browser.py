"""A real browser, Debian's chromium without a screen, and pictures of the dashboard.

    python -m tests.e2e.browser FOLDER                  a picture of every page, wide, narrow and dark
    python -m tests.e2e.browser docs/dashboard.png      the one of the documentation
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from .dashboard_support import Dashboard, filled

WIDE, NARROW = 1280, 390
PAGES = {"overview": "/?period=30d", "hours": "/?period=24h&by=user", "requests": "/requests",
         "filtered": "/requests?state=5xx&user=alice", "request": "/requests/5f3a", "limits": "/limits",
         "prices": "/unpriced"}
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-gpu",
          "--no-first-run", "--disable-background-networking", "--disable-component-update")


class Browser:
    """One window. Every warning of its console is kept by it until somebody asks."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def shape(self, width: int, height: int = 900, dark: bool = False) -> None:
        """Make the window so wide, a phone's below 600 pixels, and prefer dark or light."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def run(self, script: str) -> Any:
        """Return what a script says of the page; the page itself may run none."""
        return self.driver.execute_script(script)

    def console(self) -> list[str]:
        """Return what the browser complained of since the last time."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]

    def picture(self, path: Path, tallest: int = 2400) -> None:
        """Write a picture of the whole page, unless it is taller."""
        width = self.run("return window.innerWidth")
        height = min(tallest, self.run("return document.documentElement.scrollHeight"))
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        assert self.driver.save_screenshot(str(path))


def missing() -> str:
    """Return what is not installed here, nothing where a browser can be started."""
    absent = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    return f"not installed here: {', '.join(absent)}" if absent else ""


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Yield a browser with a profile of its own; skip the test where none is installed."""
    if reason := missing():
        pytest.skip(reason)
    options = ChromeOptions()
    for flag in (*_FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


def main(target: Path) -> None:
    """Write the pictures into the folder ``target``, or the one of the documentation where that is a file."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, filled(Path(name)) as url, \
            Dashboard(Path(name), GATEWAY_DATABASE_URL=url) as site, browser(Path(name)) as window:
        window.driver.get(site.url)
        if target.suffix:
            window.shape(1180, 800)
            window.driver.get(f"{site.base}/?period=30d")
            assert window.driver.save_screenshot(str(target))
            return
        target.mkdir(exist_ok=True)
        for width, dark in ((WIDE, False), (WIDE, True), (NARROW, False), (NARROW, True)):
            for page, address in PAGES.items():
                window.shape(width, dark=dark)
                window.driver.get(site.base + address)
                window.picture(target / f"{page}-{width}{'-dark' if dark else ''}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
