"""Name servers that are silent or wrong hold up neither the helper's loops nor its end.

The resolver cannot be told another port or server than /etc/resolv.conf has, so the whole scene, sandbox included, plays in
a mount and a network namespace of its own; that needs no root where users may make namespaces."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
INSIDE = ["unshare", "--map-root-user", "--mount", "--net"]
# Nothing of the helper's own may take as long: a request to a system behind it has twelve seconds.
END_SECONDS = 8
HEALTH_MS = 50


def inside(command, **options):
    return subprocess.run([*INSIDE, "sh", "-c", command], capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (folder / "nsswitch.conf").write_text("hosts: files dns\n")
    mount = " && ".join(f"mount --bind {folder}/{name} /etc/{name}" for name in ("resolv.conf", "nsswitch.conf"))
    try:
        tried = inside(f"{mount} && ip link set lo up")
    except FileNotFoundError:
        pytest.skip("needs unshare and sh")
    if tried.returncode != 0:
        pytest.skip(f"needs mount and network namespaces: {tried.stderr.strip()}")

    def play(mode):
        ran = inside(f"{mount} && exec {sys.executable} {HERE / 'wrong_names.py'} {mode}", timeout=240)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return play


@pytest.mark.parametrize(
    "mode", ["silent", "failing", "no_such_name", "noise", "another_question", "cut", "nowhere", "somebody_else"])
def test_a_wrong_name_server_holds_up_nothing(scene, mode, capsys):
    seen = scene(mode)
    with capsys.disabled():
        print(f"\nname server {mode}: health in {seen['median_ms']:.1f} ms (worst {seen['worst_ms']:.0f} ms), "
              f"ended in {seen['exit_seconds']:.1f} s")
    assert seen["asked"] > 0, "no question reached the name server"
    assert seen["median_ms"] < HEALTH_MS
    assert seen["blocked"] == 0, "a loop stood still"
    assert seen["ready"] == 503
    assert set(seen["answers"]) <= {503, 504}
    assert seen["exit_status"] == 0
    assert seen["exit_seconds"] < END_SECONDS


def test_names_that_are_found_again_need_no_restart(scene):
    seen = scene("recovery")
    assert seen["services"] == 200
    assert seen["exit_status"] == 0
