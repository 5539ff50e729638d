"""The portal in Chromium as people use it: every action by keyboard alone, the same without JavaScript, and what pages weigh."""

import re

import pytest
import requests

from portal_world import World, chromium, listen, sign_in  # noqa: F401


@pytest.fixture(scope="module")
def world():
    world = World()
    yield world
    world.stop()


@pytest.fixture
def problems():
    return []


def new_page(chromium, problems, **options):
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, **options)
    context.set_default_timeout(60_000)
    listen(context, problems)
    return context.new_page()


FOCUSED = """() => {
    const element = document.activeElement;
    if (!element || element === document.body) return "";
    const name = element.getAttribute("aria-label") || element.labels?.[0]?.textContent || element.textContent || element.value;
    return name.trim().replace(/\\s+/g, " ");
}"""


class Keyboard:
    """A person who has a keyboard and no mouse."""

    def __init__(self, page):
        self.page = page

    def reach(self, name, tag=None):
        """Presses Tab until the element of that name has the focus, which must be seen."""
        for _ in range(150):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(FOCUSED) == name and (
                    tag is None or self.page.evaluate("document.activeElement.localName") == tag):
                outline = self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"the focus on '{name}' cannot be seen"
                return
        pytest.fail(f"Tab does not reach '{name}' on {self.page.url}")

    def go(self, name, tag=None):
        """Reaches the link or button of that name, presses Enter, and waits for the page that follows."""
        self.reach(name, tag)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.page.wait_for_load_state()

    def type(self, name, text):
        self.reach(name)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def sign_in(self, user):
        self.type("Username", user)
        self.type("Password", f"{user}-password")
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.page.wait_for_load_state()


def said(page):
    """What the page says that a form has done."""
    return page.locator("[role=status].good").first.inner_text()


def test_the_search_counts_what_it_shows(world, chromium, problems):
    page = new_page(chromium, problems)
    sign_in(page, world)
    count, cards = page.locator("main [data-count]"), page.locator("main .card:visible")
    total = cards.count()
    assert count.inner_text() == f"{total} services" and count.get_attribute("role") == "status"
    for words, shown, said in (
            ("zzz", 0, f"0 of {total} match"), ("granite", 1, f"1 of {total} matches"), ("", total, f"{total} services")):
        page.fill("#q", words)
        assert (cards.count(), count.inner_text()) == (shown, said)
    page.fill("#q", "zzz")
    page.goto(world.url + "/me")
    page.go_back()
    page.wait_for_load_state()
    assert page.input_value("#q") == "zzz" and (cards.count(), count.inner_text()) == (0, f"0 of {total} match")
    # The server searches the whole description, of which a card shows the beginning.
    page.goto(world.url + "/?q=granite")
    assert (cards.count(), count.inner_text()) == (1, f"1 of {total} matches")
    assert problems == []


def test_large_text_on_a_narrow_screen_is_not_wider_than_the_window(world, chromium, problems):
    page = new_page(chromium, problems)
    sign_in(page, world, "carol")
    page.goto(world.url + "/services/speech_to_text/key")
    page.locator("main").get_by_role("button", name="Get an API key", exact=True).click()
    page.set_viewport_size({"width": 360, "height": 800})
    for language in ("en", "de", "fr", "es"):
        for path in ("/", "/keys", "/services/speech_to_text"):
            page.goto(f"{world.url}{path}?lang={language}")
            page.evaluate("document.documentElement.style.fontSize = '150%'")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, (path, language)
    assert problems == []


def test_every_action_is_done_by_keyboard_alone(world, chromium, problems):
    page = new_page(chromium, problems, permissions=["clipboard-read", "clipboard-write"])
    keyboard = Keyboard(page)
    page.goto(world.url)
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Skip to content"
    keyboard.go("Deutsch")
    assert page.locator("html").get_attribute("lang") == "de"
    keyboard.go("English")
    keyboard.go("Sign in")
    keyboard.sign_in("ada")

    # From the sign-in to a key that works: four times Enter.
    keyboard.go("Granite Chat", "a")
    endpoint = page.locator("#endpoint").inner_text()
    keyboard.go("Get an API key", "a")
    keyboard.type("Note (optional)", "Made by keyboard")
    keyboard.go("Get an API key", "button")
    assert said(page) == "Your API key is ready."
    first = page.url.split("?")[0]
    keyboard.go("Show my API key")
    secret = page.locator("#secret").inner_text()
    answer = requests.get(f"{endpoint}/v1/models", headers={"user_key": secret}, timeout=30)
    assert answer.status_code == 200, answer.text

    keyboard.reach("Copy: API key")
    page.keyboard.press("Enter")
    page.wait_for_function("document.getElementById('said').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    keyboard.go("Hide it")
    assert page.url == first and secret not in page.content()

    keyboard.go("Test")
    assert "It works." in page.locator("#verdict + p").inner_text()
    assert "granite_chat" in page.locator("main").inner_text()

    keyboard.go("Pause")
    keyboard.go("Cancel")
    assert page.url == first
    keyboard.go("Pause")
    keyboard.go("Pause", "button")
    assert said(page) == "The API key is paused."
    keyboard.go("Resume")
    keyboard.go("Resume", "button")
    assert said(page) == "The API key works again."

    keyboard.go("Change note or end")
    keyboard.type("Note (optional)", "Another note")
    keyboard.reach("Leave it as it is: Never")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(FOCUSED) == "in 7 days"
    keyboard.go("Save")
    assert said(page) == "The note and the end of the API key were saved."
    facts = page.locator("dl.facts").first.inner_text()
    assert "Another note" in facts and "in 7 days" in facts

    plan = re.search(r"Plan\n(\w+)\n", facts).group(1)
    keyboard.go("Change plan")
    keyboard.go("Change plan", "button")
    assert said(page) == "The plan was changed."
    other = {"Trial": "Basic", "Basic": "Trial"}[plan]
    assert f"Plan\n{other}\n" in page.locator("dl.facts").first.inner_text()

    keyboard.go("per hour")
    assert "granularity=hour" in page.url and page.locator("figure.chart").count() >= 1
    keyboard.reach("Show as a table", "summary")
    page.keyboard.press("Enter")
    assert page.locator("figure.chart table").first.is_visible()

    keyboard.go("Rotate")
    keyboard.go("Rotate", "button")
    assert said(page).startswith("This is your new API key.")
    second = page.url.split("?")[0]
    assert second != first
    keyboard.go("Revoke")
    keyboard.go("Revoke for ever", "button")
    assert said(page) == "The API key is revoked."

    keyboard.go("Services", "a")
    keyboard.type("Search services", "speech")
    assert page.locator(".card:visible").count() == 1
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=speech")
    keyboard.go("Show all")
    keyboard.go("My account")
    assert page.locator("main").get_by_text("ada", exact=True).first.is_visible()
    keyboard.go("Sign out", "button")
    keyboard.go("Logout")
    assert page.url == world.url + "/"
    keyboard.reach("Sign in")
    assert problems == []


def test_the_whole_flow_works_without_javascript(world, chromium, problems):
    page = new_page(chromium, problems, java_script_enabled=False)

    def press(name):
        page.locator("main").get_by_role("button", name=name, exact=True).click()

    def follow(name):
        page.locator("main").get_by_role("link", name=name, exact=True).click()

    page.goto(world.url)
    page.get_by_role("link", name="Français").click()
    assert page.locator("html").get_attribute("lang") == "fr"
    page.get_by_role("link", name="English").click()
    sign_in(page, world, "bob")
    page.fill("#q", "granite")
    press("Search")
    assert page.locator(".card").count() == 1
    follow("Granite Chat")
    endpoint = page.locator("#endpoint").inner_text()
    assert not page.locator("button[data-copy]").first.is_visible()
    page.locator("summary", has_text="Python").click()
    assert page.locator("#snippet-python").is_visible()
    follow("Get an API key")
    page.fill("#note", "Without JavaScript")
    press("Get an API key")
    key = page.url.split("?")[0]
    press("Show my API key")
    secret = page.locator("#secret").inner_text()
    answer = requests.get(f"{endpoint}/v1/models", headers={"user_key": secret}, timeout=30)
    assert answer.status_code == 200, answer.text
    press("Test")
    assert "It works." in page.locator("main").inner_text()
    for link, button, notice in (
            ("Pause", "Pause", "The API key is paused."), ("Resume", "Resume", "The API key works again."),
            ("Change plan", "Change plan", "The plan was changed.")):
        page.goto(key)
        follow(link)
        press(button)
        assert said(page) == notice
    follow("Change note or end")
    page.fill("#note", "Another note")
    page.locator("label.option", has_text="in 30 days").click()
    press("Save")
    assert "in 30 days" in page.locator("dl.facts").first.inner_text()
    # With a test behind it, the model's id stands in the snippets, and the secret after the button.
    follow("Granite Chat")
    press("Show my API key")
    assert secret in page.locator("#snippet-curl").inner_text()
    assert '"granite_chat"' in page.locator("#snippet-curl").inner_text()
    page.goto(key)
    follow("Rotate")
    press("Rotate")
    assert said(page).startswith("This is your new API key.")
    follow("Revoke")
    press("Revoke for ever")
    assert said(page) == "The API key is revoked."
    page.get_by_role("link", name="My account").click()
    press("Sign out")
    page.click("#kc-logout")
    assert page.url == world.url + "/" and page.locator("main").get_by_role("link", name="Sign in").is_visible()
    assert problems == []


def test_the_first_view_weighs_under_60_kb_and_the_next_under_20(world, chromium, problems):
    page = new_page(chromium, problems)
    bytes_of = []

    def finished(request):
        sizes = request.sizes()
        if request.url.startswith(world.url):
            bytes_of.append(sizes["responseHeadersSize"] + sizes["responseBodySize"])

    page.on("requestfinished", finished)

    def weight(act):
        bytes_of.clear()
        act()
        page.wait_for_load_state("networkidle")
        return sum(bytes_of)

    first = weight(lambda: page.goto(world.url))
    sign_in(page, world, "zoë", "/")
    weights = {path: weight(lambda: page.goto(world.url + path)) for path in ("/", "/services/granite_chat", "/keys", "/me")}
    page.goto(world.url + "/services/granite_chat/key")
    weights["a new key"] = weight(lambda: page.locator("main button.primary").click())
    weights["its page"] = weight(lambda: page.goto(page.url.split("?")[0]))
    print(f"first view {first} bytes, then {weights}")
    assert first < 60_000 and 0 < max(weights.values()) < 20_000
    assert problems == []


def test_a_form_is_sent_once_however_often_its_button_is_pressed(world, chromium, problems):
    page = new_page(chromium, problems)
    sign_in(page, world, "zoë", "/services/embeddings/key")
    sent = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    page.locator("main button.primary").dblclick()
    page.wait_for_url(re.compile(r"/keys/\d+\?done="))
    assert len(sent) == 1
    assert problems == []
