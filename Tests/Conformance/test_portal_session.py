"""Signing in to the portal and out of it, and every way that we know to get in otherwise."""

import contextlib
import hashlib
import re
import time
from urllib.parse import urlsplit

import pytest
import requests

from conftest import Sandbox, stop
from forge import GONE
from identity import Keys, World, counter
from portal import HTML, SECRET, Browser, Seal, b64, expire, portal_helper, query, running, signed_in_as, unb64
from tenant import admin

EVENT = "http://schemas.openid.net/event/backchannel-logout"
REALM = "/realms/mlaas"
SECURITY = {
    "X-Frame-Options": "DENY", "Content-Security-Policy": "default-src 'self'", "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


@pytest.fixture(scope="module")
def helper(sandbox):
    helper = portal_helper(sandbox.keycloak, sandbox.threescale)
    yield helper
    stop(helper.process)


@pytest.fixture
def browser(helper):
    return Browser(helper.url)


def guarded(answer):
    for name, value in SECURITY.items():
        assert answer.headers.get(name) == value, (name, answer.headers.get(name))


# What works.

def test_a_person_signs_in_and_comes_back_to_their_page(browser):
    first = browser.get("/keys")
    assert first.status_code == 303
    asked = query(first.headers["Location"])
    assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256" and asked["scope"] == "openid"
    assert len(asked["state"]) == len(asked["nonce"]) == len(asked["code_challenge"]) == 43
    page = browser.follow(browser.enter(browser.follow(first)))
    assert page.status_code == 200 and urlsplit(page.url).path == "/keys"
    guarded(page)
    assert signed_in_as(browser) == "ada"


def test_the_first_page_says_what_this_is_and_others_get_json(browser):
    page = browser.get("/")
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    assert "/login" in page.text
    guarded(page)
    for accept in ("*/*", "application/json", "text/html;q=0"):
        answer = browser.get("/", headers={"Accept": accept})
        assert answer.status_code == 404 and answer.json()["error"]["code"] == "NOT_FOUND"


def test_a_path_that_no_page_has_keeps_the_navigation(browser):
    assert "<nav" not in browser.get("/nope").text.split("<main")[0]
    browser.sign_in()
    page = browser.get("/nope")
    assert page.status_code == 404 and "Page not found" in page.text
    guarded(page)
    assert 'href="/keys"' in page.text and 'action="/logout"' in page.text
    assert browser.get("/api/nope").json()["error"]["code"] == "NOT_FOUND"


def test_a_search_takes_its_first_hundred_characters(browser):
    browser.sign_in()
    for words, found in (("GRANITE", True), ("granite " + "chat " * 18, True), ("granite nothing", False)):
        assert ("/services/granite_chat" in browser.send("GET", "/", params={"q": words}).text) == found, words
    # Later characters do not count, so that the work of one search has a bound.
    for words in ("granite ".ljust(100) + "nothing", "granite ".ljust(100) + "nothing " * 900):
        page = browser.send("GET", "/", params={"q": words})
        assert page.status_code == 200 and "/services/granite_chat" in page.text


def test_programs_learn_where_the_portal_is(helper):
    assert requests.get(helper.url + "/api/client", timeout=30).json()["data"]["portal_url"] == helper.url


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(helper, browser):
    answer = browser.get("/login")
    assert re.search(r"mlaas-login-0=[^;]+; Path=/; SameSite=Lax; HttpOnly; Max-Age=600$", answer.headers["Set-Cookie"])
    answer = browser.get(browser.callback())
    session = next(line for line in answer.raw.headers.getlist("Set-Cookie") if line.startswith("mlaas="))
    assert re.fullmatch(r"mlaas=[\w-]+; Path=/; SameSite=Lax; HttpOnly", session)


def test_over_https_the_cookie_is_of_this_host_alone(sandbox):
    with running(sandbox, PORTAL_URL="https://portal.example") as helper:
        answer = requests.get(helper.url + "/login", headers=HTML, allow_redirects=False, timeout=30)
        assert answer.headers["Set-Cookie"].startswith("__Host-mlaas-login-0=")
        assert answer.headers["Set-Cookie"].endswith("; Path=/; SameSite=Lax; HttpOnly; Secure; Max-Age=600")
        assert query(answer.headers["Location"])["redirect_uri"] == "https://portal.example/callback"


def test_no_token_and_no_secret_is_in_a_cookie_a_url_or_the_log(sandbox):
    with running(sandbox, LOG_LEVEL="trace") as helper:
        browser = Browser(helper.url)
        browser.sign_in()
        expires, session = Seal().open(browser.jar(helper.url)["mlaas"])
        assert set(session) <= {"id", "sid", "iss", "sub", "name", "email", "verified", "roles", "iat", "exp", "in"}
        assert session["name"] == "ada" and "roles" not in session
        assert session["exp"] - session["iat"] == 900 and expires - session["in"] == 43_200
        code = query(next(url for url in browser.history if "/callback?" in url))["code"]
        log = helper.stop()
        for secret in (code, SECRET, "mlaas-client-secret", session["id"], browser.jar(helper.url)["mlaas"]):
            assert secret not in log
        for url in browser.history:
            assert "eyJ" not in url and session["id"] not in url


def test_only_roles_that_count_are_kept(sandbox):
    with running(sandbox, MLAAS_REQUIRED_ROLE="ml-users", MLAAS_SERVICE_ROLES="vision=ml-admins") as helper:
        browser = Browser(helper.url)
        browser.sign_in("bob")
        assert Seal().open(browser.jar(helper.url)["mlaas"])[1]["roles"] == ["ml-admins", "ml-users"]
        stranger = Browser(helper.url)
        page = stranger.sign_in("carol")
        assert page.status_code == 403 and page.headers["Content-Type"].startswith("text/html")
        assert "mlaas" not in stranger.jar(helper.url)
        # Keycloak would sign the same person in again.
        assert 'href="/login?as=other"' in page.text
        assert "Your account lacks the role that this site asks for." in page.text
        page = stranger.follow(stranger.get("/login?as=other"))
        stranger.follow(stranger.enter(page, "bob"))
        assert signed_in_as(stranger) == "bob"


def test_any_replica_serves_any_click(sandbox, helper):
    browser = Browser(helper.url)
    browser.sign_in("bob")
    with running(sandbox, PORTAL_URL=helper.url) as other:
        answer = requests.get(
            other.url + "/me", timeout=30,
            headers={**HTML, "Cookie": f"mlaas={browser.jar(helper.url)['mlaas']}"}, allow_redirects=False)
        assert answer.status_code == 200 and "bob" in answer.text


def test_a_secret_is_replaced_without_signing_anyone_out(sandbox, helper):
    browser = Browser(helper.url)
    browser.sign_in()
    new = "another-secret-of-the-portal-0123456789"
    cookie = {**HTML, "Cookie": f"mlaas={browser.jar(helper.url)['mlaas']}"}
    for secrets, status in ((f"{new},{SECRET}", 200), (new, 303)):
        with running(sandbox, PORTAL_URL=helper.url, SESSION_SECRET=secrets) as other:
            answer = requests.get(other.url + "/me", headers=cookie, allow_redirects=False, timeout=30)
            assert answer.status_code == status


# Renewal.

def test_an_expired_session_is_renewed_by_the_next_click(browser):
    browser.sign_in()
    before = expire(browser, iat=int(time.time()) - 901)
    click = browser.get("/keys?x=1")
    assert click.status_code == 303 and query(click.headers["Location"])["prompt"] == "none"
    page = browser.follow(click)
    assert page.status_code == 200 and page.url.endswith("/keys?x=1")
    expires, after = Seal().open(browser.jar(browser.portal)["mlaas"])
    assert after["id"] == before["id"] and after["in"] == before["in"] and after["exp"] > time.time()


def test_without_keycloaks_session_the_login_page_is_shown(browser, sandbox):
    browser.sign_in()
    expire(browser)
    browser.jar(sandbox.keycloak).clear()
    page = browser.follow(browser.get("/keys"))
    assert "kc-form-login" in page.text
    page = browser.follow(browser.enter(page))
    assert page.status_code == 200 and urlsplit(page.url).path == "/keys"


def test_a_sign_in_that_needs_a_page_leaves_no_cookie_behind(browser, sandbox):
    browser.sign_in()
    for _ in range(3):
        expire(browser)
        browser.jar(sandbox.keycloak).clear()
        page = browser.follow(browser.get("/keys"))
        assert "kc-form-login" in page.text
        assert len([name for name in browser.jar(browser.portal) if name.startswith("mlaas-login-")]) == 1
        browser.follow(browser.enter(page))
        assert not [name for name in browser.jar(browser.portal) if name.startswith("mlaas-login-")]


def test_an_expired_session_changes_nothing_by_its_forms(browser):
    browser.sign_in()
    csrf = browser.csrf()
    expire(browser)
    answer = browser.post("/keys/1/revoke", csrf)
    assert answer.status_code == 303 and answer.headers["Location"] == "/keys/1/revoke?done=not-sent"


@pytest.mark.parametrize("path, back", [("/services/granite_chat/key", "/services/granite_chat/key"), ("/keys/1/test", "/keys/1")])
def test_a_form_after_the_session_says_that_nothing_was_done(browser, path, back):
    browser.sign_in()
    csrf = browser.csrf()
    expire(browser)
    answer = browser.post(path, csrf, name="two")
    assert answer.headers["Location"] == back + "?done=not-sent"
    page = browser.follow(answer)
    assert "Your session had to be renewed, so the form changed nothing. Send it again." in page.text


def test_after_the_whole_time_a_session_is_renewed_no_more(browser):
    browser.sign_in()
    jar = browser.jar(browser.portal)
    _, session = Seal().open(jar["mlaas"])
    jar["mlaas"] = Seal().seal(session, expires=int(time.time()) - 1)
    answer = browser.get("/keys")
    assert answer.status_code == 303 and "prompt" not in query(answer.headers["Location"])


def test_another_person_at_keycloak_gets_a_session_of_their_own(browser, sandbox):
    browser.sign_in()
    before = expire(browser)
    browser.jar(sandbox.keycloak).clear()
    other = Browser(browser.portal)
    other.sign_in("bob")
    browser.jar(sandbox.keycloak).update(other.jar(sandbox.keycloak))
    page = browser.follow(browser.get("/keys"))
    assert urlsplit(page.url).path == "/" and signed_in_as(browser) == "bob"
    assert Seal().open(browser.jar(browser.portal)["mlaas"])[1]["id"] != before["id"]


# Cookies that are not ours.

def damaged(text):
    data = unb64(text)
    yield "cut", b64(data[:-1])
    yield "cut to its head", b64(data[:17])
    yield "empty", ""
    yield "of another version", b64(b"\2" + data[1:])
    yield "of an unknown key", b64(data[:1] + b"\0\0\0\0" + data[5:])
    for index in (5, 17, len(data) - 17, len(data) - 1):
        yield f"another byte {index}", b64(data[:index] + bytes([data[index] ^ 1]) + data[index + 1:])
    yield "padded", text + "="
    yield "longer", text + "AAAA"
    yield "not base64url", text[:-1] + "*"
    yield "far too long", "A" * 6_000


def test_damaged_and_forged_cookies_are_no_session(helper, browser):
    browser.sign_in()
    jar = browser.jar(helper.url)
    good = jar["mlaas"]
    expires, session = Seal().open(good)
    assert signed_in_as(browser, {"Cookie": f"mlaas={Seal().seal(session)}"}) == "ada"
    cookies = dict(damaged(good))
    cookies["of another secret"] = Seal("x" * 40).seal(session)
    cookies["of another cookie"] = Seal().seal(session, name="mlaas-login-0")
    cookies["expired"] = Seal().seal(session, expires=int(time.time()))
    cookies["not JSON of ours"] = Seal().seal({"name": "ada"})
    cookies["with an odd time"] = Seal().seal({**session, "exp": 1e300})
    cookies["a token"] = "eyJhbGciOiJub25lIn0.e30."
    for what, text in cookies.items():
        assert signed_in_as(browser, {"Cookie": f"mlaas={text}"}) is None, what
    # Two of one name: another host of the domain may have set one of them.
    assert signed_in_as(browser, {"Cookie": f"mlaas={good}; mlaas={good}"}) is None
    assert signed_in_as(browser) == "ada"


def test_a_session_cookie_is_no_bearer_token_and_a_token_no_session(sandbox, helper, browser):
    browser.sign_in()
    cookie = browser.jar(helper.url)["mlaas"]
    answer = requests.get(helper.url + "/api/services", headers={"Cookie": f"mlaas={cookie}"}, timeout=30)
    assert answer.status_code == 401
    answer = requests.get(helper.url + "/api/services", headers={"Authorization": f"Bearer {cookie}"}, timeout=30)
    assert answer.status_code == 401
    answer = requests.get(
        helper.url + "/me", headers={**HTML, "Authorization": f"Bearer {sandbox.token()}"}, allow_redirects=False,
        timeout=30)
    assert answer.status_code == 303


# Login CSRF, replay, mix-ups.

def test_an_answer_for_another_browser_is_refused(helper):
    attacker, victim = Browser(helper.url), Browser(helper.url)
    stolen = attacker.callback("bob")
    victim.get("/login")
    for _ in range(2):
        answer = victim.get(stolen)
        assert answer.status_code == 400 and signed_in_as(victim) is None
    assert attacker.follow(attacker.get(stolen)).status_code == 200


def test_an_answer_is_good_once(browser):
    url = browser.callback()
    flow = dict(browser.jar(browser.portal))
    assert browser.get(url).status_code == 303
    browser.jar(browser.portal).clear()
    assert browser.get(url).status_code == 400
    # Even with the cookie of the sign-in brought back: Keycloak takes the code once.
    browser.jar(browser.portal).update(flow)
    assert browser.get(url).status_code == 400
    assert "mlaas" not in browser.jar(browser.portal)


@pytest.mark.parametrize("change", [
    lambda q: {**q, "state": q["state"][:-1] + ("A" if q["state"][-1] != "A" else "B")},
    lambda q: {**q, "state": ""},
    lambda q: {**q, "code": "00000000-0000-0000-0000-000000000000.x.y"},
    lambda q: {**q, "iss": "https://evil.example/realms/mlaas"},
    lambda q: {**q, "iss": q["iss"] + "/"},
    lambda q: {name: value for name, value in q.items() if name != "iss"},
    lambda q: {name: value for name, value in q.items() if name != "state"},
    lambda q: {name: value for name, value in q.items() if name != "code"},
], ids=["state", "empty-state", "code", "issuer", "issuer-slash", "no-issuer", "no-state", "no-code"])
def test_mixed_up_answers_are_refused(browser, change):
    url = browser.callback()
    answer = browser.send("GET", "/callback", params=change(query(url)))
    assert answer.status_code == 400 and answer.headers["Content-Type"].startswith("text/html")
    guarded(answer)
    assert "mlaas" not in browser.jar(browser.portal)


def test_a_query_with_a_name_twice_is_refused(browser):
    url = browser.callback()
    answer = browser.get(url + "&code=another")
    assert answer.status_code == 400 and "mlaas" not in browser.jar(browser.portal)


def test_a_session_that_was_there_before_is_not_kept_by_a_sign_in(browser):
    browser.sign_in()
    before = Seal().open(browser.jar(browser.portal)["mlaas"])[1]["id"]
    page = browser.follow(browser.get("/login?as=other"))
    browser.follow(browser.enter(page, "bob"))
    after = Seal().open(browser.jar(browser.portal)["mlaas"])[1]
    assert after["name"] == "bob" and after["id"] != before


@pytest.mark.parametrize("path", [
    "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
    "/%09/evil.example\t", "/\t/evil.example", "/\n/evil.example", "evil", "", "/callback?code=1", "/logout",
    "/login?return=/", "/#x", "/é", "/" + "a" * 2_000])
def test_no_return_path_leads_elsewhere(browser, path):
    page = browser.follow(browser.send("GET", "/login", params={"return": path}))
    answer = browser.follow(browser.enter(page), until=browser.portal + "/callback")
    answer = browser.get(answer)
    place = answer.headers["Location"]
    assert answer.status_code == 303
    assert place == "/" or re.fullmatch(r"/%09/evil\.example", place), place


def test_a_cancelled_sign_in_is_told(browser):
    state = query(browser.get("/login").headers["Location"])["state"]
    answer = browser.send("GET", "/callback", params={"error": "access_denied", "state": state})
    assert answer.status_code == 200 and "/login" in answer.text


def test_tabs_that_sign_in_at_once_do_not_hinder_each_other(browser):
    browser.sign_in()
    first, second, third = (browser.get(f"/login?as=other&return=/keys?tab={tab}") for tab in range(3))
    answers = [browser.follow(browser.enter(browser.follow(tab))) for tab in (second, third, first)]
    assert [page.url[-1] for page in answers] == ["1", "2", "0"]


# Forms.

FORMS = [
    "/logout", "/services/granite_chat/key", "/keys/1/reveal", "/keys/1/rotate", "/keys/1/pause", "/keys/1/resume",
    "/keys/1/revoke", "/keys/1/plan", "/keys/1/edit"]


@pytest.mark.parametrize("path", FORMS)
def test_no_form_of_another_site_or_session_is_taken(browser, path):
    browser.sign_in()
    csrf = browser.csrf()
    other = Browser(browser.portal)
    other.sign_in("bob")
    attacks = [
        (other.csrf(), {}), ("", {}), (csrf[:-1], {}), (csrf + "A", {}),
        (csrf, {"Origin": "https://evil.example"}), (csrf, {"Origin": "null"}),
        (csrf, {"Origin": browser.portal.replace("127.0.0.1", "localhost")}),
        (csrf, {"Origin": None}), (csrf, {"Origin": browser.portal + "/"}),
        (csrf, {"Sec-Fetch-Site": "cross-site"}), (csrf, {"Sec-Fetch-Site": "same-site"}),
        (csrf, {"Sec-Fetch-Site": "none"}), (csrf, {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}),
    ]
    for token, headers in attacks:
        answer = browser.post(path, token, headers=headers)
        assert answer.status_code == 403, (headers, token, answer.text)
        # The person has every right: it is the form that is refused.
        assert "The form is older than your session, or was not sent from a page of this site." in answer.text
        assert "reload the page and send the form again" in answer.text and "/login?as=other" not in answer.text
        guarded(answer)
    answer = browser.send("POST", path, headers={"Origin": browser.portal}, data={"token": csrf})
    assert answer.status_code == 403
    for arguments in ({"json": {"csrf": csrf}}, {"data": None}, {"data": f"csrf={csrf}"}):
        answer = browser.send("POST", path, headers={"Origin": browser.portal}, **arguments)
        assert answer.status_code == 415
    assert signed_in_as(browser) == "ada"


def test_a_form_of_our_own_page_is_taken(sandbox, browser):
    browser.sign_in("zoë")
    csrf = browser.csrf()
    made = browser.post("/services/granite_chat/key", csrf)
    assert made.status_code == 303 and re.fullmatch(r"/keys/\d+\?done=created", made.headers["Location"]), made.text
    key = made.headers["Location"].split("?")[0]
    # Pages with `Referrer-Policy: no-referrer` make browsers send an Origin of null.
    revealed = browser.post(key + "/reveal", csrf, headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"})
    assert revealed.status_code == 200 and revealed.headers["Cache-Control"] == "no-store"
    for action, place in (("pause", key + "?done=paused"), ("resume", key + "?done=resumed")):
        answer = browser.post(f"{key}/{action}", csrf)
        assert answer.status_code == 303 and answer.headers["Location"] == place
    rotated = browser.post(key + "/rotate", csrf)
    assert re.fullmatch(r"/keys/\d+\?done=rotated", rotated.headers["Location"])
    new = rotated.headers["Location"].split("?")[0]
    answer = browser.post(new + "/revoke", csrf)
    assert answer.status_code == 303 and answer.headers["Location"] == "/keys?done=revoked"
    page = browser.get("/keys/999999999")
    assert page.status_code == 404 and page.headers["Content-Type"].startswith("text/html")
    secret = sandbox_key(revealed.text)
    assert secret and secret not in "".join(browser.history)
    for path in ("/", "/keys", key, "/services/granite_chat"):
        assert secret not in browser.get(path).text


def sandbox_key(page):
    """The API key that a page reveals: the longest word that looks like one."""
    words = re.findall(r"[A-Za-z0-9_-]{24,}", re.sub(r'name="csrf" value="[^"]+"', "", page))
    return next((word for word in words if word.startswith("mlaas_")), max(words, key=len, default=None))


def test_keys_of_others_are_not_there(browser):
    browser.sign_in("zoë")
    made = browser.post("/services/embeddings/key", browser.csrf())
    key = made.headers["Location"].split("?")[0]
    other = Browser(browser.portal)
    other.sign_in("bob")
    csrf = other.csrf()
    assert other.get(key).status_code == 404
    for action in ("rotate", "pause", "resume", "revoke", "plan", "edit"):
        assert other.get(f"{key}/{action}").status_code == 404
        assert other.post(f"{key}/{action}", csrf, plan_id="1").status_code in (303, 404)
    assert other.post(key + "/reveal", csrf).status_code == 404
    assert browser.get(key).status_code == 200


# Usage.

def test_a_keys_page_shows_its_usage_and_a_failure_in_its_place():
    sandbox = Sandbox()
    helper = portal_helper(sandbox.keycloak, sandbox.threescale)
    try:
        browser = Browser(helper.url)
        browser.sign_in()
        made = browser.post("/services/granite_chat/key", browser.csrf())
        key = made.headers["Location"].split("?")[0]
        admin(sandbox, "POST", "/traffic", application_id=int(key.split("/")[-1]), metric="hits", count=41,
              seconds_ago=86_400)
        admin(sandbox, "POST", "/faults/3scale", kind="status", status=403, path="/stats/*")
        page = browser.get(key)
        assert page.status_code == 200 and "The usage could not be read." in page.text
        assert 'class="chart"' not in page.text
        requests.delete(sandbox.admin + "/faults/3scale", timeout=10)
        page = browser.get(key)
        assert page.status_code == 200 and "The usage could not be read." not in page.text
        assert "41 in total" in page.text and page.text.count("<tr><th scope=\"row\">") % 30 == 0
        assert re.search(r'<td class="number">41</td>', page.text)
        hours = browser.get(key + "?granularity=hour")
        assert hours.status_code == 200 and 'granularity=hour#usage" aria-current="true"' in hours.text
        assert browser.get(key + "?granularity=week").status_code == 200
    finally:
        stop(helper.process)
        stop(sandbox.process)


# Signing out.

def test_signing_out_ends_the_session_here_and_at_keycloak(sandbox, browser):
    browser.sign_in()
    cookie = browser.jar(browser.portal)["mlaas"]
    answer = browser.post("/logout", browser.csrf())
    assert answer.status_code == 303 and "mlaas" not in browser.jar(browser.portal)
    place = query(answer.headers["Location"])
    assert answer.headers["Location"].startswith(sandbox.keycloak)
    assert place == {"client_id": "mlaas-client", "post_logout_redirect_uri": browser.portal + "/"}
    page = browser.follow(answer)
    action = re.search(r'action="([^"]+)"', page.text).group(1)
    page = browser.follow(browser.send("POST", action, data={"target": browser.portal + "/"}))
    assert page.status_code == 200 and page.url == browser.portal + "/"
    # A copy of the cookie is good for nothing, and Keycloak asks for a password again.
    assert signed_in_as(browser, {"Cookie": f"mlaas={cookie}"}) is None
    assert "kc-form-login" in browser.follow(browser.get("/login")).text


def test_another_site_signs_nobody_out(browser):
    browser.sign_in()
    # A form of another site comes without the cookie, which is SameSite=Lax, and its answer can still remove one.
    answer = requests.post(
        browser.portal + "/logout", data={}, allow_redirects=False, timeout=30,
        headers={**HTML, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 303 and answer.headers["Location"] == "/"
    assert "Set-Cookie" not in answer.headers
    assert signed_in_as(browser) == "ada"


def test_a_get_ends_no_session(browser):
    browser.sign_in()
    answer = browser.get("/logout")
    assert answer.status_code == 405 and "Page not found" in answer.text
    guarded(answer)
    assert signed_in_as(browser) == "ada"


# With an issuer of ours, which says what no Keycloak would.

@pytest.fixture(scope="module")
def forged_keys():
    return Keys()


@pytest.fixture
def world(sandbox, forged_keys):
    world = World(forged_keys, sandbox.threescale)
    base = world.issuer.realm("mlaas")
    world.base = base
    world.token_path = REALM + "/protocol/openid-connect/token"
    world.issuer.answers[REALM + "/.well-known/openid-configuration"] = 200, {
        "issuer": base, "jwks_uri": base + "/protocol/openid-connect/certs",
        "authorization_endpoint": base + "/protocol/openid-connect/auth",
        "token_endpoint": base + "/protocol/openid-connect/token",
        "end_session_endpoint": base + "/protocol/openid-connect/logout",
        "authorization_response_iss_parameter_supported": True}
    port_helper = portal_helper(
        world.issuer.url, world.threescale, KEYCLOAK_CLIENT_ID="gw", KEYCLOAK_CLIENT_SECRET="s",
        KEYCLOAK_ALGORITHMS="RS256,ES256")
    world.portal = port_helper
    yield world
    stop(port_helper.process)
    world.close()


def id_token(world, nonce, **changes):
    claims = {
        "nonce": nonce, "typ": "ID", "aud": "gw", "azp": "gw", "sid": "session-1", "scope": GONE, "realm_access": GONE,
        "preferred_username": GONE, **changes}
    header = claims.pop("header", None)
    key = claims.pop("key", None)
    return world.forge.token(header=header, key=key, **claims)


def come_back(world, make_id, access=None, status=200, **parameters):
    """Signs in with the tokens that `make_id` and `access` make; returns the browser and the answer of /callback."""
    browser = Browser(world.portal.url)
    asked = query(browser.get("/login").headers["Location"])
    token = access if isinstance(access, str) else world.forge.token(**(access or {}))
    body = {"access_token": token, "id_token": make_id(asked["nonce"], token), "token_type": "Bearer"}
    world.issuer.answers[world.token_path] = status, {k: v for k, v in body.items() if v is not None}
    answer = browser.send("GET", "/callback", params={
        "state": asked["state"], "code": "c", "iss": world.base, **parameters})
    return browser, answer


def half_hash(token):
    return b64(hashlib.sha256(token.encode()).digest()[:16])


def test_good_tokens_sign_in(world):
    browser, answer = come_back(world, lambda nonce, access: id_token(world, nonce, at_hash=half_hash(access)))
    assert answer.status_code == 303, answer.text
    assert signed_in_as(browser) == "grace"


BAD_ID_TOKENS = {
    "no nonce": lambda w, n, a: id_token(w, GONE),
    "another nonce": lambda w, n, a: id_token(w, n[:-1] + "_"),
    "a nonce that is no text": lambda w, n, a: id_token(w, [n]),
    "another audience": lambda w, n, a: id_token(w, n, aud="portal"),
    "no audience": lambda w, n, a: id_token(w, n, aud=GONE),
    "several audiences without azp": lambda w, n, a: id_token(w, n, aud=["gw", "other"], azp=GONE),
    "issued to another client": lambda w, n, a: id_token(w, n, azp="other"),
    "another issuer": lambda w, n, a: id_token(w, n, iss="https://evil.example/realms/mlaas"),
    "expired": lambda w, n, a: id_token(w, n, exp=int(time.time()) - 60),
    "no end": lambda w, n, a: id_token(w, n, exp=GONE),
    "from the future": lambda w, n, a: id_token(w, n, iat=int(time.time()) + 600),
    "another subject": lambda w, n, a: id_token(w, n, sub="another-person"),
    "no subject": lambda w, n, a: id_token(w, n, sub=GONE),
    "an access token": lambda w, n, a: id_token(w, n, typ="Bearer"),
    "a logout token": lambda w, n, a: id_token(w, n, typ="Logout"),
    "of type at+jwt": lambda w, n, a: id_token(w, n, header={"typ": "at+jwt"}),
    "of type logout+jwt": lambda w, n, a: id_token(w, n, header={"typ": "logout+jwt"}),
    "another access token": lambda w, n, a: id_token(w, n, at_hash=half_hash(a + "x")),
    "a stranger's signature": lambda w, n, a: id_token(w, n, key=w.stranger),
    "unsigned": lambda w, n, a: w.forge.raw({"alg": "none", "typ": "JWT", "kid": "k1"}, w.forge.claims(nonce=n), b""),
    "cut": lambda w, n, a: id_token(w, n)[:-4],
    "nothing": lambda w, n, a: None,
    "the access token itself": lambda w, n, a: a,
}


def test_bad_id_tokens_open_no_session(world):
    for what, make in BAD_ID_TOKENS.items():
        if what == "unsigned":
            make = lambda w, n, a: w.forge.raw(
                {"alg": "none", "typ": "JWT", "kid": "k1"}, w.forge.claims(nonce=n, aud="gw", typ="ID"), signature=b"x")
        browser, answer = come_back(world, lambda nonce, access: make(world, nonce, access))
        assert answer.status_code in (400, 502, 503), what
        assert answer.headers["Content-Type"].startswith("text/html"), what
        assert "mlaas" not in browser.jar(world.portal.url), what


def test_bad_access_tokens_open_no_session(world):
    bad = [{"aud": "other"}, {"exp": int(time.time()) - 60}, {"typ": "ID"}, {"iss": "https://evil.example"},
           {"preferred_username": ""}, {"sub": "another-person"}]
    for changes in bad:
        browser, answer = come_back(world, lambda nonce, access: id_token(world, nonce), access=changes)
        assert answer.status_code in (400, 502), changes
        assert "mlaas" not in browser.jar(world.portal.url)


@pytest.mark.parametrize("status, expected", [(400, 400), (401, 502), (403, 502), (404, 503), (429, 503), (500, 503), (302, 503)])
def test_failures_of_the_token_endpoint_are_pages(world, status, expected):
    browser, answer = come_back(world, lambda nonce, access: id_token(world, nonce), status=status)
    assert answer.status_code == expected and answer.headers["Content-Type"].startswith("text/html")
    assert "mlaas" not in browser.jar(world.portal.url)


@contextlib.contextmanager
def introspecting(world):
    """A helper that asks the issuer about each token, and a call of the API that answers its status."""
    world.issuer.answers[world.token_path + "/introspect"] = 200, {"active": True}
    helper = portal_helper(
        world.issuer.url, world.threescale, KEYCLOAK_CLIENT_ID="gw", KEYCLOAK_CLIENT_SECRET="s",
        KEYCLOAK_ALGORITHMS="RS256,ES256", KEYCLOAK_INTROSPECTION="true", KEYCLOAK_KEYS_COOLDOWN="1s")
    try:
        yield helper, lambda **claims: requests.get(
            helper.url + "/api/services", timeout=30,
            headers={"Authorization": f"Bearer {world.forge.token(**claims)}"}).status_code
    finally:
        stop(helper.process)


def test_sign_ins_without_discovery_leave_the_signing_keys_alone(world):
    with introspecting(world) as (helper, services):
        world.issuer.answers[REALM + "/.well-known/openid-configuration"] = 500, {}
        for _ in range(12):
            assert Browser(helper.url).get("/login").status_code == 503
        assert counter(helper, "mlaas_breaker_open", system="keycloak") == 1
        world.issuer.keys["mlaas"] = [*world.keys.set, world.next.jwk()]
        time.sleep(1.1)
        assert services(key=world.next) == 200


def test_code_exchanges_that_fail_leave_introspection_alone(world):
    with introspecting(world) as (helper, services):
        world.issuer.answers[world.token_path] = 500, {}
        for _ in range(12):
            browser = Browser(helper.url)
            state = query(browser.get("/login").headers["Location"])["state"]
            answer = browser.send("GET", "/callback", params={"state": state, "code": "c", "iss": world.base})
            assert answer.status_code >= 400
        assert counter(helper, "mlaas_breaker_open", system="keycloak") == 1
        assert services() == 200


# Back-channel logout.

def logout_token(world, **changes):
    claims = {
        "typ": "Logout", "aud": "gw", "sid": "session-1", "events": {EVENT: {}}, "azp": GONE, "scope": GONE,
        "preferred_username": GONE, "realm_access": GONE, "jti": f"logout-{time.monotonic_ns()}", **changes}
    header = claims.pop("header", {"typ": "logout+jwt"})
    return world.forge.token(header=header, key=claims.pop("key", None), **claims)


def tell(world, token, **arguments):
    arguments.setdefault("data", {"logout_token": token})
    return requests.post(world.portal.url + "/backchannel-logout", timeout=30, **arguments)


def grace(world, **changes):
    browser, answer = come_back(world, lambda nonce, access: id_token(world, nonce, **changes))
    assert answer.status_code == 303
    return browser


BAD_LOGOUT_TOKENS = {
    "with a nonce": {"nonce": "n"}, "no events": {"events": GONE}, "another event": {"events": {"other": {}}},
    "an event that is no object": {"events": {EVENT: True}}, "another audience": {"aud": "other"},
    "another issuer": {"iss": "https://evil.example"}, "expired": {"exp": int(time.time()) - 60},
    "no end": {"exp": GONE}, "no time": {"iat": GONE}, "whom?": {"sid": GONE, "sub": GONE},
    "an ID token": {"typ": "ID"}, "an access token": {"typ": "Bearer"}, "no id": {"jti": GONE},
    "of type at+jwt": {"header": {"typ": "at+jwt"}},
}


def test_bad_logout_tokens_end_nothing(world):
    browser = grace(world)
    for what, changes in BAD_LOGOUT_TOKENS.items():
        answer = tell(world, logout_token(world, **changes))
        assert answer.status_code == 400 and answer.json() == {"error": "invalid_request"}, what
        assert answer.headers["Cache-Control"] == "no-store"
    assert tell(world, logout_token(world, key=world.stranger)).status_code == 400
    assert tell(world, "").status_code == 400
    assert tell(world, "", json={"logout_token": logout_token(world)}).status_code == 400
    assert requests.get(world.portal.url + "/backchannel-logout", timeout=30).status_code == 405
    assert signed_in_as(browser) == "grace"


def test_a_logout_token_ends_the_session_that_it_names(world):
    one, other = grace(world), grace(world, sid="session-2")
    token = logout_token(world)
    answer = tell(world, token)
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    assert signed_in_as(one) is None and signed_in_as(other) == "grace"
    assert tell(world, token).status_code == 400
    # One for a session that no one has is good, too.
    assert tell(world, logout_token(world, sid="unknown")).status_code == 200
    assert signed_in_as(other) == "grace"


def test_a_logout_token_without_a_session_ends_all_of_the_person(world):
    browsers = [grace(world), grace(world, sid="session-2")]
    assert tell(world, logout_token(world, sid=GONE)).status_code == 200
    assert [signed_in_as(browser) for browser in browsers] == [None, None]
    time.sleep(1.1)
    assert signed_in_as(grace(world, sid="session-3")) == "grace"


# Settings.

def test_the_portal_is_off_without_its_address(sandbox):
    helper = portal_helper(sandbox.keycloak, sandbox.threescale, PORTAL_URL="")
    try:
        for path in ("/", "/keys", "/me", "/login"):
            assert requests.get(helper.url + path, headers=HTML, timeout=30).status_code == 404
    finally:
        stop(helper.process)
