"""Open built pages in a headless browser: pictures load, and no script fails.

    python .ci/check_pages.py docs/_build/html

Every page is opened at the width of a desktop and of a phone, except for the tables of
running times, whose scripts come from the network. Screenshots are written into
docs/_build/screenshots.
"""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

WIDTHS = {"desktop": 1280, "phone": 390}
BROKEN_PICTURES = """
return [...document.images]
    .filter(image => image.offsetParent && !(image.complete && image.naturalWidth))
    .map(image => image.src);
"""
OVERFLOW = "return document.documentElement.scrollWidth - window.innerWidth;"


def open_browser():
    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "allow-file-access-from-files"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("check_pages.py needs chromium and chromium-driver, or Google Chrome.")
    options.binary_location = browser
    return webdriver.Chrome(options, service)


def check(browser, page, size, width, folder):
    """Complaints about one page at one width."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {
            "width": width,
            "height": 900,
            "deviceScaleFactor": 1,
            "mobile": width < 600,
        },
    )
    browser.get(page.resolve().as_uri())
    WebDriverWait(browser, 30).until(
        lambda b: b.execute_script("return document.readyState") == "complete"
    )
    # Pictures further down are loaded when they come into view.
    for y in range(0, browser.execute_script("return document.body.scrollHeight"), 600):
        browser.execute_script(f"window.scrollTo(0, {y})")
    browser.execute_script("window.scrollTo(0, 0)")
    name = f"{page.parent.name}_{page.stem}_{size}"
    browser.save_screenshot(str(folder / f"{name}.png"))
    complaints = [
        f"script: {entry['message']}"
        for entry in browser.get_log("browser")
        if entry["level"] == "SEVERE"
    ]
    broken = browser.execute_script(BROKEN_PICTURES)
    complaints += [f"picture does not load: {source}" for source in broken]
    overflow = browser.execute_script(OVERFLOW)
    if overflow > 1:
        complaints.append(f"{overflow} pixels wider than the window")
    return [f"{name}: {complaint}" for complaint in complaints]


html = Path(sys.argv[1])
pages = [
    page
    for page in sorted(html.rglob("*.html"))
    if page.stem != "sg_execution_times" and "_static" not in page.parts
]
screenshots = html.parent / "screenshots"
screenshots.mkdir(exist_ok=True)


def check_all(size, width):
    """Complaints about all pages at one width."""
    browser = open_browser()
    try:
        return [
            complaint
            for page in pages
            for complaint in check(browser, page, size, width, screenshots)
        ]
    finally:
        browser.quit()


with ThreadPoolExecutor() as pool:
    complaints = [*chain(*pool.map(check_all, WIDTHS, WIDTHS.values()))]
print("\n".join(complaints) or f"{len(pages)} pages are fine at {len(WIDTHS)} widths")
sys.exit(bool(complaints))
