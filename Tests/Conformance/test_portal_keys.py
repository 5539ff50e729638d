"""What people do with API keys on the portal's pages, what the pages cost 3scale, and what is counted."""

import re

import pytest
import requests

from conftest import Sandbox, free_port, stop
from identity import counter
from portal import Browser, query, running
from tenant import admin, applications, threescale


@pytest.fixture(scope="module")
def sandbox():
    sandbox = Sandbox("--gateway-port", str(free_port()), "--gateway-endpoints")
    yield sandbox
    stop(sandbox.process)


@pytest.fixture(scope="module")
def helper(sandbox):
    with running(sandbox, APPLICATIONS_CACHE_SECONDS="0") as helper:
        yield helper


@pytest.fixture
def browser(helper):
    browser = Browser(helper.url)
    browser.sign_in()
    return browser


def new_key(browser, service="granite_chat", **values):
    """The path of a key's page."""
    made = browser.post(f"/services/{service}/key", browser.csrf(), **values)
    assert made.status_code == 303, made.text
    return made.headers["Location"].split("?")[0]


def test_the_form_of_a_new_key_begins_with_the_plan_that_a_call_without_one_gets(sandbox):
    with running(sandbox, MLAAS_DEFAULT_PLAN="basic") as helper:
        browser = Browser(helper.url)
        browser.sign_in()
        form = browser.get("/services/granite_chat/key").text
        assert re.findall(r'name="plan_id" value="\d+" required checked><span><strong>([^<]+)', form) == ["Basic"]


def test_the_plan_of_a_key_is_changed_on_a_page_of_its_own(browser):
    key = new_key(browser, name="of-two-plans")
    page = browser.get(key)
    assert f'href="{key}/plan"' in page.text
    form = browser.get(key + "/plan")
    offered = re.findall(r'name="plan_id" value="(\d+)"', form.text)
    current = re.search(r"<dt>Plan</dt><dd>([^<]+)</dd>", page.text).group(1)
    assert offered and f"<strong>{current}</strong>" not in form.text
    changed = browser.post(key + "/plan", browser.csrf(), plan_id=offered[0])
    assert changed.status_code == 303 and changed.headers["Location"] == key + "?done=plan-changed"
    page = browser.follow(changed)
    assert "The plan was changed." in page.text and f"<dt>Plan</dt><dd>{current}</dd>" not in page.text
    for plan, status in (("999999999", 404), ("x", 404), ("", 400)):
        answer = browser.post(key + "/plan", browser.csrf(), plan_id=plan)
        assert answer.status_code == status and "Where the fault lies" in answer.text, plan


@pytest.mark.parametrize("state", ["rejected", "suspended"])
def test_every_page_says_that_an_account_is_blocked(sandbox, state):
    with running(sandbox, APPLICATIONS_CACHE_SECONDS="0", ACCOUNT_CACHE_SECONDS="0") as helper:
        browser = Browser(helper.url)
        browser.sign_in("carol")
        key = new_key(browser)
        account = next(
            entry["account_id"] for entry in applications(sandbox) if str(entry["id"]) == key.rsplit("/", 1)[1])
        threescale(sandbox, "PUT", f"accounts/{account}", state=state)
        try:
            for path in ("/", "/services/granite_chat", "/keys", key):
                page = browser.get(path).text
                assert "3scale has not approved your account, or has suspended it." in page, path
                assert "cannot be reached" not in page and "No API key</span>" not in page, path
                assert "Reload the page" not in page, path
        finally:
            threescale(sandbox, "PUT", f"accounts/{account}", state="approved")


def test_a_key_whose_service_has_no_other_plan_offers_no_change_of_plan(browser):
    key = new_key(browser, "embeddings", name="of-one-plan")
    assert f'href="{key}/plan"' not in browser.get(key).text


def test_note_and_end_of_a_key_are_changed_on_a_page_of_their_own(browser):
    key = new_key(browser, name="noted", note="first <b>note</b>")
    assert 'value="first &lt;b&gt;note&lt;/b&gt;"' in browser.get(key + "/edit").text
    page = browser.follow(browser.post(key + "/edit", browser.csrf(), note="second note", ends="30"))
    assert "The note and the end of the API key were saved." in page.text
    assert "second note" in page.text and "(in 30 days)" in page.text
    page = browser.follow(browser.post(key + "/edit", browser.csrf(), note="", ends="as-is"))
    assert "second note" not in page.text and "(in 30 days)" in page.text
    page = browser.follow(browser.post(key + "/edit", browser.csrf(), note="", ends="never"))
    assert "<dt>Ends</dt><dd>Never</dd>" in page.text
    for values in ({"ends": "0"}, {"ends": "36501"}, {"ends": "-1"}, {"ends": "x"}, {"note": "n" * 256}, {"note": "a\nb"}):
        answer = browser.post(key + "/edit", browser.csrf(), **values)
        assert answer.status_code == 400 and "Where the fault lies" in answer.text, values


def test_no_longer_life_is_offered_or_given_than_the_operator_allows(sandbox):
    with running(sandbox, KEY_LIFETIME_MAX="1440h") as helper:
        browser = Browser(helper.url)
        browser.sign_in("bob")
        key = new_key(browser)
        form = browser.get(key + "/edit").text
        assert re.findall(r'name="ends" value="([^"]+)"', form) == ["as-is", "7", "30"]
        assert browser.post(key + "/edit", browser.csrf(), ends="90").status_code == 400


def test_a_test_puts_the_models_id_into_the_snippets(browser):
    key = new_key(browser)
    before = browser.get("/services/granite_chat").text
    assert "Replace <code>MODEL_ID</code>" in before
    assert "It works." in browser.post(key + "/test", browser.csrf()).text
    page = browser.get("/services/granite_chat").text
    assert "MODEL_ID" not in page and "chat.completions.create" in page and 'model=&quot;granite_chat&quot;' in page
    # Another person's page has it too, and another service's has not.
    other = Browser(browser.portal)
    other.sign_in("bob")
    assert "MODEL_ID" not in other.get("/services/granite_chat").text
    assert "granite_chat" not in other.get("/services/speech_to_text").text


def test_a_stopped_key_that_the_gateway_still_accepts_is_no_good_news(browser):
    key = new_key(browser, name="stopped")
    assert "It works." in browser.post(key + "/test", browser.csrf()).text
    browser.post(key + "/pause", browser.csrf())
    # The sandbox's gateway lets a key pass that it let pass before, and asks afterwards.
    page = browser.post(key + "/test", browser.csrf()).text
    assert "It works." not in page
    assert '<p class="note warn" role="status">The gateway still accepts the API key, although its state is “Paused”.' in page


def test_a_card_shows_a_working_key_before_one_that_does_not_work(browser):
    ended, working = new_key(browser, "code_assist"), new_key(browser, "code_assist", name="working")
    browser.post(ended + "/pause", browser.csrf())
    card = re.search(r'<li class="card"><h2><a href="/services/code_assist">.*?</li>', browser.get("/").text, re.S).group(0)
    assert "Works" in card and "Paused" not in card
    browser.post(working + "/pause", browser.csrf())
    card = re.search(r'<li class="card"><h2><a href="/services/code_assist">.*?</li>', browser.get("/").text, re.S).group(0)
    assert "Paused" in card


def test_lists_cost_one_call_however_many_keys_have_a_secret_in_a_list_of_its_own(sandbox, browser):
    def calls(path):
        requests.delete(sandbox.admin + "/journal/3scale", timeout=10).raise_for_status()
        assert browser.get(path).status_code == 200
        journal = requests.get(sandbox.admin + "/journal/3scale", timeout=10).json()["journal"]
        return [entry["path"].split("?")[0] for entry in journal]

    keys = [new_key(browser, "embeddings", name=name) for name in ("one", "two", "three")]
    for path in ("/", "/keys", "/services/embeddings"):
        assert not [call for call in calls(path) if call.endswith("/keys.json")], path
    assert len([call for call in calls(keys[0]) if call.endswith("/keys.json")]) >= 1


def test_a_secret_is_shown_once_where_the_operator_says_so(sandbox):
    with running(sandbox, MLAAS_SHOW_ONCE="true") as helper:
        browser = Browser(helper.url)
        browser.sign_in("zoë")
        made = browser.post("/services/granite_chat/key", browser.csrf())
        assert made.status_code == 200 and made.headers["Cache-Control"] == "no-store"
        secret = re.search(r'<code id="secret" data-secret>([^<]+)</code>', made.text).group(1)
        key = re.search(r'href="(/keys/\d+)"', browser.get("/keys").text).group(1)
        for path in (key, "/services/granite_chat"):
            page = browser.get(path).text
            assert secret not in page and "/reveal" not in page and "is shown once" in page, path
        for values in ({}, {"view": "service"}):
            refused = browser.post(key + "/reveal", browser.csrf(), **values)
            assert refused.status_code == 403 and secret not in refused.text
            assert "Where the fault lies" in refused.text and "is shown once" in refused.text
        rotated = browser.post(key + "/rotate", browser.csrf())
        assert rotated.status_code == 200 and secret not in rotated.text
        assert re.search(r'<code id="secret" data-secret>([^<]+)</code>', rotated.text)


def test_sign_ins_are_counted_by_what_became_of_them(sandbox):
    with running(sandbox) as helper:
        def count(outcome):
            return counter(helper, "mlaas_portal_sign_ins_total", outcome=outcome)

        browser = Browser(helper.url)
        browser.sign_in()
        assert count("signed_in") == 1
        assert Browser(helper.url).get("/callback?state=none&code=none").status_code == 400
        assert count("failed") == 1
        state = query(browser.get("/login?as=other").headers["Location"])["state"]
        assert browser.get("/callback", params={"state": state, "error": "access_denied"}).status_code == 200
        assert count("cancelled") == 1
        other = Browser(helper.url)
        url = other.callback()
        admin(sandbox, "POST", "/faults/keycloak", kind="status", method="POST", path="*/token", status=503)
        page = other.get(url)
        assert page.status_code == 503
        # It says whose fault it is: 3scale has no part in a sign-in.
        assert "In Keycloak, which signs people in here." in page.text and "3scale" not in page.text
        requests.delete(sandbox.admin + "/faults/keycloak", timeout=10)
        assert count("unavailable") == 1 and count("signed_in") == 1


def test_people_and_logouts_have_limits_of_their_own(sandbox):
    def tell(helper):
        return requests.post(helper.url + "/backchannel-logout", data={"logout_token": "a.b.c"}, timeout=30).status_code

    with running(sandbox, RATE_LIMITS="read=1000/hour;logout=3/hour") as helper:
        assert [tell(helper) for _ in range(5)] == [400, 400, 400, 429, 429]
        # A flood of bad logout tokens keeps people neither from reading nor from signing in.
        browser = Browser(helper.url)
        assert browser.sign_in().status_code == 200
        assert counter(helper, "mlaas_rate_limited_total", policy="logout") == 2
    with running(sandbox, RATE_LIMITS="read=3/hour;logout=1000/hour") as helper:
        browser = Browser(helper.url)
        assert [browser.get("/").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
        assert tell(helper) == 400


def test_pages_say_how_old_they_are_and_what_does_not_work_while_3scale_is_away():
    sandbox = Sandbox()
    try:
        with running(sandbox, APPLICATIONS_CACHE_SECONDS="0") as helper:
            browser = Browser(helper.url)
            browser.sign_in()
            key = new_key(browser)
            admin(sandbox, "POST", "/faults/3scale", kind="status", status=503, path="*", count=100_000)
            for _ in range(30):
                browser.get("/keys")
            for path in ("/", "/services/granite_chat", "/services/granite_chat/key"):
                page = browser.get(path)
                assert page.status_code == 200, path
                assert re.search(r"This page shows what was known \d+ \w+ ago\. Buttons that change something are switched off",
                                 page.text), path
                main = re.search(r"<main.*</main>", page.text, re.S).group(0)
                buttons = re.findall(r'<form method="post"[^>]*>.*?<button([^>]*)>', main, re.S)
                assert all("disabled" in button for button in buttons), path
                assert f'href="{path}/key"' not in main
            for path in ("/keys", key, key + "/pause"):
                page = browser.get(path)
                assert page.status_code == 503, path
                for words in ("Where the fault lies", "In 3scale, the API management behind this site.", "What to do",
                              "Request ID"):
                    assert words in page.text, (path, words)
    finally:
        stop(sandbox.process)
