"""The portal's sign-in, renewal and sign-out with a real Keycloak."""

import re
import time
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from conftest import Sandbox, free_port, stop
from portal import Browser, Seal, expire, portal_helper, query, signed_in_as


@pytest.fixture(scope="module")
def sandbox():
    """With the services' public addresses at its gateway, so that keys can be tried."""
    sandbox = Sandbox("--gateway-port", str(free_port()), "--gateway-endpoints")
    yield sandbox
    stop(sandbox.process)


@pytest.fixture(scope="module")
def admin(real_keycloak):
    """Calls of the admin API for the realm of the tests."""
    def call(method, path, **arguments):
        token = requests.post(
            f"{real_keycloak}/realms/master/protocol/openid-connect/token", timeout=60,
            data={"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin"}).json()
        answer = requests.request(
            method, f"{real_keycloak}/admin/realms/mlaas{path}", timeout=60,
            headers={"Authorization": f"Bearer {token['access_token']}"}, **arguments)
        answer.raise_for_status()
        return answer
    return call


@pytest.fixture(scope="module")
def helper(sandbox, real_keycloak, admin):
    helper = portal_helper(real_keycloak, sandbox.threescale)
    client = admin("GET", "/clients?clientId=mlaas-client").json()[0]
    client["attributes"].update({
        "backchannel.logout.url": helper.url + "/backchannel-logout", "backchannel.logout.session.required": "true",
        "post.logout.redirect.uris": "+"})
    admin("PUT", f"/clients/{client['id']}", json=client)
    yield helper
    client["attributes"]["backchannel.logout.url"] = ""
    admin("PUT", f"/clients/{client['id']}", json=client)
    stop(helper.process)


@pytest.fixture
def browser(helper):
    return Browser(helper.url)


@pytest.mark.parametrize("user", ["ada", "zoë", "erin.o-neil"])
def test_people_sign_in(browser, user):
    page = browser.sign_in(user, path="/keys")
    assert page.status_code == 200 and urlsplit(page.url).path == "/keys"
    session = Seal().open(browser.jar(browser.portal)["mlaas"])[1]
    assert session["name"] == user and session["sid"]


def click(browser, page, label):
    """Follows the link of that text, or sends the form with that button, as it stands on the page."""
    link = re.search(rf'<a [^>]*href="([^"]+)"[^>]*>{re.escape(label)}</a>', page.text)
    if link:
        return browser.follow(browser.get(urljoin(page.url, unescape(link.group(1)))))
    forms = re.findall(r'<form method="post" action="([^"]+)">(.*?)</form>', page.text, re.S)
    action, body = next((action, body) for action, body in forms if re.search(rf">{re.escape(label)}</button>", body))
    values = {}
    for field in re.findall(r"<input [^>]*>", body):
        facts = {name: unescape(value) for name, value in re.findall(r'(\w+)="([^"]*)"', field)}
        if facts["type"] != "radio" or re.search(r"\bchecked\b", field):
            values[facts["name"]] = facts["value"]
    return browser.follow(browser.post(unescape(action), **values))


def test_four_clicks_lead_from_the_sign_in_to_a_key_that_works(browser):
    page = browser.sign_in("carol")
    for label in ("Granite Chat", "Get an API key", "Get an API key", "Show my API key"):
        page = click(browser, page, label)
        assert page.status_code == 200, page.text
    secret = re.search(r'<code id="secret" data-secret>([^<]+)</code>', page.text).group(1)
    service = click(browser, page, "Granite Chat")
    endpoint = re.search(r'<code id="endpoint">([^<]+)</code>', service.text).group(1)
    answer = requests.get(f"{endpoint}/v1/models", headers={"user_key": secret}, timeout=30)
    assert answer.status_code == 200, answer.text
    assert secret not in service.text and secret not in "".join(browser.history)


def test_a_wrong_password_opens_no_session(browser):
    page = browser.follow(browser.get("/login"))
    page = browser.enter(page, "ada", "wrong")
    assert page.status_code == 200 and "Invalid username or password" in page.text
    assert "mlaas" not in browser.jar(browser.portal)


def test_an_expired_session_is_renewed_without_a_page(browser):
    browser.sign_in()
    before = expire(browser)
    page = browser.follow(browser.get("/keys"))
    assert page.status_code == 200 and urlsplit(page.url).path == "/keys"
    after = Seal().open(browser.jar(browser.portal)["mlaas"])[1]
    assert after["id"] == before["id"] and after["sid"] == before["sid"] and after["exp"] > time.time()


def test_without_keycloaks_session_its_login_page_is_shown(browser, real_keycloak):
    browser.sign_in()
    expire(browser)
    browser.jar(real_keycloak).clear()
    page = browser.follow(browser.get("/keys"))
    assert urlsplit(page.url).netloc == urlsplit(real_keycloak).netloc and "kc-form-login" in page.text


def test_an_answer_is_good_once_and_for_one_browser(helper, browser):
    url = browser.callback()
    flow = dict(browser.jar(helper.url))
    assert Browser(helper.url).get(url).status_code == 400
    assert browser.get(url).status_code == 303
    browser.jar(helper.url).clear()
    browser.jar(helper.url).update(flow)
    assert browser.get(url).status_code == 400


@pytest.mark.parametrize("name, value", [
    ("iss", "https://evil.example/realms/mlaas"), ("iss", None), ("state", "A" * 43), ("code", "made.up.code")])
def test_mixed_up_answers_are_refused(browser, name, value):
    parameters = {**query(browser.callback()), name: value}
    answer = browser.send("GET", "/callback", params={key: text for key, text in parameters.items() if text})
    assert answer.status_code == 400 and "mlaas" not in browser.jar(browser.portal)


def test_signing_out_goes_through_keycloak(browser, real_keycloak):
    browser.sign_in()
    answer = browser.post("/logout", browser.csrf())
    assert answer.status_code == 303 and answer.headers["Location"].startswith(real_keycloak)
    page = browser.follow(answer)
    assert page.status_code == 200, page.text
    form = re.search(r'<form[^>]*action="([^"]+)".*?</form>', page.text, re.S)
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form.group(0)))
    page = browser.follow(browser.send(
        "POST", urljoin(page.url, unescape(form.group(1))), data={**fields, "confirmLogout": "Logout"}))
    assert page.url == browser.portal + "/", page.text
    assert signed_in_as(browser) is None
    assert "kc-form-login" in browser.follow(browser.get("/login")).text


def test_a_session_that_is_ended_at_keycloak_ends_here(browser, admin):
    browser.sign_in("bob")
    sid = Seal().open(browser.jar(browser.portal)["mlaas"])[1]["sid"]
    admin("DELETE", f"/sessions/{sid}")
    end = time.monotonic() + 30
    while signed_in_as(browser) is not None:
        assert time.monotonic() < end, "no back-channel logout in 30 s"
        time.sleep(0.2)
