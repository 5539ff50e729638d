# Two commands on a fresh machine: `make run` and `make test`. Each does its own set-up.
SHELL := /bin/bash
# A build that fails in front of a pipe fails its target.
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
# The helper's settings when it runs against real systems: make run ENV=.env
ENV ?=

.PHONY: chaos model help run test build release format lint check reference image chart smoke bench-quick clean

help: ## Lists the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

run: ## Sets up, builds, and runs the helper on the embedded sandbox (or with ENV=.env on real systems)
	@MLAAS_SETUP_QUIET=1 ./setup.sh run
	@scripts/run.sh $(if $(ENV),--env-file $(ENV))

test: ## Sets up, builds, and passes every test
	@./setup.sh test
	@scripts/test.sh

build: ## Builds for debugging
	swift build

release: ## Builds for release, with the Swift libraries in the binary
	swift build -c release --static-swift-stdlib --product mlaas-helper

format: ## Formats all Swift sources
	swift format -i --configuration .swift-format -r Sources Tests Fuzz/Sources/Fuzz Model/Sources Benchmarks Package.swift Fuzz/Package.swift

lint: ## Checks formatting, shell scripts, Python and words
	swift format lint --strict --configuration .swift-format -r Sources Tests Fuzz/Sources/Fuzz Model/Sources Benchmarks Package.swift Fuzz/Package.swift
	shellcheck setup.sh test_api.sh .ci/run scripts/*.sh scripts/image/*.sh Benchmarks/*.sh
	python3 -m py_compile scripts/*.py Tests/Conformance/*.py Tests/Operability/*.py deployment/grafana/*.py Tests/Deployment/*.py Tests/Chaos/*.py Tests/Siege/*.py Tests/Drain/*.py Tests/Browser/*.py Tests/Clients/*.py Tests/Corpus/*.py Benchmarks/*.py Benchmarks/harness/*.py Benchmarks/anchors/*.py Benchmarks/tests/*.py
	python3 scripts/check-words.py

check: ## Checks which part of the tree knows which
	python3 -m unittest -q scripts/tests/test_check_structure.py scripts/tests/test_check_words.py
	python3 scripts/check-structure.py
	python3 scripts/openapi.py check

.PHONY: openapi
openapi: ## Makes the helper carry api/openapi.json as it is now
	@python3 scripts/openapi.py embed

.PHONY: postman
postman: ## Writes mlaas-helper.postman_collection.json from the OpenAPI document
	@python3 scripts/openapi.py postman mlaas-helper.postman_collection.json
	@echo mlaas-helper.postman_collection.json

.PHONY: contract
contract: ## Holds a running helper against its OpenAPI document with other people's tools, and opens /docs in a browser
	@./setup.sh ci
	@scripts/contract.sh

reference: ## Writes the configuration reference and config.env.example from the code
	@scripts/reference.sh

image: ## Builds the container image from local base images, and checks it (root, Debian 12)
	@./setup.sh ci
	@scripts/image/build.sh
	@scripts/image/check.sh

.PHONY: browser
browser: ## Opens every page of the portal in Chromium, by keyboard alone and without JavaScript too, and runs its snippets
	@./setup.sh ci
	swift build --build-tests
	@.tools/contract/bin/pytest -q -rs Tests/Browser

.PHONY: cli
cli: ## Builds the command line mlaas, and packs it as a .deb and a tarball into dist/
	@./setup.sh test
	@scripts/cli.sh

.PHONY: cli-check
cli-check: ## Packs the command line twice in two folders: the same bytes; and runs it on a bare Debian 12 (root)
	@./setup.sh ci
	swift build
	@scripts/cli-check.sh

chart: ## Checks the Helm chart and OpenShift's files, and runs what they render with the image
	@./setup.sh ci
	@scripts/chart.sh

smoke: ## Starts the sandbox and the helper as `make run` does, and pastes the printed lines
	@./setup.sh run
	@scripts/smoke.sh

.PHONY: fresh
fresh: ## Sets up, builds and runs in a new root of Debian 12 that holds Swift and nothing else
	@scripts/fresh-root.sh

.PHONY: http-differential
http-differential: ## Compares with other HTTP parsers on the corpus; docs/http-differences.md lists what differs
	@./setup.sh ci
	@.tools/httppeers/bin/python scripts/http-differential.py

.PHONY: sanitize
sanitize: ## Runs the Swift tests under the address and the thread sanitizer, and the programs under that for leaks
	@./setup.sh test
	@scripts/sanitize.sh

.PHONY: fuzz
fuzz: ## Makes up inputs for every entry that takes bytes from outside (FUZZ_SECONDS each)
	@scripts/fuzz.sh

.PHONY: bench-tokens
bench-tokens: ## Measures how many access tokens a second one thread checks, by algorithm, and from the cache
	@swift run -c release --package-path Benchmarks --scratch-path .build-bench TokenCheck $(SECONDS_EACH)

bench-quick: ## Measures the figures of a short run
	@./setup.sh ci
	@Benchmarks/quick.sh

chaos: ## Drives real replicas through storms, an outage, and faults chosen from seeds
	swift build
	python3 -B -m unittest discover -s Tests/Chaos
	python3 Tests/Chaos/chaos.py storm --calls 300
	python3 Tests/Chaos/chaos.py outage --seconds 12
	python3 Tests/Chaos/chaos.py seeds --runs 15 --seed 1

.PHONY: soak
soak: ## A million mixed requests against the release build, and its resident memory as they go
	swift build -c release --static-swift-stdlib --scratch-path .build-static
	MLAAS_BIN=.build-static/release python3 Tests/Chaos/growth.py

.PHONY: drain
drain: ## Ends the release build under more than 50,000 requests a second, ten times, and counts what was lost
	@./setup.sh test
	@for product in mlaas-helper mlaas-sandbox; do \
		swift build -c release --static-swift-stdlib --scratch-path .build-static --product $$product | tail -n 1 || exit 1; \
	done
	@MLAAS_BIN=.build-static/release .tools/conformance/bin/python Tests/Drain/drain.py $(if $(CI),--rate-min 0)

model: ## Explores every way in which calls of provisioning can go on, whole and with each rule taken away
	swift build -c release --static-swift-stdlib --scratch-path .build-static --product ProvisioningModel | tail -n 1
	.build-static/release/ProvisioningModel

.PHONY: bench bench-check bench-programs bench-instructions
bench-programs:
	@./setup.sh ci
	@for product in mlaas-helper mlaas-sandbox bench-server; do \
		swift build -c release --static-swift-stdlib --scratch-path .build-static --product $$product | tail -n 1 || exit 1; \
	done
	@for product in load mint VerifyServer; do \
		swift build -c release --static-swift-stdlib --package-path Benchmarks --scratch-path .build-bench \
			--product $$product | tail -n 1 || exit 1; \
	done

bench: bench-programs ## Measures the helper beside other servers and writes docs/performance.md (BENCH_QUICK=1: a short run)
	@Benchmarks/bench.py $(if $(ONLY),--only $(ONLY))

.PHONY: siege overload day
siege: bench-programs ## Plays strangers of fifteen kinds against the release build within 64 MiB (SIEGE="--seconds 2": a short run)
	@MLAAS_BIN=.build-static/release python3 -B Tests/Siege/siege.py $(SIEGE)

overload: bench-programs ## Measures goodput at half, once, twice and five times the load that the helper can carry
	@Benchmarks/overload.py $(OVERLOAD)

day: bench-programs ## Plays ten minutes of 5,000 people on three replicas, with a rolling update, a Redis restart and a 3scale outage
	@Benchmarks/day.py $(DAY)

.PHONY: bench-sweep
bench-sweep: bench-programs ## Measures a scan of 100,000 applications by the sweep of ended keys (SWEEP="--applications 1000000")
	@Benchmarks/sweep.py $(SWEEP)

bench-check: bench-programs ## Tests what measures, and exercises every part of `make bench` briefly
	@python3 -B -m unittest discover -s Benchmarks/tests
	@BENCH_QUICK=1 Benchmarks/bench.py --only startup,authenticated,latency,growth,replicas,routes
	@Benchmarks/day.py --minutes 0.3 --people 100 --rate 50

bench-instructions: bench-programs ## Counts the instructions and allocations of a request and holds them against their budget
	@Benchmarks/instructions.py $(if $(UPDATE),--update)

.PHONY: linear
linear: ## Searches for what costs each reader of foreign bytes most, and counts the instructions for a byte at four lengths
	@./setup.sh ci
	@MLAAS_LINEAR=1 swift build -c release --static-swift-stdlib --package-path Benchmarks --scratch-path .build-linear \
		--product Readers | tail -n 1
	@Benchmarks/linear.py $(if $(SEED),--seed $(SEED))

bench-http: ## Measures the HTTP server by itself against nginx, haproxy, libmicrohttpd, Node and Go, as ratios of one run
	@./setup.sh ci
	swift build -c release --static-swift-stdlib --scratch-path .build-static --product bench-server
	@Benchmarks/bench-http.py

clean: ## Removes what was built
	rm -rf .build .build-* .run
