"""The sandbox and the helper as `make run` starts them, with the models' gateway, and a Chromium that hears everything a page complains of."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "Conformance"))

import openapi  # noqa: E402
import requests  # noqa: E402
from conftest import Helper, Sandbox, free_port, stop  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SCREENSHOTS = ROOT / ".run" / "portal"

if not os.path.exists(CHROMIUM):
    if os.environ.get("CI") == "true":
        raise RuntimeError(f"there is no {CHROMIUM}; run ./setup.sh ci")
    pytest.skip(f"needs Chromium, and {CHROMIUM} is not there", allow_module_level=True)

LISTEN = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`CSP: ${event.effectiveDirective} ${event.blockedURI}`));"""


@pytest.fixture(scope="module")
def chromium():
    """For the tests that import it. They keep screenshots."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class World:
    """A sandbox and a helper, and what a test changes behind the helper's back."""

    def __init__(self, **settings):
        self.sandbox = Sandbox("--gateway-port", str(free_port()), "--gateway-endpoints")
        port = free_port()
        self.helper = Helper(self.sandbox.keycloak, self.sandbox.threescale, **{
            "SERVER_PORT": str(port), "PORTAL_URL": f"http://127.0.0.1:{port}", "MLAAS_DEFAULT_PLAN": "basic",
            "SESSION_SECRET": "session-secret-of-the-browser-tests", "KEYCLOAK_CLIENT_SECRET": "mlaas-client-secret",
            "CLI_CLIENT_ID": "mlaas-cli", "APPLICATIONS_CACHE_SECONDS": "0", **settings})
        openapi.forget(port)
        self.url = self.helper.url

    def admin(self, method, path, /, **members):
        answer = requests.request(method, self.sandbox.admin + path, json=members, timeout=20)
        answer.raise_for_status()

    def fault(self, system, **members):
        self.admin("POST", f"/faults/{system}", kind="status", **members)

    def heal(self, system):
        requests.delete(f"{self.sandbox.admin}/faults/{system}", timeout=20).raise_for_status()

    def stop(self):
        stop(self.helper.process)
        stop(self.sandbox.process)


def listen(context, problems, expected=()):
    """Adds everything that the pages of a browser context complain of to `problems`, but for statuses that are expected."""
    def message(entry):
        # Chromium reports a page of a failure as a resource that failed to load. The imitated Keycloak's pages name no icon; the
        # portal's do.
        if not any(f"status of {status} " in entry.text for status in expected) and not entry.location["url"].endswith("/favicon.ico"):
            problems.append(f"console: {entry.text} ({entry.location['url']})")

    context.add_init_script(LISTEN)
    context.on("console", message)
    context.on("weberror", lambda error: problems.append(f"script: {error.error}"))
    # One that was under way when the page was left is aborted.
    context.on("requestfailed", lambda request: request.failure == "net::ERR_ABORTED" or problems.append(
        f"failed: {request.url}: {request.failure}"))


def sign_in(page, world, user="ada", path="/"):
    page.goto(f"{world.url}/login?return={path}")
    page.fill("#username", user)
    page.fill("#password", f"{user}-password")
    page.click("#kc-login")
    page.wait_for_url(world.url + path)
