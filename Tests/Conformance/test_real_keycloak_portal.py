"""The portal's sign-in, renewal and sign-out with a real Keycloak."""

import re
import time
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from conftest import stop
from portal import Browser, Seal, expire, portal_helper, query, signed_in_as


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
