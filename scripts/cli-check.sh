#!/usr/bin/env bash
# Proves what scripts/cli.sh packs: a second build in another folder gives the same bytes, and the .deb installs and works in a
# root that holds Debian 12 and nothing else. Prints the size and how long the program takes from start to output.
#
# Usage: cli-check.sh
#
# Needs root and mmdebstrap. MLAAS_BIN names a folder with mlaas-helper and mlaas-sandbox (.build/debug). A Debian root is kept in
# .tools/cli. CLI_CHECK=root leaves the second build out, and CLI_BINARY names a program that is built already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ "$(id -u)" -ne 0 ]; then
    echo 'cli-check: needs root' >&2
    exit 1
fi
if [ -z "${MLAAS_CLI_UNSHARED:-}" ]; then
    # Mounts and processes end with this script.
    exec env MLAAS_CLI_UNSHARED=1 unshare --mount --pid --mount-proc --fork --kill-child "$0" "$@"
fi
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/debian-root.sh
source scripts/debian-root.sh

bin=${MLAAS_BIN:-.build/debug}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
work=$(mktemp -d)
sandbox='' helper=''
trap 'stop "$helper" "$sandbox"; umount -R "$work/root" 2>/dev/null || true; rm -rf --one-file-system "$work"' EXIT

echo "${bold}first build${plain}"
DIST=$work/first scripts/cli.sh ${CLI_BINARY:+"$CLI_BINARY"}

if [ "${CLI_CHECK:-}" != root ]; then
    echo "${bold}second build, in another folder${plain}"
    other=$work/a-folder-with-another-name
    mkdir "$other"
    copy_checkout "$other"
    DIST=$work/second "$other/scripts/cli.sh"
    for file in "$work/first"/*; do
        if ! cmp "$file" "$work/second/$(basename "$file")"; then
            echo "cli-check: two builds of the same source differ; they are kept in .run/cli-builds" >&2
            rm -rf .run/cli-builds
            mkdir .run/cli-builds
            mv "$work/first" "$work/second" .run/cli-builds/
            exit 1
        fi
    done
    rm -rf "$other"
    echo "two builds in two folders: the same bytes"
fi

echo "${bold}a bare Debian 12${plain}"
root=$work/root
mkdir "$root"
debian_root "$root" 2g .tools/cli
cp "$work"/first/*.deb "$root/mlaas.deb"

names=()
while IFS= read -r name; do names+=("$name"); done < <(env | grep -E '^([a-z]+_proxy|[A-Z]+_PROXY)=' || true)
# inside NAME=VALUE... COMMAND...: runs the command in the root, with nothing of this machine's environment.
inside() { env -i HOME=/root LANG=C.UTF-8 TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" env "$@"; }
inside "${names[@]}" DEBIAN_FRONTEND=noninteractive sh -euc '
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends /mlaas.deb >/dev/null'
if inside sh -c 'command -v swift || ls /usr/lib/swift' >/dev/null 2>&1; then
    echo 'cli-check: the root holds Swift' >&2
    exit 1
fi
inside sh -euc '
    ! ldd /usr/bin/mlaas | grep "not found"
    mlaas --version
    mlaas --help | grep -q "^Usage: mlaas"
    zcat /usr/share/man/man1/mlaas.1.gz | head -n 1 | grep -q "^.TH MLAAS"
    test -s /usr/share/bash-completion/completions/mlaas
    test -s /usr/share/zsh/vendor-completions/_mlaas
    test -s /usr/share/fish/vendor_completions.d/mlaas.fish'

keycloak_port=$(free_port 18180)
threescale_port=$(free_port 18280)
admin_port=$(free_port 18380)
port=$(free_port 15000)
keycloak=http://127.0.0.1:$keycloak_port
url=http://127.0.0.1:$port
mkdir -p .run
"$bin/mlaas-sandbox" --keycloak-port "$keycloak_port" --threescale-port "$threescale_port" --admin-port "$admin_port" \
    >.run/cli-sandbox.log 2>&1 &
sandbox=$!
wait_for "http://127.0.0.1:$admin_port/counts" 60 "$sandbox"
env -i PATH="$PATH" HOME=/ KEYCLOAK_URL="$keycloak" KEYCLOAK_REALM=mlaas KEYCLOAK_CLIENT_ID=mlaas-client \
    CLI_CLIENT_ID=mlaas-cli THREESCALE_ADMIN_API_URL="http://127.0.0.1:$threescale_port" \
    THREESCALE_ADMIN_API_KEY=sandbox-admin-token SERVER_HOST=127.0.0.1 SERVER_PORT="$port" SHUTDOWN_DRAIN_SECONDS=0 \
    "$bin/mlaas-helper" >.run/cli-helper.log 2>&1 &
helper=$!
wait_for "$url/api/health/ready" 60 "$helper"
access=(MLAAS_SERVER="$url" MLAAS_TOKEN="$(token "$keycloak" ada)")
inside "${access[@]}" mlaas services | grep -q granite_chat
key=$(inside "${access[@]}" mlaas key get granite_chat)
if [ "$(inside "${access[@]}" mlaas run granite_chat -- printenv OPENAI_API_KEY)" != "$key" ]; then
    echo 'cli-check: run does not hand over the key' >&2
    exit 1
fi
echo 'installs and works on a bare Debian 12'

echo "${bold}figures${plain}"
python3 - "$root/usr/bin/mlaas" "$work" <<'PYTHON'
import os, statistics, subprocess, sys, time
program, home = sys.argv[1:]
def milliseconds(*words):
    began = time.perf_counter()
    subprocess.run([program, *words], env={"HOME": home, "MLAAS_SERVER": "https://mlaas.example.com"}, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000
for words in (["--version"], ["--help"], ["completion", "bash"]):
    times = [milliseconds(*words) for _ in range(60)]
    print(f"start to end of `mlaas {' '.join(words)}`: {statistics.median(times):.1f} ms (median of 60), fastest {min(times):.1f} ms")
print(f"size of the program: {os.path.getsize(program) / 1e6:.1f} MB")
PYTHON
