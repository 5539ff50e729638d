"""How many calls to 3scale a key costs, counted by the sandbox: each of them is one that a slow 3scale makes a person wait for."""

import time

import pytest
import requests

from conftest import Helper, Sandbox, stop
from tenant import add_application, admin, applications, sign_up, threescale

FIND = "GET accounts/find"
LIST = "GET accounts/N/applications"
CREATE = "POST accounts/N/applications"
DESCRIBE = "PUT accounts/N/applications/N"
USERS = "GET accounts/N/users"
CONFIRM_USER = "PUT accounts/N/users/N"
SIGNUP = "POST signup"


class Tenant:
    def __init__(self):
        self.sandbox = Sandbox()
        # The catalogue and the scan for ends are read at the start, and then no more.
        self.helper = Helper(self.sandbox.keycloak, self.sandbox.threescale, CATALOG_REFRESH_SECONDS="1h")
        self.services = {}

    def person(self, name):
        admin(self.sandbox, "POST", "/users", username=name)
        return self.sandbox.token(name)

    def service(self, name):
        if not self.services:
            listed = threescale(self.sandbox, "GET", "services")["services"]
            self.services = {entry["service"]["system_name"]: entry["service"]["id"] for entry in listed}
        return self.services[name]

    def make_signup_create(self, service):
        """Signup makes an application on this service from now on, and a new helper knows it."""
        listed = threescale(self.sandbox, "GET", f"services/{service}/application_plans")["plans"]
        plan = next(entry["application_plan"]["id"] for entry in listed if entry["application_plan"]["state"] == "published")
        threescale(self.sandbox, "PUT", f"services/{service}/application_plans/{plan}/default")
        self.start_anew()

    def delete_default_plans(self):
        """Signup makes no application, and a new helper knows it."""
        for service in threescale(self.sandbox, "GET", "services")["services"]:
            service = service["service"]["id"]
            for plan in threescale(self.sandbox, "GET", f"services/{service}/application_plans")["plans"]:
                if plan["application_plan"]["default"]:
                    threescale(self.sandbox, "DELETE", f"services/{service}/application_plans/{plan['application_plan']['id']}")
        self.start_anew()

    def start_anew(self):
        stop(self.helper.process)
        self.helper = Helper(self.sandbox.keycloak, self.sandbox.threescale, CATALOG_REFRESH_SECONDS="1h")

    def quiet(self):
        """Waits until what the helper reads by itself at its start is read."""
        end, before = time.monotonic() + 30, -1
        while (now := len(self.journal())) != before:
            assert time.monotonic() < end, "never quiet"
            before = now
            time.sleep(1)

    def journal(self):
        return requests.get(self.sandbox.admin + "/journal/3scale", timeout=10).json()["journal"]

    def calls(self, token, service):
        """What an `init` sends to 3scale, in its order, and the answer."""
        self.quiet()
        requests.delete(self.sandbox.admin + "/journal/3scale", timeout=10).raise_for_status()
        answer = self.helper.init(token, service)
        assert answer.status_code == 200, answer.text
        return [route(entry) for entry in self.journal()], answer.json()["data"]

    def close(self):
        stop(self.helper.process)
        stop(self.sandbox.process)


def route(entry):
    path = entry["path"].removeprefix("/admin/api/").removesuffix(".json").removesuffix(".xml")
    return f"{entry['method']} " + "/".join("N" if part.isdigit() else part for part in path.split("/"))


@pytest.fixture
def tenant():
    tenant = Tenant()
    yield tenant
    tenant.close()


@pytest.mark.parametrize("listed_before", [False, True])
def test_a_first_key_on_an_account_that_says_nothing_of_its_owner(tenant, listed_before):
    token = tenant.person("gladys")
    account = sign_up(tenant.sandbox, "gladys")
    time.sleep(3.5)
    if listed_before:
        assert tenant.helper.get("/api/services", token).json()["data"]["account_id"] == str(account)
    calls, key = tenant.calls(token, tenant.service("granite_chat"))
    assert calls == [FIND, LIST, CREATE, DESCRIBE]
    # Another key on that account, and the same once more.
    assert tenant.calls(token, tenant.service("embeddings"))[0] == [FIND, LIST, CREATE, DESCRIBE]
    again, same = tenant.calls(token, tenant.service("granite_chat"))
    assert again == [FIND, LIST] and same["api_key"] == key["api_key"]


def test_a_new_person(tenant):
    calls, _ = tenant.calls(tenant.person("dana"), tenant.service("granite_chat"))
    # A service of the seed has a default plan, so that signup may have made something.
    assert calls == [FIND, SIGNUP, USERS, CONFIRM_USER, LIST, CREATE, DESCRIBE]
    tenant.delete_default_plans()
    calls, _ = tenant.calls(tenant.person("dora"), tenant.service("granite_chat"))
    assert calls == [FIND, SIGNUP, USERS, CONFIRM_USER, CREATE, DESCRIBE]


def test_a_new_person_whose_signup_makes_the_key(tenant):
    tenant.make_signup_create(tenant.service("granite_chat"))
    calls, _ = tenant.calls(tenant.person("dana"), tenant.service("granite_chat"))
    assert calls == [FIND, SIGNUP, USERS, CONFIRM_USER, LIST, DESCRIBE]
    assert [entry["name"] for entry in applications(tenant.sandbox)] == ["API signup"]


def test_a_new_person_whose_signup_makes_the_key_of_another_service(tenant):
    tenant.make_signup_create(tenant.service("granite_chat"))
    calls, _ = tenant.calls(tenant.person("dana"), tenant.service("embeddings"))
    # What signup made is marked in the same call.
    assert calls == [FIND, SIGNUP, USERS, CONFIRM_USER, LIST, DESCRIBE, CREATE, DESCRIBE]


def test_a_key_that_the_portal_made(tenant):
    token = tenant.person("boss")
    made = add_application(tenant.sandbox, sign_up(tenant.sandbox, "boss"), tenant.service("granite_chat"))
    time.sleep(3.5)
    calls, key = tenant.calls(token, tenant.service("granite_chat"))
    # The last listing is 2 s later: no other call has marked it meanwhile.
    assert calls == [FIND, LIST, CONFIRM_USER, LIST, DESCRIBE, LIST] and key["api_key"] == made["user_key"]
    assert tenant.calls(token, tenant.service("granite_chat"))[0] == [FIND, LIST]


def test_a_tenant_behind_something_that_lets_no_xml_pass_costs_a_look_up_more(tenant):
    token = tenant.person("gladys")
    sign_up(tenant.sandbox, "gladys")
    time.sleep(3.5)
    admin(tenant.sandbox, "POST", "/faults/3scale", kind="status", method="GET", path="/admin/api/accounts/find.xml",
          status=403, body="{}")
    calls, _ = tenant.calls(token, tenant.service("granite_chat"))
    assert calls == [FIND, FIND, LIST, USERS, CREATE, DESCRIBE]
