"""Names that 3scale cannot take: each person gets an account of their own and keeps it, also under another name."""

import pytest
import requests

from conftest import ADMIN_TOKEN

EMAIL = "a.very.long.name.of.a.person@department.of.a.company.example.com"


def threescale(sandbox, path):
    answer = requests.get(f"{sandbox.threescale}/admin/api/{path}.json", auth=("", ADMIN_TOKEN), timeout=10)
    answer.raise_for_status()
    return answer.json()


def new_person(sandbox, name):
    """The name as Keycloak keeps it, and the password."""
    answer = requests.post(sandbox.admin + "/users", json={"username": name}, timeout=10)
    answer.raise_for_status()
    person = answer.json()
    return person["username"], person["password"]


def token(sandbox, name, password):
    answer = requests.post(
        f"{sandbox.keycloak}/realms/mlaas/protocol/openid-connect/token", timeout=20,
        data={"grant_type": "password", "client_id": "mlaas-client", "client_secret": "mlaas-client-secret",
              "username": name, "password": password, "scope": "openid"})
    answer.raise_for_status()
    return answer.json()["access_token"]


def rename(sandbox, name, to):
    path = requests.utils.quote(name, safe="")
    requests.put(f"{sandbox.admin}/users/{path}", json={"username": to}, timeout=10).raise_for_status()


def user_names(sandbox, account):
    return [entry["user"]["username"] for entry in threescale(sandbox, f"accounts/{account}/users")["users"]]


def key(helper, bearer, service="granite_chat"):
    answer = helper.init(bearer, helper.services(bearer)[service]["id"])
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.mark.parametrize(
    "name, other, third",
    [(EMAIL, "plain.after.mail", "vision"), ("zoë.b", "zoe.b", "vision"), ("CORP\\ada.b", "ada.b", "vision"),
     ("josé.b", "jóse.b.again", "vision")])
def test_a_person_keeps_account_and_key_under_another_name(sandbox, helper, name, other, third):
    assert len(EMAIL) == 64
    name, password = new_person(sandbox, name)
    first = key(helper, token(sandbox, name, password))
    assert first["is_new"] is True
    again = key(helper, token(sandbox, name, password))
    assert (again["is_new"], again["account_id"], again["api_key"]) == (False, first["account_id"], first["api_key"])
    assert helper.get("/api/services", token(sandbox, name, password)).json()["data"]["user"]["soeid"] == name
    assert key(helper, token(sandbox, name, password), "embeddings")["account_id"] == first["account_id"]
    assert name not in user_names(sandbox, first["account_id"])

    rename(sandbox, name, other)
    bearer = token(sandbox, other, password)
    renamed = key(helper, bearer)
    assert (renamed["is_new"], renamed["account_id"], renamed["api_key"]) == (
        False, first["account_id"], first["api_key"])
    listed = helper.services(bearer)
    assert listed["granite_chat"]["api_key"] == first["api_key"] and listed["embeddings"]["has_api_key"] is True
    assert key(helper, bearer, third)["account_id"] == first["account_id"]
    if other.isascii():
        assert user_names(sandbox, first["account_id"]) == [other]


def test_names_that_differ_only_in_accents_are_two_people(sandbox, helper):
    people = [new_person(sandbox, name) for name in ("zoë.c", "zoé.c", "zoe.c")]
    made = [key(helper, token(sandbox, *person)) for person in people]
    assert len({data["account_id"] for data in made}) == len({data["api_key"] for data in made}) == 3
    for person, data in zip(people, made):
        again = key(helper, token(sandbox, *person))
        assert (again["account_id"], again["api_key"]) == (data["account_id"], data["api_key"])
        listed = helper.services(token(sandbox, *person))
        assert listed["granite_chat"]["api_key"] == data["api_key"]


def test_who_takes_a_left_name_gets_an_account_of_their_own(sandbox, helper):
    name, password = new_person(sandbox, "zoë.d")
    first = key(helper, token(sandbox, name, password))
    rename(sandbox, name, "zoe.d")
    newcomer = key(helper, token(sandbox, *new_person(sandbox, "zoë.d")))
    kept = key(helper, token(sandbox, "zoe.d", password))
    assert kept["api_key"] == first["api_key"] and kept["account_id"] == first["account_id"]
    assert newcomer["account_id"] != first["account_id"] and newcomer["api_key"] != first["api_key"]


@pytest.mark.parametrize("name", ["日本太郎", "Ω", "😀", "___", "ß"])
def test_a_name_without_a_latin_letter_gets_an_account(sandbox, helper, name):
    person = new_person(sandbox, name)
    first = key(helper, token(sandbox, *person))
    again = key(helper, token(sandbox, *person))
    assert first["is_new"] is True
    assert (again["is_new"], again["account_id"], again["api_key"]) == (False, first["account_id"], first["api_key"])
    assert helper.get("/api/services", token(sandbox, *person)).json()["data"]["user"]["soeid"] == person[0]


@pytest.mark.parametrize("names", [
    ("plain.g", "plain.g2", "plain.g3"), ("zoë.h", "zoé.h2", "plain.h3"), ("plain.i", "zoë.i2", "plain.i3"),
    ("日本 j", "日本", "plain.j3"), ("long.k" * 8, "plain.k2", "ö.k3")])
def test_a_person_keeps_account_and_key_under_a_third_name(sandbox, helper, names):
    name, password = new_person(sandbox, names[0])
    first = key(helper, token(sandbox, name, password))
    for other in names[1:]:
        rename(sandbox, name, other)
        name = other.lower()
        renamed = key(helper, token(sandbox, name, password))
        assert (renamed["is_new"], renamed["account_id"], renamed["api_key"]) == (
            False, first["account_id"], first["api_key"])
