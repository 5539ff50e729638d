#!/usr/bin/env python3
"""What a person does at Keycloak's pages in Chromium, for `mlaas login`.

Usage: keycloak_sign_in.py REPORT USER URL                      (as the program of BROWSER)
       keycloak_sign_in.py REPORT USER URL --code CODE [--no]   (at the page of a device code)

Signs in as USER, whose password is USER-password. Writes what the last page says into the file REPORT. --code types a code into the page
at URL, and --no refuses what that page asks.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PATIENCE = 90_000


def sign_in(page, user):
    page.fill("#username", user)
    page.fill("#password", f"{user}-password")
    page.click("#kc-login")


def main(words):
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("report")
    parser.add_argument("user")
    parser.add_argument("url")
    parser.add_argument("--code")
    parser.add_argument("--no", action="store_true")
    given = parser.parse_args(words)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(given.url)
        if given.code:
            page.fill("[name=device_user_code]", given.code)
            page.press("[name=device_user_code]", "Enter")
            sign_in(page, given.user)
            # The page that names the client and what it will be given.
            page.wait_for_selector("[name=accept]")
            page.click("[name=cancel]" if given.no else "[name=accept]")
            page.wait_for_selector("[name=accept]", state="detached")
        else:
            sign_in(page, given.user)
            page.wait_for_url("http://127.0.0.1:*/callback?**")
        page.wait_for_load_state()
        Path(given.report).write_text(json.dumps({"url": page.url, "title": page.title(), "text": page.inner_text("body")}))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
