#!/usr/bin/env python3
"""Generates clients from api/openapi.json with other people's generators, and uses them against a running helper.

Usage: generated.py URL TOKEN [FOLDER]

Python: openapi-python-client. Go and TypeScript: OpenAPI Generator, where Java and the language's toolchain are here; else they are
skipped by name, and in CI that fails. Every member of a success and of a failure must reach the caller typed: `message`, `details` and `request_id`
of failures, the lists of plans and limits, the RFC 9728 document.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def generate(folder):
    """Writes the client as a package `generated_client`, without a warning."""
    tool = Path(sys.executable).parent / "openapi-python-client"
    config = folder / "config.json"
    # Formatting what is thrown away takes tools that need not be there.
    config.write_text(json.dumps({"post_hooks": []}), encoding="utf-8")
    run = subprocess.run(
        [tool, "generate", "--path", ROOT / "api" / "openapi.json", "--meta", "none", "--config", config,
         "--output-path", folder / "generated_client"], capture_output=True, text=True, check=False)
    said = run.stdout + run.stderr
    assert run.returncode == 0 and "Warning" not in said and "Error" not in said, said
    names = [path.name for path in (folder / "generated_client" / "models").glob("*.py")]
    assert not [name for name in names if "inline" in name or "type_0" in name], names
    sys.path.insert(0, str(folder))


def part(path):
    return importlib.import_module(f"generated_client.{path}")


def successes(url, token):
    client = part("client").AuthenticatedClient(base_url=url, token=token)
    models = part("models")
    listed = part("api.services.list_services").sync_detailed(client=client).parsed
    assert isinstance(listed, models.ServicesAnswer) and isinstance(listed.data.services[0], models.Service)
    chat = next(service for service in listed.data.services if service.system_name == "granite_chat")
    one = part("api.services.get_service").sync_detailed(chat.id, client=client).parsed
    assert isinstance(one.data.service, models.ServiceWithPlans) and isinstance(one.data.service.plans[0], models.Plan)
    plans = part("api.services.list_plans").sync_detailed(chat.id, client=client).parsed.data.plans
    assert isinstance(plans[0], models.PlanWithLimits)
    assert all(isinstance(limit, models.PlanLimit) for plan in plans for limit in plan.limits)
    request = models.InitRequest(service_id=chat.id)
    key = part("api.services.initialize_key").sync_detailed(client=client, body=request).parsed
    assert isinstance(key, models.InitAnswer) and key.data.api_key and key.data.service.id == chat.id


def failures(url, token):
    models = part("models")
    client = part("client").AuthenticatedClient(base_url=url, token=token)
    stranger = part("client").AuthenticatedClient(base_url=url, token="nonsense")
    answer = part("api.services.list_services").sync_detailed(client=stranger)
    error(answer, 401, "INVALID_TOKEN")
    error(part("api.services.get_service").sync_detailed("999999", client=client), 404, "SERVICE_NOT_FOUND")
    body = models.InitRequest(service_id=" ")
    missing = error(part("api.services.initialize_key").sync_detailed(client=client, body=body), 400, "MISSING_SERVICE_ID")
    assert missing.details[0].field == "service_id" and missing.details[0].issue


def error(answer, status, code):
    assert answer.status_code == status, answer
    assert isinstance(answer.parsed, part("models").Failure), answer
    found = answer.parsed.error
    assert found.code == code and found.message and found.request_id == answer.headers["X-Request-ID"], found
    return found


def open_routes(url):
    models = part("models")
    client = part("client").Client(base_url=url)
    health = part("api.health.get_health").sync_detailed(client=client).parsed
    assert isinstance(health, models.HealthAnswer) and health.data.status == "healthy"
    ready = part("api.health.get_readiness").sync_detailed(client=client).parsed
    assert isinstance(ready, models.ReadinessAnswer) and ready.data.checks[0].name
    resource = next(
        module for module in (Path(part("api").__path__[0])).rglob("*.py")
        if "protected" in module.stem or "resource" in module.stem)
    metadata = part(f"api.{resource.parent.name}.{resource.stem}").sync_detailed(client=client).parsed
    assert isinstance(metadata, models.ProtectedResourceMetadata) and metadata.authorization_servers
    assert metadata.bearer_methods_supported == ["header"]


def openapi_generator(language, folder, *options):
    """Writes a client with OpenAPI Generator."""
    tool = Path(sys.executable).parent / "openapi-generator-cli"
    run = subprocess.run(
        [tool, "generate", "-i", ROOT / "api" / "openapi.json", "-g", language, "-o", folder, *options],
        capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    names = [path.name for path in folder.rglob("*") if "inline" in path.name.lower()]
    assert not names, names


def is_here(language, *programs):
    missing = [name for name in ("java", *programs) if not shutil.which(name)]
    if missing:
        print(f"skipped: a generated {language} client (needs {', '.join(missing)})")
        assert os.environ.get("CI") != "true", missing
    return not missing


def go(url, token, folder):
    if not is_here("Go", "go"):
        return
    module = folder / "go"
    # `api_key` has a method HasApiKey, which a member `has_api_key` must not be called as well.
    openapi_generator(
        "go", module, "--name-mappings", "has_api_key=OwnsApiKey", "--additional-properties",
        "packageName=generated,withGoMod=false")
    shutil.rmtree(module / "test", ignore_errors=True)
    (module / "go.mod").write_text("module example.com/generated\n\ngo 1.19\n", encoding="utf-8")
    (module / "program").mkdir()
    shutil.copy(ROOT / "Tests" / "Clients" / "client.go", module / "program" / "main.go")
    environment = {**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOCACHE": str(folder / "go-cache")}
    subprocess.run(["go", "vet", "./..."], cwd=module, env=environment, check=True)
    subprocess.run(["go", "run", "./program", url, token], cwd=module, env=environment, check=True)


def typescript(url, token, folder):
    if not is_here("TypeScript", "node", "tsc"):
        return
    program = folder / "typescript"
    openapi_generator("typescript-fetch", program / "generated")
    shutil.copy(ROOT / "Tests" / "Clients" / "client.ts", program / "client.ts")
    # Not `noImplicitAny`: the generator's checks of members want a newer compiler than Debian's for it.
    subprocess.run(
        ["tsc", "--strict", "--noImplicitAny", "false", "--target", "es2020", "--module", "commonjs", "--lib", "es2020,dom",
         "--outDir", program / "js", program / "client.ts"], check=True)
    subprocess.run(["node", program / "js" / "client.js", url, token], check=True)


def main(url, token, folder):
    generate(folder)
    successes(url, token)
    failures(url, token)
    open_routes(url)
    print("a generated Python client reads every success and every failure")
    go(url, token, folder)
    typescript(url, token, folder)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    if len(sys.argv) == 4:
        main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory() as name:
            main(sys.argv[1], sys.argv[2], Path(name))
