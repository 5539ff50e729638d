"""The form of a secret that the helper chooses: prefix, `_`, 30 characters of base 62, and 6 that are their CRC-32."""

import re
import subprocess
import zlib

import requests

from conftest import BIN, Helper, stop
from own_sandbox import sandbox  # noqa: F401: fixtures
from tenant import admin, applications

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def is_secret(text, prefix="mlaas"):
    if not re.fullmatch(f"{prefix}_[0-9A-Za-z]{{36}}", text):
        return False
    checksum = 0
    for digit in text[-6:]:
        checksum = checksum * 62 + DIGITS.index(digit)
    return checksum == zlib.crc32(text[:-6].encode())


def by_method(helper, token):
    services = {}
    for service in helper.services(token).values():
        services.setdefault(service["authentication_method"], service["id"])
    return services


def test_secrets_of_user_keys_and_app_keys_have_the_form_and_those_of_clients_are_3scales(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale)
    try:
        token = sandbox.token()
        services = by_method(helper, token)
        answers = {method: helper.init(token, services[method]).json()["data"] for method in services}
        assert is_secret(answers["api_key"]["api_key"]) and is_secret(answers["app_id_and_key"]["api_key"])
        assert not is_secret(answers["oidc"]["api_key"])
        # What 3scale holds is what was answered, now and later.
        user_keys = [each["user_key"] for each in applications(sandbox) if "user_key" in each]
        assert user_keys == [answers["api_key"]["api_key"]]
        for method, answer in answers.items():
            again = helper.init(token, services[method]).json()["data"]
            assert again["api_key"] == answer["api_key"] and again["is_new"] is False
        listed = helper.get("/api/keys", token).json()["data"]["keys"]
        hints = {key["service"]["authentication_method"]: key["hint"] for key in listed}
        assert hints["api_key"] == answers["api_key"]["api_key"][:9] + "…" + answers["api_key"]["api_key"][-4:]
        # So have those of later generations.
        key = next(each for each in listed if each["service"]["authentication_method"] == "api_key")
        rotated = requests.post(f"{helper.url}/api/keys/{key['id']}/rotate", timeout=30,
                                headers={"Authorization": f"Bearer {token}"}).json()["data"]["api_key"]
        assert is_secret(rotated) and rotated != answers["api_key"]["api_key"]
    finally:
        stop(helper.process)


def test_a_create_whose_answer_was_lost_is_answered_with_the_secret_that_3scale_holds(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale, KEY_PREFIX="acme")
    try:
        token = sandbox.token()
        services = by_method(helper, token)
        admin(sandbox, "POST", "/faults/3scale", kind="drop_after_commit", method="POST",
              path="/admin/api/accounts/*/applications.json", count=2)
        for method in ("api_key", "app_id_and_key"):
            answer = helper.init(token, services[method])
            assert answer.status_code == 200, answer.text
            secret = answer.json()["data"]["api_key"]
            assert is_secret(secret, "acme")
            assert helper.init(token, services[method]).json()["data"]["api_key"] == secret
        assert len(applications(sandbox)) == 2
    finally:
        stop(helper.process)


def test_a_prefix_that_is_none_is_refused_by_name():
    done = subprocess.run([BIN / "mlaas-helper", "config", "check"], env={"KEY_PREFIX": "My_Keys"}, text=True,
                          capture_output=True, timeout=30, check=False)
    assert done.returncode != 0 and "KEY_PREFIX" in done.stdout + done.stderr
