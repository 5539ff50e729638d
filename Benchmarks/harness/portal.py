"""A session of the portal, from a sign-in on Keycloak's page as a browser makes it."""

import http.client
import re
from html import unescape
from urllib.parse import urlencode, urljoin, urlsplit

ACCEPT = "text/html,application/xhtml+xml"


class Browser:
    """Keeps the cookies of each server and follows redirects."""

    def __init__(self):
        self.cookies = {}

    def open(self, url, form=None):
        """The URL that was reached, and its page."""
        for _ in range(10):
            status, location, text = self.send(url, form)
            if status not in (302, 303):
                if status != 200:
                    raise RuntimeError(f"{url} answered {status}: {text[:500]}")
                return url, text
            url, form = urljoin(url, location), None
        raise RuntimeError(f"{url}: too many redirects")

    def send(self, url, form):
        parts = urlsplit(url)
        jar = self.cookies.setdefault(parts.netloc, {})
        fields = {"Accept": ACCEPT}
        if jar:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        if form is not None:
            fields["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
        try:
            connection.request("GET" if form is None else "POST", f"{parts.path or '/'}?{parts.query}".rstrip("?"),
                               body=None if form is None else urlencode(form), headers=fields)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            if value:
                jar[name] = value
            else:
                jar.pop(name, None)
        return answer.status, answer.getheader("Location"), text


def sign_in(portal, user, password):
    """The `Cookie` field of a session."""
    browser = Browser()
    page, text = browser.open(f"{portal}/login")
    action = unescape(re.search(r'action="([^"]+)"', text).group(1))
    reached, _ = browser.open(urljoin(page, action), {"username": user, "password": password, "credentialId": ""})
    netloc = urlsplit(portal).netloc
    if urlsplit(reached).netloc != netloc:
        raise RuntimeError(f"the sign-in ended at {reached}")
    return "; ".join(f"{name}={value}" for name, value in browser.cookies[netloc].items())
