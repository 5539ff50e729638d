"""Runs every snippet of the portal as it is shown against the sandbox's gateway: curl, Python with `openai` and
`langchain-openai`, Node, and the variables of `.env`, for each place where a service may want its credentials."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from portal_world import ROOT, Sandbox, free_port, stop
from tenant import admin, published_plan, sign_up, threescale

PYTHON = ROOT / ".tools" / "snippets" / "bin" / "python"
KEY = "key-of-the-snippets"


def render(folder, lines):
    environment = {**os.environ, "PORTAL_GALLERY": folder, "PORTAL_SNIPPET": "\n".join(lines)}
    subprocess.run(
        ["swift", "test", "--skip-build", "--filter", "PortalGalleryFiles/snippets"], cwd=ROOT, env=environment, check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return Path(folder) / "snippets"


def commands(snippets):
    """The command that runs each snippet as it is."""
    (snippets / "javascript").rename(snippets / "javascript.mjs")
    return {
        "curl": ["bash", str(snippets / "curl")], "python": [str(PYTHON), str(snippets / "python")],
        "langchain": [str(PYTHON), str(snippets / "langchain")],
        "javascript": ["node", str(snippets / "javascript.mjs")],
        "env": ["bash", "-c", f". {snippets / 'env'} && printf '%s\\n' \"$OPENAI_BASE_URL\" \"$OPENAI_API_KEY\""],
    }


def run(service, access, expected, secret, problems):
    with tempfile.TemporaryDirectory() as folder:
        snippets = render(folder, access)
        for language, command in commands(snippets).items():
            if language == "langchain" and not access[6]:
                continue
            # Nothing of the surroundings may lead elsewhere.
            environment = {"PATH": os.environ["PATH"], "HOME": folder, "NO_PROXY": "*"}
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, cwd=folder)
            wanted = [access[0] + "/v1", secret] if language == "env" else [expected]
            if done.returncode != 0 or not all(word in done.stdout for word in wanted):
                code = (snippets / command[-1].split("/")[-1]).read_text() if language != "env" else command[-1]
                problems.append(f"{service}: {language}: status {done.returncode}: {done.stdout}{done.stderr[-600:]}\n{code}")


@pytest.mark.skipif(
    os.environ.get("CI") != "true" and not (PYTHON.exists() and shutil.which("node")),
    reason="needs .tools/snippets and Node, as ./setup.sh ci installs them")
def test_every_snippet_runs_as_it_is_shown():
    port, problems = free_port(), []
    sandbox = Sandbox("--gateway-port", str(port), "--gateway-endpoints")
    try:
        account = sign_up(sandbox, "snippets.user")
        listed = threescale(sandbox, "GET", "services")["services"]
        services = {entry["service"]["system_name"]: entry["service"]["id"] for entry in listed}
        for system_name, method, credentials in [
            ("granite_chat", "api_key", {"user_key": KEY}),
            ("speech_to_text", "api_key", {"user_key": KEY}),
            ("code_assist", "api_key", {"user_key": KEY}),
            ("embeddings", "app_id_and_key", {"application_id": "app-id-1", "application_key": "app-key-1"}),
            ("vision", "oidc", {"application_id": "mlaas-client"}),
        ]:
            service = services[system_name]
            plan = published_plan(sandbox, service)
            made = threescale(
                sandbox, "POST", f"accounts/{account}/applications", name="Snippets", plan_id=plan, **credentials)["application"]
            if made["state"] == "pending":
                threescale(sandbox, "PUT", f"accounts/{account}/applications/{made['id']}/accept")
            admin(sandbox, "PUT", f"/services/{service}", mapping_rules=[
                {"method": "GET", "pattern": "/v1/models"}, {"method": "POST", "pattern": "/v1/"}])
            proxy = threescale(sandbox, "GET", f"services/{service}/proxy")["proxy"]
            secret = {"api_key": KEY, "app_id_and_key": "app-key-1", "oidc": "mlaas-client-secret"}[method]
            public = {"api_key": "", "app_id_and_key": "app-id-1", "oidc": "mlaas-client"}[method]
            parameter = proxy["auth_app_key"] if method == "app_id_and_key" else proxy["auth_user_key"]
            token = f"{sandbox.keycloak}/realms/mlaas/protocol/openid-connect/token" if method == "oidc" else ""
            for model, expected in [("", system_name), (system_name, "1" if "embed" in system_name else "Hello")]:
                run(f"{system_name} {model or 'without a model'}", [
                    proxy["endpoint"], method, proxy["credentials_location"], parameter, proxy["auth_app_id"], token, model,
                    public, secret], expected, secret, problems)
    finally:
        stop(sandbox.process)
    assert problems == []
