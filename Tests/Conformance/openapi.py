"""Holds every answer of the helper against its OpenAPI document, failures included.

`watch` gets the URL of each helper that is started; from then on each answer that `requests` gets from it must be one that
the document allows: a status of the operation, with the media type, header fields and body promised for it.
"""

import copy
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import requests
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DOCUMENT = json.loads((Path(__file__).resolve().parents[2] / "api" / "openapi.json").read_text(encoding="utf-8"))
URI = "urn:mlaas:openapi"


class Mismatch(AssertionError):
    """An answer that the document does not allow."""


def closed(document):
    """The document with each schema closed: a member that it does not name is an error in a test, not to a client."""
    document = copy.deepcopy(document)
    for schema in document["components"]["schemas"].values():
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return document


class Checker:
    def __init__(self, document):
        self.document = document
        resource = Resource.from_contents(closed(document), default_specification=DRAFT202012)
        self.registry = Registry().with_resource(URI, resource)
        self.paths = [
            (re.compile(re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(template)) + "$"), template)
            for template in sorted(document["paths"], key=lambda template: template.count("{"))]

    def resolve(self, node):
        while "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def operation(self, method, path):
        """The operation's template and description; None where the document has none."""
        for pattern, template in self.paths:
            if pattern.match(path):
                return self.document["paths"][template].get("get" if method == "HEAD" else method.lower())
        return None

    def check(self, method, path, status, headers, body):
        """Raises `Mismatch` with what is wrong."""
        operation = self.operation(method, path)
        if method == "OPTIONS":
            if status == 204 and "allow" in headers and not body:
                return
            operation = None
        responses = operation["responses"] if operation else {"default": {"$ref": "#/components/responses/Refused"}}
        response = responses.get(str(status)) or responses.get("default")
        where = f"{method} {path} -> {status}"
        if response is None or (operation is None and status < 400):
            raise Mismatch(f"{where}: not in the document")
        response = self.resolve(response)
        self.fields(where, response, headers)
        self.body(where, response, headers, body, isHead=method == "HEAD")
        # The codes of a status stand beside the schema, which clients are generated from and which therefore has them all.
        codes = response.get("x-error-codes")
        if codes and body and json.loads(body)["error"]["code"] not in codes:
            raise Mismatch(f"{where}: the code is none of {codes}")

    def fields(self, where, response, headers):
        for name, field in response.get("headers", {}).items():
            field = self.resolve(field)
            value = headers.get(name)
            if value is None:
                if field.get("required"):
                    raise Mismatch(f"{where}: no field {name}")
                continue
            typed = int(value) if field["schema"].get("type") == "integer" and value.isdigit() else value
            self.validate(where + f", field {name}", field["schema"], typed)

    def body(self, where, response, headers, body, isHead):
        content = response.get("content")
        if content is None or isHead:
            if body:
                raise Mismatch(f"{where}: a body where none is promised")
            return
        kind = headers.get("Content-Type", "").split(";")[0].strip()
        if kind not in content:
            raise Mismatch(f"{where}: media type {kind!r} is none of {sorted(content)}")
        value = json.loads(body) if kind == "application/json" else body.decode("utf-8")
        self.validate(where, content[kind]["schema"], value)

    def validate(self, where, schema, value):
        # Inline schemas are read in the document's place, so that their references lead there.
        text = json.dumps(schema).replace('"$ref": "#/', f'"$ref": "{URI}#/')
        validator = jsonschema.Draft202012Validator(json.loads(text), registry=self.registry)
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        if error is not None:
            raise Mismatch(f"{where}: {error.json_path}: {error.message[:300]}")


CHECKER = Checker(DOCUMENT)
_watched = set()
_request = requests.sessions.Session.send
_close_session = requests.sessions.Session.close
#: How many answers have been held against the document so far.
checked = 0


def watch(url):
    _watched.add(urlsplit(url).netloc)


def forget(port):
    """A port that is free again may belong to another server next."""
    _watched.discard(f"127.0.0.1:{port}")


def _send(session, request, **options):
    global checked
    answer = _request(session, request, **options)
    parts = urlsplit(answer.url)
    if parts.netloc in _watched and not options.get("stream"):
        CHECKER.check(request.method, parts.path, answer.status_code, answer.headers, answer.content)
        checked += 1
    return answer


def _close(session):
    """Closes the connections, too: urllib3 keeps a pool's as long as a test keeps an answer, and a server that ends waits for them."""
    for adapter in session.adapters.values():
        pools = adapter.poolmanager.pools
        for key in pools.keys():
            pools[key].close()
    _close_session(session)


def install():
    requests.sessions.Session.close = _close
    requests.sessions.Session.send = _send
