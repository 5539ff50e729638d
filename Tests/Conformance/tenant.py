"""What a test changes and reads in the imitated 3scale behind the helper's back."""

import requests

from conftest import ADMIN_TOKEN


def threescale(sandbox, method, path, **form):
    answer = requests.request(
        method, f"{sandbox.threescale}/admin/api/{path}.json", data=form, auth=("", ADMIN_TOKEN), timeout=10)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def admin(sandbox, method, path, /, **members):
    answer = requests.request(method, sandbox.admin + path, json=members, timeout=10)
    answer.raise_for_status()
    return answer.json()


def knobs(sandbox, **members):
    admin(sandbox, "PUT", "/knobs", **members)


def accounts(sandbox):
    return [entry["account"] for entry in threescale(sandbox, "GET", "accounts")["accounts"]]


def users(sandbox, account):
    return [entry["user"] for entry in threescale(sandbox, "GET", f"accounts/{account}/users")["users"]]


def applications(sandbox, account=None):
    """Of one account, or of all."""
    path = f"accounts/{account}/applications" if account else "applications"
    return [entry["application"] for entry in threescale(sandbox, "GET", path)["applications"]]


def published_plan(sandbox, service):
    plans = threescale(sandbox, "GET", f"services/{service}/application_plans")["plans"]
    return next(plan["application_plan"]["id"] for plan in plans if plan["application_plan"]["state"] == "published")


def sign_up(sandbox, name, **form):
    """An account that another tool made."""
    form = {"org_name": name, "username": name, "password": "long enough, surely", **form}
    return threescale(sandbox, "POST", "signup", **form)["account"]["id"]


def add_application(sandbox, account, service, **form):
    """An application without an owner mark, as the portal makes it."""
    form = {"name": "From the portal", "description": "From the portal", "plan_id": published_plan(sandbox, service), **form}
    return threescale(sandbox, "POST", f"accounts/{account}/applications", **form)["application"]
