"""The portal's page about `mlaas`: what it says can be done as it says."""

import html
import re
import shlex

import pytest

from command_line import CommandLine
from conftest import stop
from portal import Browser, portal_helper

PACKAGES = "https://artifacts.example.com/mlaas"


@pytest.fixture(scope="module")
def helper(sandbox):
    helper = portal_helper(sandbox.keycloak, sandbox.threescale, CLI_CLIENT_ID="mlaas-cli", CLI_DOWNLOAD_URL=PACKAGES)
    yield helper
    stop(helper.process)


@pytest.fixture
def browser(helper):
    browser = Browser(helper.url)
    assert browser.sign_in().status_code == 200
    return browser


def codes(page):
    return [html.unescape(code) for code in re.findall(r"<code[^>]*>([^<]*)</code>", page.text)]


def test_it_names_the_packages_and_each_command_works(helper, browser, tmp_path):
    assert 'href="/terminal"' in browser.get("/me").text
    page = browser.get("/terminal")
    assert page.status_code == 200 and f'href="{PACKAGES}"' in page.text
    shown = codes(page)
    lines = [shlex.split(line) for line in shown]
    assert ["mlaas", "login", "--server", helper.url] in lines and ["mlaas", "login", "--device", "--server", helper.url] in lines
    cli = CommandLine(tmp_path, helper.url)
    assert cli.sign_in_by_browser("ada").returncode == 0
    names = {"SERVICE": "granite_chat", "KEY": "granite_chat", "python": "true", "app.py": ""}
    for words in lines:
        line = shlex.join(words)
        if words[:1] != ["mlaas"] or "login" in words:
            continue
        words = [names.get(word, word) for word in words[1:]]
        # The gateways of this sandbox have no address: a key's test says so by its status.
        done = cli.run(*[word for word in words if word], status=None)
        assert done.returncode == (4 if "test" in words else 0), (line, done.stderr)


@pytest.mark.parametrize("language, word", [
    ("en", "Command line"), ("de", "Kommandozeile"), ("fr", "Ligne de commande"), ("es", "Línea de comandos")])
def test_it_speaks_four_languages(browser, language, word):
    page = browser.get("/terminal", headers={"Accept-Language": language})
    assert f"<h1>{word}</h1>" in page.text and f'lang="{language}"' in page.text


def test_without_a_place_of_packages_it_says_whom_to_ask(sandbox):
    helper = portal_helper(sandbox.keycloak, sandbox.threescale)
    try:
        browser = Browser(helper.url)
        assert browser.get("/terminal").status_code == 303
        browser.sign_in()
        page = browser.get("/terminal")
        assert page.status_code == 200 and PACKAGES not in page.text and "Ask for them" in page.text
    finally:
        stop(helper.process)
