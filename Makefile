# Targets for people and for CI; `make help` lists them.
SHELL := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
GO ?= go
GOFLAGS_BUILD := -trimpath -ldflags "-s -w -X main.version=$(VERSION)"

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: build
build: ## build bin/apim-edge
	CGO_ENABLED=0 go build $(GOFLAGS_BUILD) -o bin/apim-edge ./cmd/apim-edge

.PHONY: demo
demo: ## see it work: the 401 before, the answer after
	go run ./cmd/apim-edge demo

.PHONY: test
test: ## unit tests: no network beyond loopback, no root
	go test ./...

.PHONY: race
race: ## unit tests under the race detector
	go test -pgo=off -race ./...

.PHONY: generate
generate: ## write the generated references anew
	go generate ./...

.PHONY: tour
tour: ## record docs/tour.svg and docs/tour.txt anew, from a run of apim-edge demo --tour
	go test ./cmd/apim-edge -count=1 -run TestTheTourOfTheReadme -update

.PHONY: lint
lint: ## gofmt, vet, staticcheck, vulnerabilities of dependencies
	.ci/lint

.PHONY: e2e
e2e: ## real SDKs, real browser, raw sockets (installs what it needs with e2e/install)
	e2e/install
	go test -tags e2e -count=1 ./e2e/... ./internal/shares

.PHONY: trace-check
trace-check: ## spans in a real OpenTelemetry collector, which it builds first (2 minutes)
	e2e/collector/build
	go test -tags e2e -count=1 -run TestACollectorTakesTheSpans -v ./e2e

.PHONY: soak
soak: ## hold a mixed load with faults for DURATION (default 20m): are memory, goroutines and descriptors flat?
	go run ./e2e/soak --duration $(or $(DURATION),20m) --out e2e/artifacts/soak $(SOAK)

.PHONY: scale-check
scale-check: ## replicas behind HAProxy, restarted, killed and added under load: is anything lost? (5 minutes)
	go run ./e2e/scale --mode tcp $(SCALE)
	go run ./e2e/scale --mode http $(SCALE)
.PHONY: upgrade-check
upgrade-check: ## replace an edge UPGRADES (default 10) times under load, in each way: what fails, what runs twice?
	go test -tags e2e -count=1 -v -timeout 30m -run 'TestUpgradeByTakeover|TestRestartWithASocket' ./e2e/faults -faults.upgrades $(or $(UPGRADES),10)

.PHONY: image
image: ## build the container image and start it, without a Docker engine
	.ci/image-check

.PHONY: deploy-check
deploy-check: ## helm, Kubernetes' types and Compose's loader read deploy/ (builds helm once: minutes)
	.ci/deploy-check

.PHONY: manifest
manifest: ## write deploy/kubernetes.yaml anew from the chart
	.ci/deploy-check --write

.PHONY: kubernetes-check
kubernetes-check: ## a real API server judges deploy/kubernetes.yaml (builds it once: ten minutes)
	.ci/kubernetes-check

.PHONY: compose-check
compose-check: ## a real Docker engine runs deploy/compose.yaml (as root, on Debian; unpacks 1 GB once)
	.ci/compose-check

.PHONY: release
release: ## binaries, packages, image, SBOM and checksums in dist; GO, VERSION, PLATFORMS, SIGNING_KEY
	GO="$(GO)" VERSION="$(VERSION)" build/release

.PHONY: release-check
release-check: ## does a release have the same bytes twice, one version, and a signature that holds?
	GO="$(GO)" build/release-check

.PHONY: package-check
package-check: ## install, upgrade and remove the packages in a clean Debian root (as root)
	GO="$(GO)" build/package-check

.PHONY: bench
bench: ## measure against nginx, HAProxy and others on this machine
	go run ./bench

.PHONY: profile
profile: ## take anew the profile that the program is built by (2 minutes, a machine that does nothing else)
	go run ./bench --profile cmd/apim-edge/default.pgo

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (default 20s)
	.ci/fuzz

.PHONY: check
check: lint race e2e image package-check ## all of it: what CI runs
