#!/usr/bin/env python3
"""Keeps what is made from api/openapi.json as it should be.

Usage: openapi.py embed          writes the Swift file by which the helper carries the document
       openapi.py check          says whether that file and the document's version are as they should be
       openapi.py postman FILE   writes a Postman collection (format 2.1) of the document's operations
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "api" / "openapi.json"
EMBEDDED = ROOT / "Sources" / "Helper" / "HelperHTTP" / "Documentation" / "OpenAPIText.swift"
VERSION = ROOT / "Sources" / "Helper" / "HelperServer" / "Version.swift"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def document():
    return json.loads(DOCUMENT.read_text(encoding="utf-8"))


def embedded(document):
    """The Swift file: the document without white space, in one raw literal."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    hashes = "#"
    while f'"{hashes}' in text or f"\\{hashes}" in text:
        hashes += "#"
    return (
        "// swift-format-ignore-file\n"
        "// Written by `make openapi` from api/openapi.json, which is the file to change.\n\n"
        "/// The OpenAPI document, carried in the binary.\n"
        f'enum OpenAPIText {{\n    static let json = {hashes}"{text}"{hashes}\n}}\n')


def check():
    problems = []
    if EMBEDDED.read_text(encoding="utf-8") != embedded(document()):
        problems.append(f"{EMBEDDED.relative_to(ROOT)} is out of date; run: make openapi")
    number = re.search(r'number = "([^"]+)"', VERSION.read_text(encoding="utf-8")).group(1)
    if document()["info"]["version"] != number:
        problems.append(f"api/openapi.json: info.version is not {number}, which is this build's")
    for problem in problems:
        print(f"openapi: {problem}", file=sys.stderr)
    return 1 if problems else 0


class Postman:
    """A collection with a folder for each tag; base URL and token are variables of it."""

    def __init__(self, document):
        self.document = document

    def resolve(self, node):
        while "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def collection(self):
        info = self.document["info"]
        folders = {tag["name"]: {"name": tag["name"], "description": tag["description"], "item": []}
                   for tag in self.document["tags"]}
        for path, item in self.document["paths"].items():
            for method in (method for method in METHODS if method in item):
                operation = item[method]
                shared = item.get("parameters", [])
                folders[operation["tags"][0]]["item"].append(self.item(path, method, operation, shared))
        return {
            "info": {
                "name": info["title"], "description": info["description"], "version": info["version"],
                "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
            "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
            "variable": [
                {"key": "base_url", "value": "http://127.0.0.1:5000", "type": "string"},
                {"key": "token", "value": "", "type": "string"}],
            "item": list(folders.values())}

    def item(self, path, method, operation, shared):
        parameters = [self.resolve(parameter) for parameter in shared + operation.get("parameters", [])]
        segments = [re.sub(r"^\{(.+)\}$", r":\1", segment) for segment in path.strip("/").split("/")]
        url = {
            "raw": "{{base_url}}/" + "/".join(segments), "host": ["{{base_url}}"], "path": segments,
            "variable": [
                {"key": parameter["name"], "value": str(parameter["example"]), "description": parameter["description"]}
                for parameter in parameters if parameter["in"] == "path"]}
        request = {"method": method.upper(), "header": [], "url": url, "description": operation["description"]}
        if operation.get("security") == []:
            request["auth"] = {"type": "noauth"}
        body = operation.get("requestBody")
        if body:
            media = self.resolve(body)["content"]["application/json"]
            value = next(iter(media["examples"].values()))["value"]
            request["header"].append({"key": "Content-Type", "value": "application/json"})
            request["body"] = {
                "mode": "raw", "raw": json.dumps(value, indent=2), "options": {"raw": {"language": "json"}}}
        return {"name": operation["summary"], "request": request, "response": []}


def main(arguments):
    match arguments:
        case ["embed"]:
            EMBEDDED.write_text(embedded(document()), encoding="utf-8")
            return 0
        case ["check"]:
            return check()
        case ["postman", path]:
            collection = Postman(document()).collection()
            Path(path).write_text(json.dumps(collection, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            return 0
    print(__doc__, file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
