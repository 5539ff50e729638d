#!/usr/bin/env python3
"""What the sweep of ended keys costs: a scan of many applications by one replica, in calls to 3scale, seconds and memory.

    sweep.py [--applications N] [--marked N]
       MLAAS_BIN: the programs' folder

The sandbox holds an account with one application for each person. `marked` of them, in whole pages of 500, carry an owner's mark, and
the keys of a tenth of those end within two hours, so that the sweep keeps their times. Marking one takes the sandbox 0.4 s where it
holds 100,000. Then a helper starts, which scans at its start. Prints what the scan took, and what a day of hourly scans comes to.
Exits 1 when the scan does not end in time or counts other keys than there are.
"""

import argparse
import base64
import concurrent.futures
import http.client
import json
import os
import sys
import threading
import time
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("MLAAS_BIN", str(ROOT / ".build-static" / "release"))
sys.path.insert(0, str(ROOT / "Tests" / "Chaos"))
from fleet import TOKEN, Replica, Sandbox  # noqa: E402

PAGE, SCANS_A_DAY, SCAN_SECONDS_MAX = 500, 24, 1_200
CREDENTIALS = {"Authorization": "Basic " + base64.b64encode(f":{TOKEN}".encode()).decode()}


def marked(sandbox, count):
    """Marks that many applications, as keys of as many owners."""
    address = urllib.parse.urlsplit(sandbox.threescale).netloc
    end = int(time.time()) + 3_600
    kept = threading.local()

    def ask(method, path, body=None):
        if not hasattr(kept, "connection"):
            kept.connection = http.client.HTTPConnection(address, timeout=60)
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        kept.connection.request(method, f"/admin/api/{path}", body, {**CREDENTIALS, **form})
        answer = kept.connection.getresponse()
        text = answer.read()
        assert answer.status == 200, (path, answer.status, text[:200])
        return json.loads(text)

    def mark_page(page):
        listed = ask("GET", f"applications.json?page={page}&per_page={PAGE}")["applications"]
        for index, entry in enumerate(listed):
            application = entry["application"]
            ends = f" expires={end + index}" if index % 10 == 0 else ""
            description = f"Requested through MLaaS Helper [mlaas owner={application['id']:024x}{ends} ok]"
            ask("PUT", f"accounts/{application['account_id']}/applications/{application['id']}.json",
                urllib.parse.urlencode({"description": description}))
        return len(listed)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return sum(pool.map(mark_page, range(1, 1 + -(-count // PAGE))))


def calls(found):
    return sum(value for name, value in found.items()
               if name.startswith("mlaas_upstream_requests_total{") and 'operation="list_all_applications"' in name)


def measure(applications, keys):
    sandbox = Sandbox("--accounts", str(applications))
    replica = None
    try:
        made = marked(sandbox, keys)
        began = time.monotonic()
        replica = Replica(sandbox).ready()
        first = replica.memory() / 1024
        while True:
            found = replica.metrics()
            if sum(value for name, value in found.items() if name.startswith("mlaas_keys{")):
                break
            if time.monotonic() - began > SCAN_SECONDS_MAX:
                sys.exit(f"the scan of {applications} applications did not end in {SCAN_SECONDS_MAX} s")
            time.sleep(0.1)
        seconds = time.monotonic() - began
        counted = sum(value for name, value in found.items() if name.startswith("mlaas_keys{"))
        if counted != made:
            sys.exit(f"the scan counted {counted:.0f} keys, there are {made}")
        resident, most = replica.memory() / 1024, replica.memory("VmHWM") / 1024
        pages = calls(found)
        print(f"{applications:,} applications, {made:,} of them keys, {found['mlaas_sweep_accounts']:,.0f} of which end within three hours")
        print(f"  scan: {pages:,.0f} calls in {seconds:.1f} s, {1_000 * seconds / pages:.1f} ms a call")
        print(f"  memory of the helper: {first:.0f} MiB at its start, {most:.0f} MiB at most, {resident:.0f} MiB after the scan")
        print(f"  steady state: {pages * SCANS_A_DAY:,.0f} calls a day and replica, {pages * SCANS_A_DAY / 86_400:.2f} a second on average")
    finally:
        if replica:
            replica.stop()
        sandbox.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--applications", type=int, default=100_000)
    parser.add_argument("--marked", type=int, default=500)
    options = parser.parse_args()
    measure(options.applications, min(options.marked, options.applications))


if __name__ == "__main__":
    main()
