#!/usr/bin/env python3
"""Opens every page and state of the portal in Chromium, in both colour schemes and at three widths, with the headers that
the helper sends.

Usage: portal_pages.py GALLERY SCREENSHOTS [NAME...]

GALLERY is the folder that `PORTAL_GALLERY=… swift test --filter PortalGalleryFiles` has written. Fails on any finding of axe,
any message of the console, anything that the content policy blocked, and on a page that is wider than the window.
"""

import functools
import http.server
import os
import sys
import threading
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

# Width, colour scheme, and whether axe looks: its rules do not depend on the width beyond the two.
LOOKS = [(320, "dark", True), (768, "light", False), (1280, "light", True)]


class Handler(http.server.SimpleHTTPRequestHandler):
    def end_headers(self):
        self.send_header("content-security-policy", "default-src 'self'")
        self.send_header("x-content-type-options", "nosniff")
        super().end_headers()

    def log_message(self, *_):
        pass


def look(page, axe, url, name, width, scheme, runs_axe, screenshots):
    problems = []
    page.on("console", lambda message: problems.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: problems.append(f"script: {error}"))
    page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{url}/{name}.html", wait_until="load")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wide = page.evaluate(
            "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1"
            " && !e.closest('.wide, pre, .hidden, .skip')).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(' | ')")
        problems.append(f"wider than the window: {wide}")
    if runs_axe:
        found = axe.run(page).response
        problems += [
            f"axe: {finding['id']}: {node['html'][:160]}" for finding in found["violations"] for node in finding["nodes"]]
    page.screenshot(path=str(screenshots / f"{name}-{width}-{scheme}.png"), full_page=True)
    return [f"{name} at {width} px, {scheme}: {problem}" for problem in problems]


def main(gallery, screenshots, names):
    screenshots = Path(screenshots)
    screenshots.mkdir(parents=True, exist_ok=True)
    names = names or sorted(path.stem for path in Path(gallery).glob("*.html"))
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=os.path.abspath(gallery)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    axe, problems = Axe(), []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"])
        for name in names:
            for width, scheme, runs_axe in LOOKS:
                page = browser.new_page()
                page.set_default_timeout(60_000)
                problems += look(page, axe, url, name, width, scheme, runs_axe, screenshots)
                page.close()
        browser.close()
    server.shutdown()
    for problem in problems:
        print(f"portal: {problem}", file=sys.stderr)
    print(f"portal: {len(names)} pages, {len(problems)} problems")
    return 1 if problems or not names else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        sys.exit(64)
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
