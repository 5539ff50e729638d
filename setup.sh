#!/usr/bin/env bash
# Installs what building, running and testing need: Debian packages, and for tests pinned PyPI packages
# in a virtual environment for each list of scripts/requirements, under .tools/.
#
# Usage: setup.sh [run|test|ci]
#   run   what `make run` needs (the default); on a terminal it also offers to write .env
#   test  that, and what the tests need
#   ci    that, and the linters
#
# Says what it does and is quick when nothing is missing. Without root it says what to install and goes on; the names
# are kept in .tools/missing, so that tests can be skipped by name. With CI=true that is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

profile=${1:-run}
case $profile in
run | test | ci) ;;
-h | --help)
    sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
*)
    echo "setup.sh: unknown profile '$profile'; one of run, test, ci" >&2
    exit 64
    ;;
esac

say() { echo "setup: $*" >&2; }

mkdir -p .tools
: >.tools/missing

check_swift() {
    local version major minor
    if ! command -v swift >/dev/null; then
        say "Swift is missing. Install Swift 6.3 or newer from swift.org/install and put its usr/bin on PATH."
        exit 69
    fi
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    major=${version%%.*}
    minor=${version#*.}
    if [ -z "$version" ] || [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 3 ]; }; then
        say "Swift ${version:-of unknown version} is too old: 6.3 or newer is needed (swift.org/install)."
        exit 69
    fi
}

# One line a purpose, so that a package can be added or dropped with it.
packages=(
    libuv1-dev libcurl4-openssl-dev libssl-dev libhiredis-dev libcmark-dev libexpat1-dev pkg-config # what the product links
    ca-certificates curl procps                           # what the scripts call
)
if [ "$profile" != run ]; then
    packages+=(
        python3 python3-venv openssl # conformance tests
        redis-server    # shared state
        jq prometheus   # commands of the runbooks, alerts, and a real scrape
        wrk             # load
    )
fi
if [ "$profile" = ci ]; then
    packages+=(
        shellcheck              # lint
        testssl.sh              # scan of HTTPS
        tinyproxy               # outgoing requests through a proxy
        nginx-light libmicrohttpd-dev # figures
        valgrind                # instructions of a request
        buildah podman runc netavark catatonit skopeo mmdebstrap haproxy # the image, and a router before it
        nodejs                  # a second reader of HTTP
        openjdk-17-jre-headless # a real Keycloak, and a generator of clients
        golang-go node-typescript # generated clients
        glewlwyd sqlite3        # another identity provider
        liblemonldap-ng-portal-perl # and another, with what it loads but does not depend on
        libgd-securityimage-perl libimage-magick-perl libio-string-perl libcrypt-openssl-bignum-perl
        libconvert-pem-perl libstring-random-perl
        chromium fonts-dejavu-core # /docs in a browser
    )
fi

install_packages() {
    local missing=() package
    for package in "${packages[@]}"; do
        if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" != installed ]; then
            missing+=("$package")
        fi
    done
    # A Java that is there already serves as well as Debian's. The Python is Debian's, whatever stands before it in
    # PATH: the pins of scripts/requirements are for that version.
    if command -v java >/dev/null; then missing=("${missing[@]/openjdk-17-jre-headless/}"); fi
    read -r -a missing <<<"${missing[*]:-}"
    if [ "${#missing[@]}" -eq 0 ]; then return; fi
    if [ "$(id -u)" -eq 0 ]; then
        say "installing Debian packages: ${missing[*]}"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    else
        say "not root: please run: apt-get install --no-install-recommends ${missing[*]}"
        printf '%s\n' "${missing[@]}" >>.tools/missing
        if [ "${CI:-}" = true ]; then exit 1; fi
    fi
}

# Debian's own where it is there.
python=/usr/bin/python3
find_python() { if [ ! -x "$python" ]; then python=$(command -v python3 || echo python3); fi; }

# install_venv LIST: the pinned, hashed packages of scripts/requirements/PROFILE/NAME.txt into .tools/NAME.
install_venv() {
    local requirements=$1 name venv stamp
    name=$(basename "$requirements" .txt)
    venv=.tools/$name
    stamp="$(sha256sum "$requirements" | cut -d' ' -f1) $("$python" -V 2>&1)"
    if [ "$(cat "$venv/stamp" 2>/dev/null || true)" = "$stamp" ]; then return; fi
    say "installing pinned PyPI packages into $venv"
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" 2>/dev/null; then
        rm -rf "$venv"
        if [ "$(id -u)" -eq 0 ]; then
            say "installing Debian package: python3-venv"
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
            "$python" -m venv "$venv"
        else
            say "not root: please run: apt-get install python3-venv"
            echo python3-venv >>.tools/missing
            if [ "${CI:-}" = true ]; then exit 1; fi
            return
        fi
    fi
    "$venv/bin/pip" install -q --disable-pip-version-check --require-hashes -r "$requirements"
    echo "$stamp" >"$venv/stamp"
}

install_python() {
    local requirements
    find_python
    for requirements in scripts/requirements/test/*.txt; do install_venv "$requirements"; done
    if [ "$profile" != ci ]; then return; fi
    for requirements in scripts/requirements/ci/*.txt; do
        if [ -e "$requirements" ]; then install_venv "$requirements"; fi
    done
}

offer_env() {
    if [ ! -t 0 ] || [ ! -t 2 ] || [ -n "${MLAAS_SETUP_QUIET:-}" ] || [ -e .env ]; then return; fi
    local answer
    read -r -p "Write .env from config.env.example for real systems? [y/N] " answer
    case $answer in
    [yY]*)
        (umask 077 && cp config.env.example .env)
        say "wrote .env (mode 600): fill in the required values, then: make run ENV=.env"
        ;;
    esac
}

# What `/docs` shows; without it the page is a plain list of the routes, which is no reason to stop.
fetch_docs() {
    if ! scripts/fetch-docs.sh .tools/docs 2>.tools/docs.log; then
        say "Swagger UI could not be fetched, so /docs will be a plain list of the routes (see .tools/docs.log)"
        if [ "${CI:-}" = true ]; then exit 1; fi
    fi
}

check_swift
install_packages
if [ "$profile" != run ]; then install_python; fi
fetch_docs
if [ "$profile" = run ]; then offer_env; fi
