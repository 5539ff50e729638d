"""Sends the recorded requests to a real 3scale to another server again, and tells what differs."""

import base64
import datetime
import json
import re
import socket
import urllib.parse
from pathlib import Path
from xml.etree import ElementTree

HOST = "acme-admin.example.com"
TOKENS = {
    "rw": "rw-token-of-an-admin-user", "ro": "ro-token-of-an-admin-user", "expired": "expired-token",
    "stats": "token-only-for-statistics", "account_only": "token-only-for-accounts", "member": "token-of-a-member",
    "bare_member": "token-of-a-bare-member", "no_service_member": "token-of-a-member-of-no-service",
    "other": "token-of-another-tenant",
}
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(Z| UTC| \+0000|[+-]\d\d:\d\d)?")
HEX = re.compile(r"[0-9a-f]{8,}|\d{17}")
# Members whose values 3scale makes at random.
SECRETS = {
    "user_key", "provider_verification_key", "application_id", "client_id", "client_secret", "value", "key", "secret_token",
    "backend_authentication_value", "system_name",
}
# Tables of 3scale by the names under which their ids appear.
TABLES = {
    "application_plan": "plan", "service_plan": "plan", "account_plan": "plan", "method": "metric", "parent": "metric",
    "user_account": "account", "buyer": "account", "owner": "metric",
}
LINKED = re.compile(
    r"/(accounts|applications|services|application_plans|service_plans|account_plans|users|metrics|methods|limits"
    r"|service_subscriptions)/(\d+)")


def scenarios(folder):
    """Name and exchanges of each recording, in the order of their numbers."""
    for path in sorted(Path(folder).glob("*.json")):
        yield path.stem, json.loads(path.read_text(encoding="utf-8"))["exchanges"]


def value_at(body, path):
    for part in path.split("."):
        body = body[int(part)] if isinstance(body, list) else body[part]
    return body


class Pairs:
    """Recorded values and their counterparts: equal ones must stay equal, and different ones different."""

    def __init__(self):
        self.forward, self.back = {}, {}

    def agree(self, kind, wanted, got):
        forward = self.forward.setdefault((kind, wanted), got)
        back = self.back.setdefault((kind, got), wanted)
        return forward == got and back == wanted


class Replay:
    """Sends requests in order; keeps the values that answers bind."""

    def __init__(self, port, host=HOST):
        self.port, self.host, self.bindings, self.pairs = port, host, {}, Pairs()
        # Recorded validators and the ones that were answered instead.
        self.validators = {}

    def located(self, path):
        """A recorded path or literal id with the ids that stand for them here."""
        def exchanged(match):
            table = TABLES.get(match[1][:-1], match[1][:-1])
            return f"/{match[1]}/{self.pairs.forward.get((table, int(match[2])), match[2])}"

        return LINKED.sub(exchanged, path)

    def literal(self, value):
        if not isinstance(value, dict):
            return value
        return {
            name: self.pairs.forward.get((TABLES.get(name[:-3], name[:-3]), entry), entry)
            if name.endswith("_id") and type(entry) is int else entry
            for name, entry in value.items()}

    def bound(self, value):
        if isinstance(value, str):
            return re.sub(r"\{(\w+)\}", lambda name: str(self.bindings.get(name[1], name[0])), value)
        if isinstance(value, dict):
            return {self.bound(name): self.bound(entry) for name, entry in value.items()}
        if isinstance(value, list):
            return [self.bound(entry) for entry in value]
        return value

    def send(self, request):
        """Status, header fields and body; written by hand, since HTTP clients correct odd requests."""
        fields = {
            "Host": request.get("host", self.host), "Connection": "close", "X-Forwarded-Proto": request.get("scheme", "https"),
        }
        if "token" in request:
            fields["Authorization"] = "Basic " + base64.b64encode(f":{TOKENS[request['token']]}".encode()).decode()
        for name, value in self.bound(request.get("headers") or {}).items():
            fields[name] = self.validators.get(value, value)
        body = b""
        if "form" in request:
            form = self.bound(request["form"])
            body = (form if isinstance(form, str) else urllib.parse.urlencode(form, doseq=True)).encode()
            fields.setdefault("Content-Type", "application/x-www-form-urlencoded")
        elif "json" in request:
            body = json.dumps(self.bound(self.literal(request["json"]))).encode()
            fields.setdefault("Content-Type", "application/json")
        elif request.get("body") is not None:
            body = self.bound(request["body"]).encode()
        if body or request["method"] in ("POST", "PUT", "PATCH"):
            fields["Content-Length"] = str(len(body))
        path = urllib.parse.quote(self.bound(self.located(request["path"])), safe="/%?=&+:;,@!$'()*~-._")
        if "server" in request:
            # The recordings are of the process that takes the changes.
            fields["X-Sandbox-Process"] = "0"
            path += "?" + urllib.parse.urlencode(self.bound(request["query"]))
        head = f"{request['method']} {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields.items()) + "\r\n"
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(head.encode() + body)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:] if ": " in line)}
        return int(lines[0].split()[1]), fields, body

    def exchange(self, recorded):
        """The differences of one exchange; none when it is equal."""
        try:
            status, fields, raw = self.send(recorded["request"])
        except (OSError, ValueError, IndexError) as error:
            return [f"no answer: {error}"]
        try:
            body = json.loads(raw) if raw else ""
        except ValueError:
            body = raw.decode("utf-8", "replace")
        for name, path in (recorded.get("binds") or {}).items():
            try:
                self.bindings[name] = value_at(body, path)
            except (KeyError, IndexError, TypeError, ValueError):
                self.bindings.pop(name, None)
        wanted = recorded["response"]
        wanted_fields = {name.lower(): value for name, value in wanted["headers"]}
        for name in ("etag", "last-modified"):
            if name in wanted_fields and name in fields:
                self.validators[wanted_fields[name]] = fields[name]
        return answer_differences(
            (status, fields, body), (wanted["status"], wanted_fields, wanted["body"]), self.pairs)


def answer_differences(got, wanted, pairs):
    """What differs between two answers, each a status, header fields and a body."""
    found = []
    if got[0] != wanted[0]:
        found.append(f"status {got[0]}, not {wanted[0]}")
    for name in ("content-type", "location"):
        one, other = (answer[1].get(name) for answer in (got, wanted))
        if one != other and not (name == "location" and same_text("", one, other, pairs, is_link=True)):
            found.append(f"{name} {one}, not {other}")
    body = "" if wanted[2] is None else wanted[2]
    if isinstance(body, str) and body.startswith("(an HTML page"):
        return found
    if isinstance(body, str) and body.startswith("<") and isinstance(got[2], str) and got[2].startswith("<"):
        try:
            compare_xml("", ElementTree.fromstring(got[2]), ElementTree.fromstring(body), pairs, found)
        except ElementTree.ParseError as error:
            found.append(f"body: XML that cannot be read: {error}")
        return found
    is_create = wanted[0] == 201
    compare("", got[2], body, pairs, found, is_create)
    return found


def table_of(path):
    """The table whose id stands at a path such as `.applications.0.application.service_id`, or nil."""
    names = [part for part in path.split(".") if part and not part.isdigit()]
    if not names:
        return None
    if names[-1] == "id" and len(names) > 1:
        return TABLES.get(names[-2], names[-2].rstrip("s") if names[-2] != "status" else names[-2])
    if names[-1].endswith("_id") and names[-1] != "client_id":
        return TABLES.get(names[-1][:-3], names[-1][:-3])
    return None


def same_form_of_time(got, wanted):
    return bool(TIME.fullmatch(got)) and TIME.sub("", got) == "" and re.sub(r"\d", "0", got) == re.sub(r"\d", "0", wanted)


def same_text(path, got, wanted, pairs, is_link=False):
    """Whether two texts agree: letter by letter, but for ids, keys and times."""
    if got == wanted and not is_link:
        return True
    if not isinstance(got, str) or not isinstance(wanted, str):
        return False
    name = path.rsplit(".", 1)[-1]
    if is_link or name in ("href", "link"):
        plain = [re.sub(r"([?&]\w*id=)\d+", r"\1N", LINKED.sub(r"/\1/N", text)) for text in (got, wanted)]
        if plain[0] != plain[1]:
            return False
        ids = [LINKED.findall(text) for text in (got, wanted)]
        return all(
            pairs.agree(TABLES.get(table[:-1], table[:-1]), int(other), int(one))
            for (table, one), (_, other) in zip(*ids))
    if name in SECRETS:
        forms = [re.sub(HEX, lambda text: "h" * len(text[0]), text) for text in (got, wanted)]
        return forms[0] == forms[1] and pairs.agree("secret", wanted, got)
    ids = [re.fullmatch(r'application with id="([0-9a-f]{8})" was not found', text) for text in (got, wanted)]
    if all(ids):
        return pairs.agree("secret", ids[1][1], ids[0][1])
    if TIME.fullmatch(wanted):
        return same_form_of_time(got, wanted)
    # Texts of several lines with times in them, as tables of usage are.
    return TIME.sub("T", got) == TIME.sub("T", wanted) and TIME.search(wanted) is not None


def compare(path, got, wanted, pairs, found, is_create=False):
    """Members and their order, types and values; ids, keys and times by form, and equal where they were equal."""
    place = path or "body"
    if isinstance(wanted, dict):
        if not isinstance(got, dict):
            found.append(f"{place}: {str(got)[:80]!r}, not an object")
            return
        if list(got) != list(wanted):
            found.append(f"{place}: members {list(got)}, not {list(wanted)}")
        for name in wanted:
            if name in got:
                compare(f"{path}.{name}", got[name], wanted[name], pairs, found, is_create)
        if is_create and wanted.get("created_at") == wanted.get("updated_at") and got.get("created_at") != got.get("updated_at"):
            found.append(f"{place}: created and updated at different times")
        if {"since", "until"} <= set(wanted) and {"since", "until"} <= set(got):
            compare_period(place, got, wanted, found)
    elif isinstance(wanted, list):
        if not isinstance(got, list) or len(got) != len(wanted):
            found.append(f"{place}: {len(got) if isinstance(got, list) else str(got)[:80]} elements, not {len(wanted)}")
            return
        for index, (one, other) in enumerate(zip(got, wanted)):
            compare(f"{path}.{index}", one, other, pairs, found, is_create)
    elif type(got) is not type(wanted):
        found.append(f"{place}: {str(got)[:80]!r} ({type(got).__name__}), not {str(wanted)[:80]!r} ({type(wanted).__name__})")
    elif type(wanted) is int and table_of(path):
        if not pairs.agree(table_of(path), wanted, got):
            found.append(f"{place}: another {table_of(path)}: {got}, not {wanted}")
    elif isinstance(wanted, str):
        if not same_text(path, got, wanted, pairs):
            found.append(f"{place}: {got[:120]!r}, not {wanted[:120]!r}")
    elif got != wanted:
        found.append(f"{place}: {got!r}, not {wanted!r}")


def compare_period(place, got, wanted, found):
    """Periods that end now move with the clock; their lengths stay, within the difference between months."""
    try:
        lengths = [
            (datetime.datetime.fromisoformat(entry["until"]) - datetime.datetime.fromisoformat(entry["since"])).total_seconds()
            for entry in (got, wanted)]
    except (TypeError, ValueError):
        return
    if abs(lengths[0] - lengths[1]) > (4 * 86_400 if lengths[1] > 27 * 86_400 else 0):
        found.append(f"{place}: a period of {lengths[0]:.0f} s, not {lengths[1]:.0f} s")


def compare_xml(path, got, wanted, pairs, found):
    """As `compare`: elements and their order, attributes, texts."""
    path = f"{path}.{wanted.tag}"
    if got.tag != wanted.tag:
        found.append(f"{path}: element {got.tag}")
        return
    if list(got.attrib.items()) != list(wanted.attrib.items()):
        found.append(f"{path}: attributes {got.attrib}, not {wanted.attrib}")
    names = [[child.tag for child in element] for element in (got, wanted)]
    if names[0] != names[1]:
        found.append(f"{path}: elements {names[0]}, not {names[1]}")
        return
    texts = [(element.text or "").strip() for element in (got, wanted)]
    if texts[1].isdigit() and texts[0].isdigit() and table_of(path):
        if not pairs.agree(table_of(path), int(texts[1]), int(texts[0])):
            found.append(f"{path}: another {table_of(path)}: {texts[0]}, not {texts[1]}")
    elif not same_text(path, texts[0], texts[1], pairs):
        found.append(f"{path}: {texts[0][:120]!r}, not {texts[1][:120]!r}")
    for one, other in zip(got, wanted):
        compare_xml(path, one, other, pairs, found)
