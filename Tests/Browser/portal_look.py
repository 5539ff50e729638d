"""Looks at a page as it is in both colour schemes and at three widths: axe, what is wider than the window, and a screenshot."""

from axe_playwright_python.sync_playwright import Axe

from portal_world import SCREENSHOTS

LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (320, 768, 1280)]
AXE = Axe().axe_script
WIDER = """() => document.documentElement.scrollWidth > innerWidth && [...document.querySelectorAll("body *")]
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".wide, pre, .hidden, .skip"))
    .slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).join(" | ")"""


class Looker:
    """Keeps what it finds in `problems`, and the names of what it has seen in `seen`."""

    def __init__(self, problems):
        self.problems = problems
        self.seen = []

    def look(self, page, name):
        assert name not in self.seen, f"{name} was seen before"
        self.seen.append(name)
        page.wait_for_load_state()
        page.evaluate(AXE)
        before = len(self.problems)
        for scheme, width in LOOKS:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            wide = page.evaluate(WIDER)
            if wide is not False:
                self.problems.append(f"wider than the window: {wide}")
            found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            self.problems += [
                f"axe: {finding['id']}: {node['html'][:160]}"
                for finding in found["violations"] for node in finding["nodes"]]
            if scheme == "light" and width != 768 or scheme == "dark" and width == 768:
                page.screenshot(path=str(SCREENSHOTS / f"{name}-{width}-{scheme}.png"), full_page=True)
            self.problems[before:] = [
                text if text.startswith(name) else f"{name} at {width} px, {scheme}: {text}"
                for text in self.problems[before:]]
