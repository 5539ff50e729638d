"""Every page of the portal in every state that a person can bring about, by its real routes: both colour schemes, three widths,
without a finding of axe, a word on the console, a breach of the content policy, or anything wider than the window."""

import re
import time

import pytest

from portal_look import Looker
from portal_world import World, chromium, listen, sign_in  # noqa: F401

# Statuses of pages that tell of a failure.
EXPECTED = (400, 403, 404, 409, 429, 502, 503)


@pytest.fixture
def looker():
    return Looker([])


@pytest.fixture
def visit(chromium, looker):
    """Opens a page in a browser of its own, whose complaints are problems."""
    def open_page():
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(60_000)
        listen(context, looker.problems, EXPECTED)
        return context.new_page()
    return open_page


@pytest.fixture
def world():
    world = World(KEYS_PER_SERVICE="2")
    yield world
    world.stop()


def press(page, name):
    page.locator("main").get_by_role("button", name=name, exact=True).first.click()
    page.wait_for_load_state()


def new_key(page, world, service, name="default"):
    """Makes a key by its form and returns its URL."""
    page.goto(f"{world.url}/services/{service}/key")
    page.fill("#name", name)
    press(page, "Get an API key")
    return re.match(r".*/keys/\d+", page.url).group(0)


def test_pages_without_a_session(world, visit, looker):
    page = visit()
    page.goto(world.url)
    looker.look(page, "signed-out")
    for language in ("de", "fr", "es"):
        page.goto(f"{world.url}/?lang={language}")
        looker.look(page, f"signed-out-{language}")
    page.goto(world.url + "/?lang=en")
    page.goto(world.url + "/callback?state=none&code=none")
    looker.look(page, "sign-in-failed")
    page.goto(world.url + "/login?return=/keys")
    state = re.search(r"[?&]state=([^&]+)", page.url).group(1)
    page.goto(f"{world.url}/callback?error=access_denied&state={state}")
    looker.look(page, "sign-in-cancelled")
    page.goto(world.url + "/nothing")
    looker.look(page, "not-found")
    page.goto(world.url + "/login?return=/keys")
    page.fill("#username", "ada")
    page.fill("#password", "ada-password")
    world.fault("keycloak", status=503, path="*/token", count=1000)
    page.click("#kc-login")
    world.heal("keycloak")
    assert "In Keycloak, which signs people in here." in page.locator("main").inner_text()
    looker.look(page, "failure-keycloak-away")
    assert looker.problems == []


def test_pages_of_services_and_keys(world, visit, looker):
    page = visit()
    sign_in(page, world)
    looker.look(page, "services")
    page.goto(world.url + "/?q=granite")
    looker.look(page, "services-searched")
    page.goto(world.url + "/?q=nothing%20matches%20%3Cthis%3E")
    looker.look(page, "services-no-match")
    page.goto(world.url + "/keys")
    looker.look(page, "keys-none")
    page.goto(world.url + "/me")
    looker.look(page, "me")
    page.goto(world.url + "/terminal")
    looker.look(page, "terminal")
    for service in ("granite_chat", "embeddings", "vision", "code_assist", "rerank", "speech_to_text"):
        page.goto(f"{world.url}/services/{service}")
        looker.look(page, f"service-{service}")
    page.goto(world.url + "/services/granite_chat/key")
    looker.look(page, "get-key")
    page.fill("#name", "Not a name")
    page.evaluate("document.querySelector('main form').noValidate = true")
    press(page, "Get an API key")
    looker.look(page, "get-key-name-error")

    page.fill("#name", "default")
    page.fill("#note", "A note of some words, which is long enough to need two lines on a narrow screen")
    press(page, "Get an API key")
    looker.look(page, "key-created")
    key = page.url.split("?")[0]
    page.goto(world.url + "/")
    looker.look(page, "services-with-key")
    page.goto(world.url + "/services/granite_chat")
    looker.look(page, "service-with-key")
    press(page, "Show my API key")
    looker.look(page, "service-revealed")
    page.goto(key)
    looker.look(page, "key")
    press(page, "Show my API key")
    looker.look(page, "key-revealed")
    press(page, "Test")
    looker.look(page, "key-test-works")
    page.goto(world.url + "/services/granite_chat")
    press(page, "Show my API key")
    looker.look(page, "service-revealed-with-model")
    world.admin("POST", "/traffic", application_id=int(key.rsplit("/", 1)[1]), metric="hits", count=4100, seconds_ago=90_000)
    for granularity in ("hour", "day", "month"):
        page.goto(f"{key}?granularity={granularity}")
        page.locator("summary").first.click()
        looker.look(page, f"key-usage-{granularity}")
    for action in ("rotate", "pause", "revoke", "plan", "edit"):
        page.goto(f"{key}/{action}")
        looker.look(page, f"confirm-{action}")
    page.goto(key + "/pause")
    press(page, "Pause")
    looker.look(page, "key-paused")
    page.goto(key + "/resume")
    looker.look(page, "confirm-resume")
    press(page, "Resume")
    looker.look(page, "key-resumed")
    page.goto(key + "/plan")
    press(page, "Change plan")
    looker.look(page, "key-plan-changed")
    page.goto(key + "/edit")
    page.locator("label.option", has_text="in 7 days").click()
    press(page, "Save")
    looker.look(page, "key-edited")
    page.goto(key + "/edit")
    looker.look(page, "confirm-edit-with-end")
    page.goto(key + "/rotate")
    press(page, "Rotate")
    looker.look(page, "key-rotated")
    newer = page.url.split("?")[0]
    page.goto(key)
    looker.look(page, "key-retiring")
    page.goto(newer + "/edit")
    for language in ("de", "fr", "es"):
        page.goto(f"{newer}?lang={language}")
        looker.look(page, f"key-{language}")
        page.goto(f"{world.url}/services/granite_chat?lang={language}")
        looker.look(page, f"service-{language}")
    page.goto(world.url + "/?lang=en")

    new_key(page, world, "granite_chat", "second")
    page.goto(world.url + "/services/granite_chat")
    looker.look(page, "service-limit-reached")
    page.goto(world.url + "/services/granite_chat/key")
    page.fill("#name", "third")
    press(page, "Get an API key")
    looker.look(page, "failure-limit-reached")
    pending = new_key(page, world, "speech_to_text")
    looker.look(page, "key-pending")
    page.goto(pending + "/edit")
    new_key(page, world, "embeddings")
    page.goto(world.url + "/services/embeddings")
    press(page, "Show my API key")
    looker.look(page, "service-pair-revealed")
    new_key(page, world, "vision")
    looker.look(page, "key-of-a-client")
    page.goto(world.url + "/keys")
    looker.look(page, "keys")
    page.goto(newer + "/revoke")
    press(page, "Revoke for ever")
    looker.look(page, "keys-revoked")
    assert looker.problems == []


def test_pages_of_failures(world, visit, looker):
    page = visit()
    sign_in(page, world)
    for name, path in (("service", "/services/none"), ("key", "/keys/999999999"), ("page", "/nothing"), ("query", "/?q=%FF")):
        page.goto(world.url + path)
        looker.look(page, f"failure-{name}-not-found" if name != "query" else "failure-query")
    key = new_key(page, world, "granite_chat")
    page.goto(key)
    page.evaluate("document.querySelector('main form input[name=csrf]').value = 'of another session'")
    press(page, "Show my API key")
    looker.look(page, "failure-forbidden")
    page.goto(key + "/pause")
    other = page.context.new_page()
    other.goto(key + "/revoke")
    press(other, "Revoke for ever")
    other.close()
    press(page, "Pause")
    looker.look(page, "failure-key-gone")
    key = new_key(page, world, "granite_chat")
    page.goto(key + "/resume")
    press(page, "Resume")
    page.goto(key + "/plan")
    page.evaluate("document.querySelector('main input[name=plan_id]').value = '999999999'")
    press(page, "Change plan")
    looker.look(page, "failure-plan")

    for verdict, fault in (
            ("refused", {"status": 403, "body": "Authentication failed"}), ("over-limit", {"status": 429, "body": "Usage limit exceeded"}),
            ("no-route", {"status": 404, "body": "No Mapping Rule matched"}), ("model-error", {"status": 500, "body": "sorry"})):
        world.fault("gateway", path="*", **fault)
        page.goto(key)
        press(page, "Test")
        world.heal("gateway")
        looker.look(page, f"key-test-{verdict}")

    world.fault("3scale", status=403, path="/stats/*")
    page.goto(key)
    world.heal("3scale")
    looker.look(page, "key-usage-failed")
    assert looker.problems == []


def test_pages_while_3scale_is_away(world, visit, looker):
    page = visit()
    sign_in(page, world)
    key = new_key(page, world, "granite_chat")
    page.goto(key)
    page.goto(world.url + "/")
    world.fault("3scale", status=503, path="*", count=100_000)
    # Failures in a row open the circuit breaker; then the pages know that 3scale is away.
    deadline = time.monotonic() + 60
    page.goto(world.url + "/")
    while not page.locator("[role=status].warn", has_text="3scale cannot be reached").count():
        assert time.monotonic() < deadline, "no page says that 3scale is away"
        page.goto(world.url + "/keys")
        page.goto(world.url + "/")
    for name, path in (("services", "/"), ("service", "/services/granite_chat"), ("get-key", "/services/granite_chat/key")):
        page.goto(world.url + path)
        said = page.locator("main").inner_text()
        assert re.search(r"This page shows what was known \d+ \w+ ago\. Buttons that change something are switched off", said), name
        assert page.locator("main form[method=post] button:not([disabled])").count() == 0, name
        assert page.locator("main a.button[href$='/key']").count() == 0, name
        looker.look(page, f"away-{name}")
    page.goto(world.url + "/keys")
    said = page.locator("main").inner_text()
    assert "In 3scale, the API management behind this site." in said and "What to do: " in said
    looker.look(page, "away-keys")
    page.goto(key)
    said = page.locator("main").inner_text()
    for heading in ("What happened", "Where the fault lies", "What to do", "Request ID"):
        assert heading in said, heading
    looker.look(page, "away-key")
    page.goto(world.url + "/me")
    looker.look(page, "away-me")
    world.heal("3scale")
    assert looker.problems == []


def test_a_key_is_shown_once_where_the_operator_says_so(visit, looker):
    world = World(MLAAS_SHOW_ONCE="true")
    try:
        page = visit()
        sign_in(page, world)
        page.goto(world.url + "/services/granite_chat/key")
        press(page, "Get an API key")
        assert len(page.locator("#secret").inner_text()) >= 32
        looker.look(page, "once-created")
        page.goto(world.url + "/keys")
        page.locator(".card a").first.click()
        assert page.locator("#secret").count() == 0 and page.get_by_role("button", name="Show my API key").count() == 0
        assert "An API key is shown once, when it is made." in page.locator("main").inner_text()
        looker.look(page, "once-key")
        page.goto(world.url + "/services/granite_chat")
        looker.look(page, "once-service")
        assert page.get_by_role("button", name="Show my API key").count() == 0
    finally:
        world.stop()
    assert looker.problems == []
