"""The sandbox's gateway in front of its models behaves as APIcast: where credentials stand, what it refuses with which text,
and how long a key works that was stopped."""

import time

import pytest
import requests

from conftest import Sandbox, free_port, stop
from tenant import admin, applications, knobs, published_plan, sign_up, threescale

FAILED = (403, "Authentication failed")
MISSING = (403, "Authentication parameters missing")
KEY = "key-of-the-gateway"


class Gateway:
    """A sandbox whose services have their public addresses at its gateway, and one account."""

    def __init__(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.sandbox = Sandbox("--gateway-port", str(port), "--gateway-endpoints")
        self.account = sign_up(self.sandbox, "gateway.user")
        listed = threescale(self.sandbox, "GET", "services")["services"]
        self.services = {entry["service"]["system_name"]: entry["service"]["id"] for entry in listed}

    def add(self, service, **form):
        """An application, and the words with which 3scale addresses it."""
        form = {"name": "From the portal", "plan_id": published_plan(self.sandbox, self.services[service]), **form}
        made = threescale(self.sandbox, "POST", f"accounts/{self.account}/applications", **form)["application"]
        return f"accounts/{self.account}/applications/{made['id']}"

    def put(self, path, **form):
        return threescale(self.sandbox, "PUT", path, **form)

    def call(self, service, method="GET", path="/v1/models", process=0, headers=None, **options):
        endpoint = threescale(self.sandbox, "GET", f"services/{self.services[service]}/proxy")["proxy"]["endpoint"]
        headers = {"X-Sandbox-Process": str(process), **(headers or {})}
        return requests.request(method, endpoint + path, headers=headers, timeout=10, **options)

    def chat(self, key=KEY, **options):
        return self.call("granite_chat", headers={"user_key": key}, **options)

    def advance(self, seconds):
        admin(self.sandbox, "PUT", "/clock", offset_seconds=seconds)


@pytest.fixture
def gateway():
    gateway = Gateway()
    yield gateway
    stop(gateway.sandbox.process)


def seen(answer):
    return answer.status_code, answer.text


def models(answer):
    assert answer.status_code == 200, answer.text
    return [model["id"] for model in answer.json()["data"]]


def test_credentials_stand_where_the_service_wants_them(gateway):
    gateway.add("granite_chat", user_key=KEY)
    gateway.add("embeddings", application_id="app-id-1", application_key="app-key-1")
    gateway.put(gateway.add("speech_to_text", user_key=KEY) + "/accept")
    gateway.add("code_assist", user_key=KEY)
    pair = {"app_id": "app-id-1", "app-key": "app-key-1"}
    assert models(gateway.chat()) == ["granite_chat"]
    # nginx takes hyphens and underscores in field names for one.
    assert models(gateway.call("granite_chat", headers={"User-Key": KEY})) == ["granite_chat"]
    assert models(gateway.call("embeddings", headers=pair)) == ["embeddings"]
    assert models(gateway.call("speech_to_text", params={"user_key": KEY})) == ["speech_to_text"]
    for basic in ((KEY, ""), ("", KEY)):
        assert models(gateway.call("code_assist", auth=basic)) == ["code_assist"]
    assert seen(gateway.call("granite_chat", params={"user_key": KEY})) == MISSING
    assert seen(gateway.call("speech_to_text", headers={"user_key": KEY})) == MISSING
    assert seen(gateway.call("code_assist", params={"user_key": KEY})) == MISSING
    assert seen(gateway.call("embeddings", headers={"app_id": "app-id-1"})) == MISSING
    assert seen(gateway.chat("no-such-key")) == FAILED
    assert seen(gateway.call("embeddings", headers={**pair, "app-key": "another"})) == FAILED


def test_a_token_names_the_application_of_its_client(gateway):
    gateway.add("vision", application_id="mlaas-client")
    token = gateway.sandbox.token()
    assert models(gateway.call("vision", headers={"Authorization": f"Bearer {token}"})) == ["vision"]
    assert seen(gateway.call("vision", headers={"Authorization": f"Bearer {token}x"})) == FAILED
    assert seen(gateway.call("vision")) == MISSING


def test_a_key_works_once_it_is_accepted(gateway):
    path = gateway.add("speech_to_text", user_key=KEY)
    assert seen(gateway.call("speech_to_text", params={"user_key": KEY})) == FAILED
    gateway.put(path + "/accept")
    assert gateway.call("speech_to_text", params={"user_key": KEY}).status_code == 200


def test_a_suspended_key_works_on_for_60_seconds_in_the_other_process(gateway):
    knobs(gateway.sandbox, gateway_caches=False)
    path = gateway.add("granite_chat", user_key=KEY)
    assert [gateway.chat(process=process).status_code for process in (0, 1)] == [200, 200]
    gateway.put(path + "/suspend")
    assert seen(gateway.chat(process=0)) == FAILED and gateway.chat(process=1).status_code == 200
    gateway.advance(55)
    assert gateway.chat(process=1).status_code == 200
    gateway.advance(61)
    assert seen(gateway.chat(process=1)) == FAILED
    gateway.put(path + "/resume")
    assert gateway.chat(process=0).status_code == 200 and seen(gateway.chat(process=1)) == FAILED
    gateway.advance(125)
    assert gateway.chat(process=1).status_code == 200


def test_a_deleted_key_works_until_the_background_job_and_60_seconds_in_the_other_process(gateway):
    knobs(gateway.sandbox, gateway_caches=False, backend_deletion_milliseconds=60_000)
    path = gateway.add("granite_chat", user_key=KEY)
    assert [gateway.chat(process=process).status_code for process in (0, 1)] == [200, 200]
    threescale(gateway.sandbox, "DELETE", path)
    assert applications(gateway.sandbox, gateway.account) == []
    assert gateway.chat(process=0).status_code == 200
    knobs(gateway.sandbox, backend_deletion_milliseconds=0)
    path = gateway.add("granite_chat", user_key="another-key")
    assert [gateway.chat("another-key", process=process).status_code for process in (0, 1)] == [200, 200]
    threescale(gateway.sandbox, "DELETE", path)
    assert seen(gateway.chat("another-key", process=0)) == FAILED
    assert gateway.chat("another-key", process=1).status_code == 200
    gateway.advance(61)
    assert seen(gateway.chat("another-key", process=1)) == FAILED


def test_a_removed_app_key_works_for_60_seconds_in_every_process(gateway):
    knobs(gateway.sandbox, gateway_caches=False)
    path = gateway.add("embeddings", application_id="app-id-1", application_key="app-key-1")
    threescale(gateway.sandbox, "POST", path + "/keys", key="app-key-2")
    pair = {"app_id": "app-id-1", "app_key": "app-key-1"}
    assert [gateway.call("embeddings", process=process, headers=pair).status_code for process in (0, 1)] == [200, 200]
    threescale(gateway.sandbox, "DELETE", path + "/keys/app-key-1")
    assert [gateway.call("embeddings", process=process, headers=pair).status_code for process in (0, 1)] == [200, 200]
    gateway.advance(61)
    assert {seen(gateway.call("embeddings", process=process, headers=pair)) for process in (0, 1)} == {FAILED}


def test_the_gateway_lets_a_stopped_key_through_once_more(gateway):
    path = gateway.add("granite_chat", user_key=KEY)
    assert gateway.chat().status_code == 200
    gateway.put(path + "/suspend")
    assert gateway.chat().status_code == 200
    assert seen(gateway.chat()) == FAILED


def test_limits_are_refused_with_the_services_own_text(gateway):
    knobs(gateway.sandbox, gateway_caches=False)
    service = gateway.services["granite_chat"]
    path = gateway.add("granite_chat", user_key=KEY)
    plan = threescale(gateway.sandbox, "POST", f"services/{service}/application_plans", name="Small")["application_plan"]["id"]
    hits = threescale(gateway.sandbox, "GET", f"services/{service}/metrics")["metrics"][0]["metric"]["id"]
    limit = f"application_plans/{plan}/metrics/{hits}/limits"
    made = threescale(gateway.sandbox, "POST", limit, period="eternity", value=3)["limit"]["id"]
    gateway.put(path + "/change_plan", plan_id=plan)
    assert [gateway.chat().status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = gateway.chat()
    assert seen(refused) == (429, "Usage limit exceeded") and "Retry-After" not in refused.headers
    gateway.put(f"services/{service}/proxy", error_status_limits_exceeded=403, error_limits_exceeded="Limits exceeded")
    assert seen(gateway.chat()) == (403, "Limits exceeded")
    # Of a limit that ends, the answer says when; of a metric that the plan disables, nothing.
    threescale(gateway.sandbox, "POST", limit, period="month", value=1)
    threescale(gateway.sandbox, "DELETE", f"{limit}/{made}")
    gateway.advance(61)
    refused = gateway.chat()
    assert seen(refused) == (403, "Limits exceeded") and 0 <= int(refused.headers["Retry-After"]) <= 31 * 86_400
    disabled = threescale(gateway.sandbox, "POST", f"services/{service}/application_plans", name="None")["application_plan"]["id"]
    threescale(gateway.sandbox, "POST", f"application_plans/{disabled}/metrics/{hits}/limits", period="eternity", value=0)
    gateway.put(path + "/change_plan", plan_id=disabled)
    gateway.advance(122)
    assert seen(gateway.chat()) == FAILED


def test_only_what_a_mapping_rule_matches_is_let_through_and_counted(gateway):
    path = gateway.add("granite_chat", user_key=KEY)
    service = gateway.services["granite_chat"]
    no_match = (404, "No Mapping Rule matched")
    assert seen(gateway.chat(method="PUT")) == no_match
    assert seen(gateway.call("granite_chat", method="POST")) == MISSING
    admin(gateway.sandbox, "PUT", f"/services/{service}", mapping_rules=[
        {"method": "GET", "pattern": "/v1/models$"}, {"method": "POST", "pattern": "/v1/{any}/completions", "delta": 5}])
    assert gateway.chat().status_code == 200
    assert seen(gateway.chat(path="/v1/models/granite")) == no_match
    assert seen(gateway.chat(path="/")) == no_match
    # The model has no such path, which is no refusal of the gateway's.
    assert gateway.chat(method="POST", path="/v1/audio/completions").json() == {"detail": "Not Found"}
    id = path.rsplit("/", 1)[1]
    usage = requests.get(
        f"{gateway.sandbox.threescale}/stats/applications/{id}/usage.json", timeout=10, auth=("", "sandbox-admin-token"),
        params={"metric_name": "hits", "period": "day"})
    assert usage.json()["total"] == 6


def test_a_host_that_no_service_has_is_an_empty_404(gateway):
    gateway.add("granite_chat", user_key=KEY)
    assert seen(requests.get(gateway.url + "/v1/models", headers={"user_key": KEY}, timeout=10)) == (404, "")
    # Any of the service's addresses may be called; in a real one it is the host alone that tells services apart.
    gateway.put(f"services/{gateway.services['granite_chat']}/proxy", endpoint="https://granite.example.com")
    answer = requests.get(
        gateway.url + "/v1/models", headers={"user_key": KEY, "Host": "granite.example.com"}, timeout=10)
    assert models(answer) == ["granite_chat"]


def test_a_service_that_was_never_promoted_has_no_gateway(gateway):
    gateway.add("granite_chat", user_key=KEY)
    admin(gateway.sandbox, "PUT", f"/services/{gateway.services['granite_chat']}", promoted=False)
    assert seen(gateway.chat()) == (404, "")


def test_faults_hit_the_gateway_alone(gateway):
    gateway.add("granite_chat", user_key=KEY)
    admin(gateway.sandbox, "POST", "/faults/gateway", kind="status", path="/granite_chat/*", status=503, body="no upstream", count=1)
    assert seen(gateway.chat()) == (503, "no upstream")
    assert gateway.chat().status_code == 200
    journal = admin(gateway.sandbox, "GET", "/journal/gateway")["journal"]
    assert [entry["status"] for entry in journal] == [503, 200]


def test_a_client_that_changes_keys_while_both_live_sees_no_refusal(gateway):
    knobs(gateway.sandbox, gateway_caches=False)
    first = gateway.add("granite_chat", user_key=KEY, plan_id=unlimited(gateway))
    statuses = []
    for turn in range(60):
        if turn == 20:
            gateway.add("granite_chat", user_key="the-next-key", plan_id=unlimited(gateway))
        if turn == 40:
            gateway.put(first + "/suspend")
        statuses.append(gateway.chat(KEY if turn < 20 else "the-next-key", process=turn % 2).status_code)
        time.sleep(0.01)
    assert set(statuses) == {200}


def unlimited(gateway):
    plans = threescale(gateway.sandbox, "GET", f"services/{gateway.services['granite_chat']}/application_plans")["plans"]
    return next(plan["application_plan"]["id"] for plan in plans if plan["application_plan"]["name"] == "Trial")


def test_a_model_answers_chats_and_texts(gateway):
    gateway.add("granite_chat", user_key=KEY)
    admin(gateway.sandbox, "PUT", f"/services/{gateway.services['granite_chat']}", mapping_rules=[
        {"method": "GET", "pattern": "/v1/"}, {"method": "POST", "pattern": "/v1/"}])
    chat = gateway.chat(method="POST", path="/v1/chat/completions", json={"model": "granite_chat", "messages": []})
    assert chat.status_code == 200
    assert chat.json()["choices"][0]["message"] == {"role": "assistant", "content": "Hello from the sandbox."}
    embedded = gateway.chat(method="POST", path="/v1/embeddings", json={"model": "granite_chat", "input": "a"})
    assert embedded.json()["data"][0]["embedding"] == [1, 0, 0]
    assert gateway.chat(path="/v1/chat/completions").status_code == 405
