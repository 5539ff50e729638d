"""The document and what is made from it: true of the answers, of the routes, and good for other people's tools."""

import json
import os
import re
import socket
import subprocess
import sys
from urllib.parse import quote

import pytest
import requests

import openapi
from conftest import ROOT, Helper, stop

OPERATIONS = [
    (method.upper(), path) for path, item in openapi.DOCUMENT["paths"].items() for method in item
    if method in ("get", "post", "put", "patch", "delete")]


def test_what_is_made_from_the_document_is_up_to_date():
    subprocess.run([sys.executable, ROOT / "scripts" / "openapi.py", "check"], check=True)


def test_the_document_is_served_as_it_is_checked_in(helper):
    answer = helper.get("/api/openapi.json")
    assert answer.json() == openapi.DOCUMENT
    assert answer.headers["Content-Type"] == "application/json" and answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/api/openapi.json", "/docs", "/docs/docs.css", "/docs/icon.svg"])
def test_a_current_copy_costs_no_body(helper, path):
    first = helper.get(path)
    tag = first.headers["ETag"]
    for given in (tag, f'"x", W/{tag}', "*"):
        again = requests.get(helper.url + path, headers={"If-None-Match": given}, timeout=10)
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    for given in ('"x"', tag.strip('"'), ""):
        answer = requests.get(helper.url + path, headers={"If-None-Match": given}, timeout=10)
        assert answer.status_code == 200 and answer.content == first.content


@pytest.mark.parametrize("path", ["/api/openapi.json", "/docs", "/docs/docs.css"])
def test_a_version_that_is_not_the_required_one_is_not_sent(helper, path):
    tag = helper.get(path).headers["ETag"]
    for given, status in ((tag, 200), (f'"x", {tag}', 200), ("*", 200), ('"x"', 412), (f"W/{tag}", 412), ("", 412)):
        answer = requests.get(helper.url + path, headers={"If-Match": given}, timeout=10)
        assert answer.status_code == status, given
        if status == 412:
            assert answer.json()["error"]["code"] == "PRECONDITION_FAILED" and answer.headers["ETag"] == tag
    # If-Match is evaluated before If-None-Match (RFC 9110 section 13.2.2).
    both = {"If-Match": '"x"', "If-None-Match": tag}
    assert requests.get(helper.url + path, headers=both, timeout=10).status_code == 412


@pytest.mark.parametrize("path", sorted({path for _, path in OPERATIONS}))
def test_a_path_allows_the_methods_that_are_documented(helper, path):
    concrete = re.sub(r"\{[^}]+\}", "1", path)
    allowed = requests.options(helper.url + concrete, timeout=10).headers["Allow"].split(", ")
    documented = {method for method, other in OPERATIONS if other == path}
    assert set(allowed) == documented | {"OPTIONS"} | ({"HEAD"} if "GET" in documented else set())


@pytest.mark.parametrize("method, path", OPERATIONS)
def test_a_token_is_needed_where_the_document_says_so(helper, method, path):
    operation = openapi.DOCUMENT["paths"][path][method.lower()]
    answer = requests.request(method, helper.url + re.sub(r"\{[^}]+\}", "1", path), timeout=10)
    assert (answer.status_code == 401) == (operation.get("security") != [])


@pytest.mark.parametrize("change", [
    lambda answer: answer.update(status=201), lambda answer: answer.update(body={"status": "success"}),
    lambda answer: answer["body"]["data"].update(more=1), lambda answer: answer["headers"].pop("X-Request-ID"),
    lambda answer: answer["headers"].update({"Content-Type": "text/plain"}),
    lambda answer: answer["body"]["data"]["services"][0].update(id=7),
    lambda answer: answer["body"]["data"]["services"][0].pop("has_api_key"),
    lambda answer: answer["body"]["data"]["services"][0].update(description=None),
])
def test_the_checker_sees_what_is_wrong(change):
    body = openapi.DOCUMENT["paths"]["/api/services"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    answer = {"status": 200, "headers": requests.structures.CaseInsensitiveDict(
        {"Content-Type": "application/json", "X-Request-ID": "a"}), "body": json.loads(json.dumps(body))}

    def check():
        openapi.CHECKER.check(
            "GET", "/api/services", answer["status"], answer["headers"], json.dumps(answer["body"]).encode())
    check()
    change(answer)
    with pytest.raises(openapi.Mismatch):
        check()


def test_the_checker_sees_a_code_under_the_wrong_status():
    body = {"status": "error", "error": {"code": "FORBIDDEN", "message": "No.", "request_id": "a"}}
    headers = {"Content-Type": "application/json", "X-Request-ID": "a", "WWW-Authenticate": "Bearer x"}
    openapi.CHECKER.check("GET", "/api/services", 403, headers, json.dumps(body).encode())
    with pytest.raises(openapi.Mismatch):
        openapi.CHECKER.check("GET", "/api/services", 401, headers, json.dumps(body).encode())


# The page


def test_without_swagger_ui_the_page_lists_every_route(helper):
    page = helper.get("/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Content-Security-Policy"] == "default-src 'self'"
    for method, path in OPERATIONS:
        assert f"<td>{method}</td><td><code>{path}</code></td>" in page.text
    for name in re.findall(r'(?:href|src)="([^"]+)"', page.text):
        assert helper.get("/" + name).status_code == 200


def test_only_known_files_leave_the_folder(sandbox, tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        (tmp_path / "docs" / name).write_text(f"/* {name} */", encoding="utf-8")
    (tmp_path / "docs" / "secret.txt").write_text("s3cret", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("s3cret", encoding="utf-8")
    helper = Helper(sandbox.keycloak, sandbox.threescale, MLAAS_DOCS_DIR=str(tmp_path / "docs"))
    try:
        page = helper.get("/docs")
        for name in re.findall(r'(?:href|src)="([^"]+)"', page.text):
            assert helper.get("/" + name).status_code == 200
        for name, kind in (("swagger-ui.css", "text/css"), ("swagger-ui-bundle.js", "text/javascript")):
            answer = helper.get("/docs/" + name)
            assert answer.text == f"/* {name} */" and answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
        host, port = helper.url.removeprefix("http://").split(":")
        for target in ("secret.txt", "../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "%2e%2e%2fsecret.txt",
                       "..%5csecret.txt", ".", "..", "", "swagger-ui.css%00", "swagger-ui.css/", quote(str(tmp_path / "secret.txt"), safe="")):
            # By hand: clients tidy such paths up.
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(f"GET /docs/{target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
                text = connection.makefile("rb").read()
            assert text.split()[1] in (b"404", b"400") and b"s3cret" not in text, target
    finally:
        stop(helper.process)


def test_a_folder_without_the_files_is_said_in_the_log_and_hurts_nobody(sandbox, tmp_path):
    helper = Helper(sandbox.keycloak, sandbox.threescale, MLAAS_DOCS_DIR=str(tmp_path))
    assert "<table>" in helper.get("/docs").text
    assert "a file of Swagger UI cannot be read" in helper.stop()


# Postman


def test_the_postman_collection_works_against_a_running_helper(sandbox, helper, tmp_path):
    path = tmp_path / "collection.json"
    subprocess.run([sys.executable, ROOT / "scripts" / "openapi.py", "postman", path], check=True)
    collection = json.loads(path.read_text(encoding="utf-8"))
    token = sandbox.token()
    variables = {"{{base_url}}": helper.url, "{{token}}": token}
    example = helper.services(token)["granite_chat"]["id"]
    sent = set()
    for folder in collection["item"]:
        for item in folder["item"]:
            request = item["request"]
            values = {entry["key"]: entry["value"] for entry in request["url"]["variable"]}
            segments = [values[part[1:]] if part.startswith(":") else part for part in request["url"]["path"]]
            url = "/".join([variables[request["url"]["host"][0]], *segments]).replace("/services/7", f"/services/{example}")
            if "/keys/5121" in url:
                helper.init(token, example)
                url = url.replace("5121", helper.get("/api/keys", token).json()["data"]["keys"][0]["id"])
            auth = request.get("auth", collection["auth"])["type"]
            headers = {entry["key"]: entry["value"] for entry in request["header"]}
            if auth == "bearer":
                headers["Authorization"] = f"Bearer {token}"
            body = request.get("body", {}).get("raw", "").replace('"7"', f'"{example}"')
            if url.endswith("/plan"):
                body = json.dumps({"plan_id": helper.get("/api/keys", token).json()["data"]["keys"][0]["plan"]["id"]})
            answer = requests.request(request["method"], url, headers=headers, data=body or None, timeout=30)
            assert answer.status_code in (200, 201), (item["name"], answer.text)
            sent.add((request["method"], "/" + "/".join(re.sub("^:(.*)", r"{\1}", part) for part in request["url"]["path"])))
    assert sent == set(OPERATIONS)
