"""Every view of the portal in every state, those included that no route brings about at will, as the tests of the pages render
them: both colour schemes, three widths, without a finding of axe or anything wider than the window."""

import functools
import http.server
import os
import subprocess
import threading

from portal_look import Looker
from portal_world import ROOT, chromium, listen  # noqa: F401


class Handler(http.server.SimpleHTTPRequestHandler):
    """Answers with the header fields that the helper sends."""

    def end_headers(self):
        self.send_header("content-security-policy", "default-src 'self'")
        self.send_header("x-content-type-options", "nosniff")
        super().end_headers()

    def log_message(self, *_):
        pass


def test_every_view_in_every_state(tmp_path, chromium):
    subprocess.run(
        ["swift", "test", "--skip-build", "--filter", "PortalGalleryFiles/pages"], cwd=ROOT, check=True, timeout=300,
        env={**os.environ, "PORTAL_GALLERY": str(tmp_path)}, stdout=subprocess.DEVNULL)
    names = sorted(path.stem for path in tmp_path.glob("*.html"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    looker = Looker([])
    context = chromium.new_context()
    context.set_default_timeout(60_000)
    listen(context, looker.problems)
    page = context.new_page()
    for name in names:
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/{name}.html")
        looker.look(page, "gallery-" + name)
    context.close()
    server.shutdown()
    assert len(names) > 100 and looker.problems == []
