"""A browser of a few lines for the portal: cookies of each origin, redirects one at a time, and forms."""

import base64
import contextlib
import hashlib
import hmac
import json
import re
import time
from html import unescape
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import openapi
from conftest import Helper, free_port, stop

SECRET = "portal-session-secret-0123456789abcdef"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def portal_helper(keycloak, threescale, **settings):
    """A helper with the portal on, at its own address where PORTAL_URL is not given."""
    port = free_port()
    helper = Helper(keycloak, threescale, **{
        "SERVER_PORT": str(port), "PORTAL_URL": f"http://127.0.0.1:{port}", "SESSION_SECRET": SECRET,
        "KEYCLOAK_CLIENT_SECRET": "mlaas-client-secret", **settings})
    # Pages are not in the API's document.
    openapi.forget(port)
    return helper


@contextlib.contextmanager
def running(sandbox, **settings):
    """`portal_helper` for as long as a block lasts."""
    helper = portal_helper(sandbox.keycloak, sandbox.threescale, **settings)
    try:
        yield helper
    finally:
        stop(helper.process)


class Browser:
    """Keeps cookies as a browser does on loopback, where those that are `Secure` are sent too."""

    def __init__(self, portal):
        self.portal = portal
        self.cookies = {}
        self.history = []

    def jar(self, url):
        return self.cookies.setdefault(urlsplit(url).netloc, {})

    def send(self, method, url, headers=None, **arguments):
        """One request; cookies are kept, redirects are not followed."""
        url = urljoin(self.portal, url)
        self.history.append(url)
        fields = {**HTML, **(headers or {})}
        if self.jar(url):
            fields.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.jar(url).items()))
        answer = requests.request(
            method, url, headers=fields, allow_redirects=False, timeout=60, **arguments)
        for line in answer.raw.headers.getlist("Set-Cookie"):
            name, value = line.split(";")[0].split("=", 1)
            if "max-age=0" in line.lower() or not value:
                self.jar(url).pop(name, None)
            else:
                self.jar(url)[name] = value
        return answer

    def get(self, url, **arguments):
        return self.send("GET", url, **arguments)

    def follow(self, answer, until=None):
        """Goes where the answer leads; stops before a URL that starts with `until` and returns it."""
        while answer.is_redirect or answer.status_code == 303:
            url = urljoin(answer.url, answer.headers["Location"])
            if until and url.startswith(until):
                return url
            answer = self.get(url)
        return answer

    def post(self, path, csrf=None, headers=None, **values):
        """A form of the portal, as its own pages send it."""
        data = values if csrf is None else {"csrf": csrf, **values}
        return self.send("POST", path, headers={"Origin": self.portal, **(headers or {})}, data=data)

    def csrf(self, path="/me"):
        page = self.follow(self.get(path))
        assert page.status_code == 200, page.text
        return re.search(r'name="csrf" value="([^"]+)"', page.text).group(1)

    def sign_in(self, user="ada", path="/", password=None):
        """Signs in on Keycloak's page and returns the page of the portal that follows."""
        page = self.follow(self.get("/login?return=" + path))
        return self.follow(self.enter(page, user, password))

    def enter(self, page, user="ada", password=None):
        """Sends Keycloak's login page."""
        action = unescape(re.search(r'action="([^"]+)"', page.text).group(1))
        return self.send("POST", urljoin(page.url, action), data={
            "username": user, "password": password or f"{user}-password", "credentialId": ""})

    def callback(self, user="ada", path="/"):
        """Signs in at Keycloak, and returns the URL of the portal to which that leads, not visited yet."""
        page = self.follow(self.get("/login?return=" + path))
        return self.follow(self.enter(page, user), until=self.portal + "/callback")


def query(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def signed_in_as(browser, headers=None):
    """The user name that the portal greets; None without a session."""
    page = browser.get("/me", headers=headers)
    if page.status_code != 200:
        assert page.status_code == 303, page.text
        return None
    return re.search(r"<dd><strong>([^<]+)</strong></dd>", page.text).group(1)


# Sealing as another program would do it.

def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Seal:
    def __init__(self, secret=SECRET):
        extracted = hmac.new(b"\0" * 32, secret.encode(), hashlib.sha256).digest()
        expand = lambda word: hmac.new(extracted, f"mlaas cookie {word}".encode() + b"\1", hashlib.sha256).digest()
        self.key, self.id = expand("key"), expand("key id")[:4]

    def seal(self, value, name="mlaas", expires=None):
        head, nonce = b"\1" + self.id, hashlib.sha256(repr((value, expires)).encode()).digest()[:12]
        body = (expires or int(time.time()) + 3_600).to_bytes(8, "big") + json.dumps(value).encode()
        return b64(head + nonce + AESGCM(self.key).encrypt(nonce, body, head + name.encode()))

    def open(self, text, name="mlaas"):
        data = unb64(text)
        opened = AESGCM(self.key).decrypt(data[5:17], data[17:], data[:5] + name.encode())
        return int.from_bytes(opened[:8], "big"), json.loads(opened[8:])


def expire(browser, **changes):
    """Makes the browser's session one that must be renewed."""
    jar = browser.jar(browser.portal)
    expires, session = Seal().open(jar["mlaas"])
    session.update(exp=int(time.time()) - 1, **changes)
    jar["mlaas"] = Seal().seal(session, expires=expires)
    return session
