#!/usr/bin/env python3
"""Judges what testssl.sh and sslyze found on the helper's HTTPS port.

Usage: judge-tls.py TESTSSL.json SSLYZE.json

Prints what is worse than informational; the exit status is 1 when there is any.
"""

import json
import sys

# What is said about a certificate that signs itself, as every run makes one, and nothing about the server.
ABOUT_THE_CERTIFICATE = {
    "cert_chain_of_trust", "cert_crlDistributionPoints", "cert_ocspURL", "cert_revocation", "OCSP_stapling",
    "DNS_CAArecord", "cert_trust", "cert_extlifeSpan", "certificate_transparency", "cert_expirationStatus",
}
# WARN is what testssl.sh says of itself: that it lacks something, or that a check of its own did not get through.
HARMLESS = {"OK", "INFO", "DEBUG", "WARN"}
# Protocols and problems as sslyze names them, with the results that are good.
GOOD_VERSIONS = {"tls_1_2_cipher_suites", "tls_1_3_cipher_suites"}
BAD_VERSIONS = {"ssl_2_0_cipher_suites", "ssl_3_0_cipher_suites", "tls_1_0_cipher_suites", "tls_1_1_cipher_suites"}


def testssl(path):
    with open(path, encoding="utf-8") as file:
        findings = json.load(file)
    if len(findings) < 50:
        yield f"testssl told only {len(findings)} things: did it run to its end?"
    for finding in findings:
        name = finding["id"].split(" ")[0]
        if finding["severity"] not in HARMLESS and name not in ABOUT_THE_CERTIFICATE:
            yield f"testssl: {finding['severity']} {finding['id']}: {finding['finding']}"


def sslyze(path):
    with open(path, encoding="utf-8") as file:
        server = json.load(file)["server_scan_results"][0]
    scans = server["scan_result"]
    if scans is None:
        yield f"sslyze: {server['connectivity_status']}"
        return

    def result(name):
        if scans[name]["status"] != "COMPLETED":
            raise SystemExit(f"sslyze: {name}: {scans[name]['status']}")
        return scans[name]["result"]

    for name in sorted(BAD_VERSIONS):
        if result(name)["accepted_cipher_suites"]:
            yield f"sslyze: {name} is accepted"
    for name in sorted(GOOD_VERSIONS):
        suites = [suite["cipher_suite"]["name"] for suite in result(name)["accepted_cipher_suites"]]
        if not suites:
            yield f"sslyze: {name}: none is accepted"
        for suite in suites:
            if "CBC" in suite or "ECDHE" not in suite and name.startswith("tls_1_2"):
                yield f"sslyze: {suite} is accepted"
    for name, member in (("heartbleed", "is_vulnerable_to_heartbleed"),
                         ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection"),
                         ("tls_compression", "supports_compression"),
                         ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos"),
                         ("tls_1_3_early_data", "supports_early_data")):
        if result(name)[member]:
            yield f"sslyze: {name}: {member}"
    if result("robot")["robot_result"] != "NOT_VULNERABLE_RSA_NOT_SUPPORTED":
        yield f"sslyze: robot: {result('robot')['robot_result']}"


def main():
    problems = [*testssl(sys.argv[1]), *sslyze(sys.argv[2])]
    for problem in problems:
        print(problem)
    print(f"TLS: {len(problems)} findings worse than informational")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
