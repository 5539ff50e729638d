"""The PyPI client `3scale-api`, unmodified, against the sandbox: its minimal flow, applications, keys and plans."""

import pytest
from threescale_api import ThreeScaleClient, errors

from conftest import ADMIN_TOKEN


@pytest.fixture(scope="module")
def client(sandbox):
    return ThreeScaleClient(sandbox.threescale, ADMIN_TOKEN, ssl_verify=False)


@pytest.fixture(scope="module")
def service(client):
    return client.services.create(params={"name": "Conformance"})


@pytest.fixture(scope="module")
def plan(service):
    return service.app_plans.create(params={"name": "Gold"})


@pytest.fixture(scope="module")
def account(client):
    return client.accounts.create(params={"username": "conformance", "org_name": "Conformance Ltd"})


def test_services_are_listed_read_and_updated(client, service):
    assert any(entry["name"] == "Granite Chat" for entry in client.services.list())
    assert client.services.read(service["id"])["name"] == "Conformance"
    assert service.update(params={"description": "changed"})["description"] == "changed"


def test_proxy_is_read_and_updated(service):
    assert service.proxy.list()["service_id"] == service["id"]
    assert service.proxy.update(params={"credentials_location": "headers"})["credentials_location"] == "headers"


def test_plans_are_created_and_made_default(service, plan):
    assert [entry["name"] for entry in service.app_plans.list()] == ["Gold"]
    assert plan.set_default()["default"] is True


def test_accounts_are_found_and_listed(client, account):
    assert client.accounts.find({"username": "conformance"})["id"] == account["id"]
    assert any(entry["id"] == account["id"] for entry in client.accounts.list())


def test_users_are_created_and_listed(account):
    user = account.users.create(params={"username": "second", "email": "second@example.com", "password": "long enough, surely"})
    assert user["role"] == "member"
    assert {entry["username"] for entry in account.users.list()} == {"conformance", "second"}


def test_applications_live_through_their_states(account, plan):
    application = account.applications.create(params={"name": "app", "description": "d", "plan_id": plan["id"]})
    assert application["state"] == "live" and application["user_key"]
    assert account.applications.read(application["id"])["id"] == application["id"]
    assert application.update(params={"name": "renamed"})["name"] == "renamed"
    account.applications.suspend(application["id"])
    assert account.applications.read(application["id"])["state"] == "suspended"
    account.applications.resume(application["id"])
    assert account.applications.read(application["id"])["state"] == "live"
    application.delete()
    assert not account.applications.exists(application["id"])


def test_plans_are_changed_and_customised(account, service, plan):
    other = service.app_plans.create(params={"name": "Platinum"})
    application = account.applications.create(params={"name": "plans", "description": "d", "plan_id": plan["id"]})
    account.applications.change_plan(application["id"], other["id"])
    assert account.applications.read(application["id"])["plan_id"] == other["id"]
    account.applications.customize_plan(application["id"])
    custom = account.applications.read(application["id"])["plan_id"]
    assert service.app_plans.read(custom)["custom"] is True
    account.applications.decustomize_plan(application["id"])
    assert account.applications.read(application["id"])["plan_id"] == other["id"]


def test_accounts_change_state(client, account):
    assert client.accounts.pending(account["id"])["state"] == "pending"
    assert client.accounts.approve(account["id"])["state"] == "approved"


def test_keys_are_created_listed_and_deleted(client, account):
    service = client.services.create(params={"name": "Two keys", "backend_version": "2"})
    plan = service.app_plans.create(params={"name": "Silver"})
    application = account.applications.create(params={"name": "keys", "description": "d", "plan_id": plan["id"]})
    assert len(application.keys.list()) == 1
    application.keys.create(params={"key": "a-key-of-mine"})
    assert "a-key-of-mine" in [entry["value"] for entry in application.keys.list()]
    application.keys.delete("a-key-of-mine")
    assert "a-key-of-mine" not in [entry["value"] for entry in application.keys.list()]


def test_a_bad_token_is_refused(sandbox):
    with pytest.raises(errors.ApiClientError) as refused:
        ThreeScaleClient(sandbox.threescale, "nonsense", ssl_verify=False).services.list()
    assert refused.value.code == 403
