#!/usr/bin/env python3
"""Turns a values file of the original Flask service's chart into one of this chart.

    migrate-values.py OLD.yaml [--release NAME] >my-values.yaml

Writes the new values to standard output and what a person has to look at to standard error. Secrets are taken over only
where the old file held them. Needs PyYAML (Debian: python3-yaml). The table is in docs/upgrade.md.
"""

import argparse
import json
import sys

import yaml

OWN = {"KEYCLOAK_URL": ("keycloak", "url"), "KEYCLOAK_REALM": ("keycloak", "realm"),
       "KEYCLOAK_CLIENT_ID": ("keycloak", "clientId"), "THREESCALE_ADMIN_API_URL": ("threescale", "adminApiUrl")}
# Variables of Flask and of Python, and what the chart sets itself.
DROPPED = {"FLASK_ENV", "FLASK_APP", "FLASK_DEBUG", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "SERVER_HOST"}
SAME = ("replicaCount", "imagePullSecrets", "nameOverride", "podAnnotations", "nodeSelector", "tolerations", "affinity",
        "serviceAccount")
IGNORED = {"name", "probes", "startupProbe", "persistence", "pip", "validation", "podSecurityContext", "securityContext"}
SECRETS = ("THREESCALE_ADMIN_API_KEY", "KEYCLOAK_CLIENT_SECRET")
# The members of each group that are taken over; others are named in a note.
MEMBERS = {
    "image": {"repository", "tag", "pullPolicy"}, "service": {"type", "port", "targetPort"},
    "configMap": {"enabled", "data"}, "route": {"enabled", "host", "path", "tls", "annotations"},
    "ingress": {"enabled", "className", "hosts", "tls", "annotations"},
    "autoscaling": {"enabled", "minReplicas", "maxReplicas", "targetCPUUtilizationPercentage"}}


def variables_of(values, notes):
    """A map of variables, also where they are written as Kubernetes has them: a list of names and values."""
    if isinstance(values, dict):
        return values
    for each in values or []:
        if "value" not in each:
            notes.append(f"env: {each.get('name')} has no plain value; give it by extraEnv or the Secret")
    return {each["name"]: each["value"] for each in values or [] if "value" in each}


def path_of(ingress_host):
    """The first path of a host of an Ingress, which older charts write as a text."""
    path = (ingress_host.get("paths") or [{}])[0]
    return path if isinstance(path, str) else path.get("path", "/")


def migrate(old, release="mlaas-helper"):
    """The new values, and notes for a person."""
    old, new, notes = dict(old), {}, []
    for name in SAME:
        if old.get(name):
            new[name] = old[name]
    image = old.get("image") or {}
    new["image"] = {name: image[name] for name in ("repository", "tag", "pullPolicy") if image.get(name)}
    notes.append("image: repository and tag name the original's image; name the helper's")
    # The original's names always began with the release's; this chart leaves out what would stand there twice.
    new["fullnameOverride"] = (old.get("fullnameOverride") or f"{release}-{old.get('nameOverride') or 'mlaas-helper'}")[:50]
    service = old.get("service") or {}
    # The original's Service listened on 5000, and others in the cluster may call it there.
    new["service"] = {"type": service.get("type", "ClusterIP"), "port": service.get("port", 5000)}
    target = str(service.get("targetPort", 5000))
    # A name of the original's port means 5000 as well.
    new["containerPort"] = int(target) if target.isdigit() else 5000
    variables = {**variables_of(old.get("env"), notes), **((old.get("configMap") or {}).get("data") or {})}
    config = {}
    for name, value in variables.items():
        # To the program an empty value is none.
        if value in ("", None):
            continue
        if name in SECRETS:
            notes.append(f"{name}: is a secret; put it into the Secret")
        elif name in OWN:
            group, member = OWN[name]
            new.setdefault(group, {})[member] = value
        elif name == "FLASK_ENV" and value == "development":
            config["MLAAS_ENV"] = "development"
        elif name == "SERVER_PORT":
            new["containerPort"] = int(value)
        elif name == "LOG_FORMAT" and "%(" in str(value):
            notes.append("LOG_FORMAT: a format of Python's logging; logs are JSON now")
        elif name not in DROPPED:
            config[name] = value
    if config:
        new["config"] = config
    secrets = {name: value for name, value in (old.get("secrets") or {}).items() if name in SECRETS}
    if secrets:
        new["secret"] = {"data": secrets}
        notes.append("secret.data: holds secrets; better make a Secret and name it in secret.existingSecret")
    else:
        new["secret"] = {"existingSecret": old.get("mlaas-helper-secret") or "mlaas-helper-secret"}
    route = old.get("route") or {}
    tls = route.get("tls") or {}
    new["route"] = {
        "enabled": bool(route.get("enabled", True)), "host": route.get("host", ""), "path": route.get("path", ""),
        "termination": tls.get("termination", "edge"),
        "insecureEdgeTerminationPolicy": tls.get("insecureEdgeTerminationPolicy", "Redirect"),
        "annotations": route.get("annotations") or {}}
    ingress = old.get("ingress") or {}
    if ingress.get("enabled"):
        hosts = ingress.get("hosts") or [{}]
        new["ingress"] = {
            "enabled": True, "className": ingress.get("className", ""), "host": hosts[0].get("host", ""),
            "path": path_of(hosts[0]), "annotations": ingress.get("annotations") or {},
            "tlsSecretName": ((ingress.get("tls") or [{}])[0]).get("secretName", "")}
        if len(hosts) > 1 or len(hosts[0].get("paths") or []) > 1:
            notes.append("ingress.hosts: only the first host and path are taken over")
    if old.get("resources"):
        new["resources"] = old["resources"]
        if ((old["resources"].get("limits")) or {}).get("cpu"):
            notes.append("resources.limits.cpu: throttling shows as latency; leave it out")
    scaling = old.get("autoscaling") or {}
    if scaling.get("enabled"):
        new["autoscaling"] = {name: scaling[name] for name in (
            "enabled", "minReplicas", "maxReplicas", "targetCPUUtilizationPercentage") if name in scaling}
    if old.get("labels"):
        new["podLabels"] = old["labels"]
    if old.get("annotations"):
        new["deploymentAnnotations"] = old["annotations"]
    for name in ("podSecurityContext", "securityContext", "probes", "startupProbe"):
        if name in old:
            notes.append(f"{name}: not taken over; the chart's own is stricter or knows the helper's routes")
    known = {*SAME, *IGNORED, "image", "fullnameOverride", "service", "env", "configMap", "secrets", "mlaas-helper-secret",
             "route", "ingress", "resources", "autoscaling", "labels", "annotations"}
    notes += [f"{name}: not known, not taken over" for name in old if name not in known]
    notes += [f"{group}.{name}: not taken over" for group, members in MEMBERS.items() if isinstance(old.get(group), dict)
              for name in old[group] if name not in members]
    notes.append("the selector of the Deployment cannot be changed: kubectl delete deployment "
                 f"{new['fullnameOverride']} --cascade=orphan before helm upgrade, and delete the old ReplicaSet after it")
    return new, notes


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("values", help="a values file of the original chart")
    parser.add_argument("--release", default="mlaas-helper", help="the name of the Helm release")
    arguments = parser.parse_args()
    with open(arguments.values, encoding="utf-8-sig") as file:
        old = yaml.safe_load(file) or {}
    if not isinstance(old, dict):
        sys.exit("migrate-values: the file holds no map of values")
    new, notes = migrate(old, arguments.release)
    # JSON is YAML, and keeps every text a text.
    yaml.safe_dump(json.loads(json.dumps(new)), sys.stdout, sort_keys=False, allow_unicode=True)
    for note in notes:
        print(f"migrate-values: {note}", file=sys.stderr)


if __name__ == "__main__":
    main()
