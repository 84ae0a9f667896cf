# Everything needs Go and nothing else. Servers and tools are built from pinned
# modules below test/ into caches outside this directory.

export CGO_ENABLED = 0

FUZZTIME ?= 1m

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build static binaries into bin/
	go build -trimpath -buildvcs=auto -ldflags '-s -w' -o bin/ ./cmd/...

.PHONY: demo
demo: build ## Lose a real three-member etcd cluster and restore it, in under a minute
	@go run ./test/demo

.PHONY: servers
servers: ## Build the real etcd 3.5, 3.6 and 3.7 that the tests run
	go run ./test/servers

# The race detector needs cgo, hence a C compiler; without one the same tests
# run without it.
RACE := $(shell command -v cc >/dev/null 2>&1 && echo -race)

.PHONY: test
test: export CGO_ENABLED = $(if $(RACE),1,0)
test: servers ## Run every test against real servers, with the race detector
	go test $(RACE) -timeout 20m $(TESTFLAGS) ./...

NODES ?= 1

.PHONY: lab
lab: ## Bring up a real kubeadm cluster of NODES (1, 3 or 5; default 1) on this machine, as root
	test/lab/lab up $(NODES)

# Clusters of one node at the same time; one of three takes the room of two.
E2E_PARALLEL ?= 4

# Left to e2e-full: the tests of the harness itself, since what they would find the others
# hit, and variants of what others show.
E2E_SKIP = $(if $(E2E_FULL),,-skip 'Harness$$|^Test(BackupInManifests|BrokenImage|CustomDataDir|MountPoint|NoRollback)$$')

.PHONY: e2e
e2e: needs-lab ## Restore real kubeadm clusters in every way, as root (LAB_NUMBER, ETCD as for the lab)
	go test -tags e2e -count=1 -timeout 4h -parallel $(E2E_PARALLEL) $(E2E_SKIP) $(TESTFLAGS) ./test/e2e

.PHONY: e2e-full
e2e-full: export E2E_FULL = 1
e2e-full: e2e ## The same, killed after every line of the journal, forward and back

.PHONY: bench-e2e
bench-e2e: needs-lab build ## Downtime of a restore against the runbook by hand, on a real cluster of NODES, as root
	go run ./test/bench/downtime -nodes $(NODES) $(BENCHFLAGS)

.PHONY: needs-lab
needs-lab:
	@test "$$(uname -s) $$(id -u)" = 'Linux 0' || { \
		echo 'This runs a kubeadm cluster on this machine, for which it needs Linux and root: see "The lab" in docs/development.md.'; exit 1; } >&2
	test/lab/lab build

SALVAGE_ROUNDS ?= 20

.PHONY: test-salvage
test-salvage: export CGO_ENABLED = $(if $(RACE),1,0)
test-salvage: servers ## Kill a cluster of each version SALVAGE_ROUNDS times (default 20) and salvage it
	SALVAGE_ROUNDS=$(SALVAGE_ROUNDS) go test $(RACE) -count=1 -timeout 90m $(TESTFLAGS) ./test/salvage

.PHONY: fuzz
fuzz: ## Fuzz every parser, FUZZTIME each (default 1m)
	@grep -rlE '^func Fuzz' --include '*_test.go' . | xargs -r -n 1 dirname | sort -u | while read -r pkg; do \
		targets=$$(go test -list '^Fuzz' "$$pkg") || exit 1; \
		for target in $$(echo "$$targets" | grep '^Fuzz'); do \
			echo "== $$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$pkg" || exit 1; \
		done; \
	done

.PHONY: bench
bench: build servers ## Compare with etcdutl, etcdctl and cp on a 2 GiB database (20 GB of disk)
	go run ./test/bench

.PHONY: lint
lint: LINT = go tool -modfile test/tools/go.mod
lint: ## Run the linters of test/tools
	@unformatted=$$($(LINT) gofumpt -l .) && { test -z "$$unformatted" || { echo "run gofumpt -w on:"; echo "$$unformatted"; exit 1; }; }
	$(LINT) revive -config test/tools/revive.toml -set_exit_status ./...
	$(LINT) ineffassign ./...
	$(LINT) staticcheck -tags e2e ./...
	$(LINT) errcheck -tags e2e -exclude test/tools/errcheck.txt ./...
	$(LINT) unparam -tests ./...
	$(LINT) deadcode -test -tags e2e ./...

.PHONY: docs
docs: ## Write docs/cli, what --help says, and docs/schemas, what JSON looks like
	go run ./test/manual
	go run ./test/schemas

.PHONY: clean
clean: ## Remove bin/ (the caches outside the repository stay)
	rm -rf bin
