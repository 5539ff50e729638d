#!/usr/bin/env python3
"""Opens /docs in Chromium, signs in with a pasted token and sends a request, as a reader of the page would.

Usage: docs_page.py URL TOKEN SCREENSHOT

Fails on any message of the console, any resource that was blocked or not there, any request to another host, and when
the answer of the request that was sent is not shown.
"""

import os
import sys
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

ROUTES = ["/api/services", "/api/services/{id}", "/api/services/{id}/plans", "/api/services/init", "/api/health"]


def main(url, token, screenshot):
    problems = []
    host = urlsplit(url).netloc
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        page.set_default_timeout(60_000)
        page.on("console", lambda message: problems.append(f"console: {message.type}: {message.text}"))
        page.on("pageerror", lambda error: problems.append(f"script: {error}"))
        page.on("requestfailed", lambda request: problems.append(f"failed: {request.url[:120]}: {request.failure}"))
        page.on("response", lambda answer: answer.status >= 400 and problems.append(f"{answer.status}: {answer.url}"))
        page.on("request", lambda request: urlsplit(request.url).netloc != host and problems.append(
            f"another host: {request.url[:120]}"))

        page.goto(url + "/docs", wait_until="networkidle")
        page.locator(".opblock").first.wait_for()
        shown = page.locator(".opblock-summary-path").all_inner_texts()
        shown = [text.replace("\u200b", "") for text in shown]
        problems += [f"not shown: {route}" for route in ROUTES if route not in shown]

        page.locator(".auth-wrapper .authorize").first.click()
        page.locator(".modal-ux input").fill(token)
        page.locator(".modal-ux .auth-btn-wrapper .authorize").click()
        page.locator(".modal-ux .btn-done").click()

        operation = page.locator(".opblock", has=page.locator("[data-path='/api/services']")).first
        operation.locator(".opblock-summary-control").click()
        if operation.locator("button.execute").count() == 0:
            operation.locator("button.try-out__btn").click()
        with page.expect_response(lambda answer: urlsplit(answer.url).path == "/api/services") as answer:
            operation.locator("button.execute").click()
        if answer.value.status != 200:
            problems.append(f"the request was answered {answer.value.status}")
        live = operation.locator(".live-responses-table .response")
        live.wait_for()
        if "granite_chat" not in live.inner_text():
            problems.append("the answer is not shown")
        operation.scroll_into_view_if_needed()
        page.screenshot(path=screenshot)
        # A pasted token is forgotten with the page.
        stored = page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.cookie")
        if token in stored:
            problems.append("the token is kept by the browser")
        browser.close()
    for problem in problems:
        print(f"docs: {problem}", file=sys.stderr)
    print(f"docs: {len(shown)} operations shown, one request sent, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        sys.exit(64)
    sys.exit(main(*sys.argv[1:]))
