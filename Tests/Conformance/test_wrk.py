"""wrk asks as fast as it can, for a bounded time: every answer is a good one, and the server has counted as many."""

import re
import shutil
import subprocess

import pytest

from conftest import Helper

pytestmark = pytest.mark.alone

SECONDS = 2
PIPELINED = """
init = function(args)
  local requests = {{}}
  for i = 1, {depth} do requests[i] = wrk.format() end
  all = table.concat(requests)
end
request = function() return all end
"""


@pytest.fixture(scope="module")
def helper(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale)
    yield helper
    helper.stop()
    assert helper.process.returncode == 0


def counted(helper, path):
    """Answers of 200 that the helper says it has given on that route."""
    lines = helper.get("/metrics").text.splitlines()
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in lines
               if line.startswith("http_server_request_duration_seconds_count{") and f'"{path}"' in line and '"200"' in line)


@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
@pytest.mark.parametrize("connections", [1, 32, 256])
@pytest.mark.parametrize("depth", [1, 4, 16])
def test_every_answer_is_good(helper, tmp_path, connections, depth, capsys):
    script = tmp_path / "pipelined.lua"
    script.write_text(PIPELINED.format(depth=depth))
    before = counted(helper, "/api/health")
    text = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", *(["-s", script] if depth > 1 else []),
         f"{helper.url}/api/health"], check=True, capture_output=True, text=True, timeout=60).stdout
    assert "Socket errors" not in text, text
    assert "Non-2xx" not in text, text
    asked = int(re.search(r"(\d+) requests in", text).group(1))
    answered = counted(helper, "/api/health") - before
    with capsys.disabled():
        print(f"\nwrk, {connections} connections, {depth} at once: {asked} requests, none failed")
    assert asked > 0
    # wrk goes away in the middle: what was under way then it does not count.
    assert asked <= answered <= asked + connections * depth * 2
