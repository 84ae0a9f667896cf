# Everything needs Go and nothing else. Servers and tools are built from pinned
# modules below test/ into caches outside this directory. All is built one way, so
# that nothing is compiled twice.

export CGO_ENABLED = 0
export GOFLAGS = -trimpath

FUZZTIME ?= 1m

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build static binaries into bin/
	go build -buildvcs=auto -ldflags '-s -w' -o bin/ ./cmd/...

.PHONY: demo
demo: build ## Lose a real three-member etcd cluster and restore it, in under a minute
	@go run ./test/demo

.PHONY: servers
servers: ## Build the real etcd 3.5, 3.6 and 3.7 that the tests run
	go run ./test/servers

.PHONY: test
test: servers ## Run every test against real servers
	go test -timeout 20m $(TESTFLAGS) ./...

# Packages in which goroutines share memory, but for those that would have client-go or
# etcd's server compiled once more: RACE=./... takes them, too. It needs a C compiler.
RACE ?= ./pkg/controlplane ./pkg/cri ./pkg/etcdclient ./pkg/internal/... ./pkg/rendezvous \
	./pkg/transport ./pkg/transport/detached ./pkg/transport/ssh ./pkg/transport/store ./plugins/internal/...

.PHONY: race
race: export CGO_ENABLED = 1
race: servers ## Run the tests of RACE with the race detector
	go test -race -timeout 20m $(TESTFLAGS) $(RACE)

NODES ?= 1

.PHONY: lab
lab: ## Bring up a real kubeadm cluster of NODES (1, 3 or 5; default 1) on this machine, as root
	test/lab/lab up $(NODES)

# Clusters of one node at the same time; one of three takes the room of two.
E2E_PARALLEL ?= 3

.PHONY: e2e
e2e: needs-lab ## Restore real kubeadm clusters in every way, as root (LAB_NUMBER, ETCD as for the lab)
	go test -tags e2e -count=1 -timeout 4h -parallel $(E2E_PARALLEL) $(TESTFLAGS) \
		$(if $(E2E_FULL),,-skip "$$(grep '^[^#]' test/e2e/full.txt | paste -sd '|')") ./test/e2e

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
test-salvage: servers ## Kill a cluster of each version SALVAGE_ROUNDS times (default 20) and salvage it
	SALVAGE_ROUNDS=$(SALVAGE_ROUNDS) go test -count=1 -timeout 90m $(TESTFLAGS) ./test/salvage

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
	$(LINT) staticcheck -tags e2e,release ./...
	$(LINT) errcheck -tags e2e,release -exclude test/tools/errcheck.txt ./...
	$(LINT) unparam -tests ./...
	$(LINT) deadcode -test -tags e2e,release ./...

.PHONY: docs
docs: ## Write docs/cli, what --help says, and docs/schemas, what JSON looks like
	go run ./test/manual
	go run ./test/schemas

.PHONY: goldens
goldens: ## Write test/kubeadm/testdata: what a real kubeadm makes of its configuration
	go run ./test/kubeadm

PROGRAMS := kubectl-etcd_restore etcdctl-snapshot-x
SHELLS := bash fish zsh

.PHONY: share
share: build ## Write what packages hold beside the programs, man pages and completions, into bin/share
	rm -rf bin/share && mkdir -p bin/share/man bin/share/completions
	go run ./test/manual -man bin/share/man
	gzip -9 -n bin/share/man/*.1
	for program in $(PROGRAMS); do for shell in $(SHELLS); do \
		bin/$$program completion $$shell > bin/share/completions/$$program.$$shell || exit 1; \
	done; done
	bin/kubectl-etcd_restore completion kubectl > bin/share/kubectl_complete-etcd_restore
	chmod 755 bin/share/kubectl_complete-etcd_restore

.PHONY: release-tools
release-tools: ## Build goreleaser, krew and kubectl into bin/tools (slow the first time)
	go build -C test/release/goreleaser -trimpath -o $(CURDIR)/bin/tools/ tool
	go build -C test/release/krew -trimpath -o $(CURDIR)/bin/tools/ tool
	go build -C test/lab/kubernetes -trimpath -ldflags '-s -w' -o $(CURDIR)/bin/tools/ k8s.io/kubernetes/cmd/kubectl

.PHONY: test-release
test-release: export PATH := $(CURDIR)/bin/tools:$(PATH)
test-release: release-tools ## Make a release of the last commit twice, and install it with krew and dpkg
	go test -tags release -count=1 -timeout 90m $(TESTFLAGS) ./test/release

.PHONY: clean
clean: ## Remove bin/ (the caches outside the repository stay)
	rm -rf bin
