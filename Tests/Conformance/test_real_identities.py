"""Who is answered which key when a real Keycloak's host name and people change."""

import os
import re
import signal
import subprocess
import uuid
from pathlib import Path

import pytest
import requests

from conftest import ADMIN_TOKEN, BIN, ROOT, Helper, Sandbox, stop
from identity import UNLIMITED
from issuer import until
from tenant import admin, applications, users
from test_key_owners import failure, ids, key_of
from test_real_keycloak_identity import Admin, grant

OTHER_HOST = "localhost"


@pytest.fixture(scope="module")
def keycloak(real_keycloak):
    """An administrator of the realm, who may give people other names."""
    keycloak = Admin(real_keycloak)
    keycloak.base = real_keycloak
    keycloak.call("PUT", "", json={"editUsernameAllowed": True})
    return keycloak


@pytest.fixture
def tenant():
    """A 3scale for one test, and helpers that are stopped at its end."""
    sandbox = Sandbox()
    sandbox.helpers = []
    yield sandbox
    for helper in sandbox.helpers:
        stop(helper.process)
    stop(sandbox.process)


def run(tenant, url, **settings):
    tenant.helpers.append(Helper(url, tenant.threescale, RATE_LIMITS=UNLIMITED, **settings))
    return tenant.helpers[-1]


class Person:
    """A user of the realm, made for one test."""

    def __init__(self, keycloak, name):
        self.keycloak, self.name = keycloak, name
        answer = keycloak.call("POST", "/users", json={
            "username": name, "enabled": True, "email": f"{uuid.uuid4()}@example.com", "firstName": "A", "lastName": "Person",
            "credentials": [{"type": "password", "value": "a password", "temporary": False}]})
        self.subject = answer.headers["Location"].rsplit("/", 1)[1]

    def rename(self, name):
        user = self.keycloak.call("GET", f"/users/{self.subject}").json()
        self.keycloak.call("PUT", f"/users/{self.subject}", json={**user, "username": name})
        self.name = name

    def delete(self):
        self.keycloak.call("DELETE", f"/users/{self.subject}")

    def token(self, host="127.0.0.1"):
        url = self.keycloak.base.replace("127.0.0.1", host)
        return grant(url, grant_type="password", username=self.name, password="a password", scope="openid")["access_token"]


@pytest.fixture
def person(keycloak):
    """Makes people, who are gone after the test."""
    made = []

    def new(name):
        made.append(Person(keycloak, name))
        return made[-1]
    yield new
    for one in made:
        try:
            one.delete()
        except requests.HTTPError:
            pass


def seen(helper, token):
    """The keys that a list shows, by service."""
    return {name: service["api_key"] for name, service in helper.services(token).items() if service["has_api_key"]}


def test_two_host_names_of_one_realm_show_one_key(keycloak, tenant, person):
    realm = f"{keycloak.base}/realms/mlaas"
    other = realm.replace("127.0.0.1", OTHER_HOST)
    helper = run(tenant, keycloak.base, KEYCLOAK_ISSUERS=f"{realm},{other}",
                 KEYCLOAK_JWKS_URL=f"{realm}/protocol/openid-connect/certs")
    ada, zoe = person("two.hosts"), person("zoë.hosts")
    services = ids(helper, ada.token())
    first = {one: key_of(helper.init(one.token(), services["granite_chat"])) for one in (ada, zoe)}
    assert len(set(first.values())) == 2
    for one, key in first.items():
        outside = one.token(OTHER_HOST)
        assert seen(helper, outside) == {"granite_chat": key}
        assert key_of(helper.init(outside, services["granite_chat"])) == key
        made = key_of(helper.init(outside, services["embeddings"]))
        assert seen(helper, one.token()) == {"granite_chat": key, "embeddings": made}
    assert len(applications(tenant)) == 4


def subjects_by_kcadm(keycloak, folder):
    """The list of subjects, made as docs/provisioning.md says."""
    home = os.environ.get("KEYCLOAK_HOME") or next(iter(sorted((ROOT / ".tools" / "keycloak").glob("*/"))))
    page = (ROOT / "docs" / "provisioning.md").read_text()
    commands = re.search(r"```sh\n(kcadm\.sh config.*?)```", page, re.DOTALL).group(1)
    script = commands.replace("kcadm.sh", str(Path(home) / "bin" / "kcadm.sh"))
    script = script.replace("https://sso.example.com", keycloak.base).replace("-r ml ", "-r mlaas ")
    # The example asks for the password.
    script = script.replace("--user admin", "--user admin --password admin")
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, timeout=300, capture_output=True, text=True,
                         env={**os.environ, "HOME": str(folder)})
    assert ran.returncode == 0, ran.stderr
    return folder / "subjects.txt"


def test_a_changed_host_name_and_moved_owners(keycloak, tenant, person, tmp_path):
    former = f"{keycloak.base}/realms/mlaas"
    moved = former.replace("127.0.0.1", OTHER_HOST)
    helper = run(tenant, keycloak.base)
    people = [person("mover.one"), person("zoë.mover"), person("mover.three")]
    services = ids(helper, people[0].token())
    keys = [key_of(helper.init(one.token(), services["granite_chat"])) for one in people]
    machine = grant(keycloak.base, "batch-loader", grant_type="client_credentials")["access_token"]
    machines = key_of(helper.init(machine, services["granite_chat"]))
    before = {entry["id"]: entry for entry in applications(tenant)}
    stop(helper.process)

    # Keycloak has another host name, and the marks have not been moved: each sees nothing, and is given nothing.
    fresh = run(tenant, keycloak.base, KEYCLOAK_ISSUERS=moved)
    for one, key in zip(people, keys):
        token = one.token(OTHER_HOST)
        assert seen(fresh, token) == {}
        if "zoë" not in one.name:
            assert failure(fresh.init(token, services["granite_chat"])) == (409, "IDENTITY_CONFLICT")
    assert {entry["id"]: entry for entry in applications(tenant)} == before
    stop(fresh.process)

    subjects = subjects_by_kcadm(keycloak, tmp_path)
    listed = subjects.read_text().split()
    assert {one.subject for one in people} <= set(listed) and all(re.fullmatch(r"[0-9a-f-]{36}", line) for line in listed)
    environment = {
        "PATH": os.environ["PATH"], "KEYCLOAK_URL": keycloak.base, "KEYCLOAK_REALM": "mlaas", "KEYCLOAK_ISSUERS": moved,
        "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": tenant.threescale,
        "THREESCALE_ADMIN_API_KEY": ADMIN_TOKEN}
    command = [BIN / "mlaas-helper", "owners", "move", "--from", former, "--to", moved, "--subjects", subjects]

    def move(*options):
        return subprocess.run([*command, *options], env=environment, capture_output=True, text=True, timeout=120)

    dry = move()
    assert dry.returncode == 0 and "Would change 4, already moved 0" in dry.stdout, dry.stdout + dry.stderr
    assert {entry["id"]: entry for entry in applications(tenant)} == before

    # Interrupted: 3scale holds the second change, and the process dies meanwhile.
    first, second = sorted(before)[:2]
    account = before[second]["account_id"]
    admin(tenant, "POST", "/faults/3scale", kind="latency", method="PUT",
          path=f"/admin/api/accounts/{account}/applications/{second}.json", delay_ms=60_000)
    process = subprocess.Popen([*command, "--apply"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    marks = {id: entry["description"] for id, entry in before.items()}
    assert until(lambda: {entry["id"]: entry["description"] for entry in applications(tenant)}[first] != marks[first])
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    requests.delete(f"{tenant.admin}/faults/3scale", timeout=10).raise_for_status()
    fresh = run(tenant, keycloak.base, KEYCLOAK_ISSUERS=moved)
    assert seen(fresh, people[0].token(OTHER_HOST)) == {"granite_chat": keys[0]}
    assert seen(fresh, people[2].token(OTHER_HOST)) == {}
    stop(fresh.process)

    # Resumed, and run once more.
    again = move("--apply")
    assert again.returncode == 0 and "failed 0" in again.stdout, again.stdout + again.stderr
    assert re.search(r"Changed [23], already moved [12], skipped 0 ", again.stdout), again.stdout
    assert "Changed 0, already moved 4" in move("--apply").stdout
    fresh = run(tenant, keycloak.base, KEYCLOAK_ISSUERS=moved)
    for one, key in zip(people, keys):
        token = one.token(OTHER_HOST)
        assert seen(fresh, token) == {"granite_chat": key}, one.name
        answer = fresh.init(token, services["granite_chat"])
        assert key_of(answer) == key and answer.json()["data"]["is_new"] is False
        assert fresh.get("/api/services", one.token()).status_code == 401
    machine = grant(keycloak.base.replace("127.0.0.1", OTHER_HOST), "batch-loader", grant_type="client_credentials")
    assert seen(fresh, machine["access_token"]) == {"granite_chat": machines}
    assert {entry["id"]: entry["user_key"] for entry in applications(tenant)} == {
        id: entry["user_key"] for id, entry in before.items()}


@pytest.mark.parametrize("names", [
    ("maiden.name", "married.name", "third.name"), ("maiden.two", "zoë.two", "third.two"), ("zoë.three", "plain.three", "josé.three"),
    ("zoë.four", "josé.four", "a-name-of-more-than-forty-characters.is.not.taken")])
def test_a_renamed_person_keeps_the_key(keycloak, tenant, person, names):
    helper, replica = run(tenant, keycloak.base), run(tenant, keycloak.base)
    one = person(names[0])
    services = ids(helper, one.token())
    key = key_of(helper.init(one.token(), services["granite_chat"]))
    for name in names[1:]:
        one.rename(name)
        for server in (replica, helper):
            token = one.token()
            answer = server.init(token, services["granite_chat"])
            assert key_of(answer) == key and answer.json()["data"]["is_new"] is False
            listed = server.get("/api/services", token).json()["data"]
            assert listed["user"]["soeid"] == name
            assert seen(server, token) == {"granite_chat": key}
    account = applications(tenant)[0]["account_id"]
    assert len(applications(tenant)) == 1 and len(users(tenant, account)) == 1
    # Who gets a former name gets an own key, and the renamed person keeps theirs.
    heir = person(names[0])
    assert seen(helper, heir.token()) == {}
    assert key_of(helper.init(heir.token(), services["granite_chat"])) != key
    assert seen(helper, one.token()) == {"granite_chat": key}


def test_a_name_given_to_another_person_gives_no_key(keycloak, tenant, person):
    helper, replica = run(tenant, keycloak.base), run(tenant, keycloak.base)
    former = person("recycled.name")
    services = ids(helper, former.token())
    key = key_of(helper.init(former.token(), services["granite_chat"]))
    left = former.token()
    former.delete()
    heir = person("recycled.name")
    assert heir.subject != former.subject
    for server in (helper, replica):
        token = heir.token()
        assert seen(server, token) == {}
        for service in ("granite_chat", "embeddings"):
            answer = server.init(token, services[service])
            assert failure(answer) == (409, "IDENTITY_CONFLICT") and key not in answer.text
        assert key not in server.get("/api/services", token).text
    # The person who left still has a token that is good by itself.
    assert seen(helper, left) == {"granite_chat": key}
    assert [entry["user_key"] for entry in applications(tenant)] == [key]
