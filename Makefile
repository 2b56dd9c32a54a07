# Builds, checks and runs rrbench. `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Targets name what must happen first; on a small machine they would only fight for it.
.NOTPARALLEL:

# Where Go's own archive installs it, which not every shell looks at.
export PATH := $(PATH):/usr/local/go/bin
GO ?= go

# Tools are pinned here, so that a checkout is judged by the same rules for ever.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOTESTSUM := gotest.tools/gotestsum@v1.13.0
CONTAINERD := github.com/containerd/containerd/v2/cmd
CONTAINERD_VERSION := v2.2.9

# A compiler that cannot build a program must not break what needs none.
CGO = CGO_ENABLED=$$(scripts/cgo 2>/dev/null || true)

# What test, race and bench look at, and how long each fuzz target runs.
PACKAGES ?= ./...
FUZZTIME ?= 10s

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install what is missing on this machine (says what it does)
	@scripts/setup

.PHONY: guests
guests: ## build the guest functions
	workloads/build.sh

# They are committed, with the Go file that embeds them.
.PHONY: ebpf
ebpf: ## build the programs by which the kernel counts for an audit (needs clang-14, llvm-14)
	$(GO) generate ./audit

# Programs carry the commit they were built from, for the manifest of every run; where git
# cannot tell (a tarball, a checkout of another user) they are built without.
ifeq ($(shell git rev-parse HEAD 2>/dev/null),)
export GOFLAGS := $(shell PATH="$(PATH)" $(GO) env GOFLAGS) -buildvcs=false
endif

# Engines for a second program beside the first, bin/rrbench-engines: of "wasmer v8 wasmedge", for example
# ENGINES="wasmer v8". It has wasmedge in any case, which needs nothing to be built. V8's headers are in its module.
ENGINES ?=
COMMA := ,
EMPTY :=
ENGINE_TAGS = $(subst $(EMPTY) $(EMPTY),$(COMMA),$(strip $(ENGINES)))

# The program is linked statically, so that it also runs in a container in which there is nothing else.
STATIC = -tags netgo,osusergo -ldflags '-linkmode external -extldflags -static'
.PHONY: build
build: guests ## build the guests and bin/rrbench; ENGINES="wasmer v8" also bin/rrbench-engines
	@reason=$$(scripts/cgo 2>&1 >/dev/null) || \
		echo "Building with wazero alone, wasmtime is left out: $$reason. To mend it: scripts/setup"
	cgo=$$(scripts/cgo 2>/dev/null || true); static=(); \
	if [[ $$cgo == 1 ]]; then static=($(STATIC)); fi; \
	CGO_ENABLED=$$cgo $(GO) build -trimpath "$${static[@]}" -o bin/rrbench ./cmd/rrbench
	if [[ -n "$(ENGINES)" ]]; then \
		env $$(scripts/engines-environment $(ENGINES)) $(GO) build -trimpath -tags $(ENGINE_TAGS) -o bin/rrbench-engines ./cmd/rrbench; fi
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/containerd-shim-roadrunner-v1 ./cmd/containerd-shim-roadrunner-v1
	ENGINES="$(ENGINES)" scripts/third-party --texts >bin/THIRD-PARTY.txt

.PHONY: sweep
sweep: setup build ## set up, build, run the quick sweep, draw the figures
	bin/rrbench sweep --preset quick

# Both placements are one run; a target that was interrupted goes on with it. Remove the directory to begin anew.
# A run with failed cells (status 1) has its claims and its report, too.
PAPER ?= results/runs/paper
EVIDENCE = || failed=$$?; [[ $$failed -le 1 ]] || exit $$failed; \
	bin/rrbench claims $(PAPER); bin/rrbench report $(PAPER); bin/rrbench bundle $(PAPER); exit $$failed
.PHONY: paper
paper: setup build ## measure the paper's evaluation on this node: claims, report and bundle (1 to 3 hours)
	unset RRBENCH_PEER; failed=0; how=(--preset paper --out $(PAPER)); \
	if [[ -e $(PAPER)/manifest.json ]]; then how=(--resume $(PAPER)); fi; \
	bin/rrbench sweep "$${how[@]}" $(EVIDENCE)

.PHONY: paper-inter
paper-inter: setup build ## measure it between two nodes as well, into the same run (1 to 3 hours)
	@[[ -e $(PAPER)/manifest.json ]] || { echo "There is no run to take up in $(PAPER). To mend it: make paper" >&2; exit 1; }
	failed=0; scripts/two-nodes --rate 1gbit -- bin/rrbench sweep --resume $(PAPER) $(EVIDENCE)

# The second node is a network namespace of this machine; see scripts/two-nodes.
.PHONY: sweep-two-nodes
sweep-two-nodes: setup build ## set up, build, sweep between two nodes with 1 Gbit/s between them, draw the figures
	scripts/two-nodes --rate 1gbit -- rrbench sweep --placement intra,inter --sizes 1MiB,10MiB,100MiB --reps 5 \
		--transports network/splice,network/zerocopy,network/stream,http/wasi,http/native,http/container,redis,limit/tcp,limit/splice

# gotestsum runs `go test` and, beside go test's own closing lines, counts the tests and
# repeats what failed and what was skipped and why.
.PHONY: test
test: setup guests ## run every test
	$(CGO) $(GO) run $(GOTESTSUM) --format standard-quiet -- -p 4 -timeout 30m $(PACKAGES)

# What takes minutes: kills and cuts at every moment, long runs, the suite under load.
.PHONY: test-all
test-all: test ## run every test, the slow ones too (up to an hour)
	$(CGO) $(GO) run $(GOTESTSUM) --format standard-quiet -- -tags slow -timeout 60m $(PACKAGES)
	$(MAKE) race SHORT=
	$(MAKE) test-engines

# The second program's engines, in a test's program of their own: what each must do, and what transports do on it.
ENGINE_PACKAGES ?= ./engines/... ./modes/... ./catalogue ./examples ./baselines/wasi ./baselines/redis
.PHONY: test-engines
test-engines: guests ## run tests with the engines of the second program; ENGINE_PACKAGES=./engines/... for a part
	env $$(scripts/engines-environment wasmer v8) $(GO) run $(GOTESTSUM) --format standard-quiet -- \
		-tags wasmer,v8 -p 4 -timeout 30m $(ENGINE_PACKAGES)

# Debian's is 1.6. What no container here needs is left out, Kubernetes above all, which is most of it.
.PHONY: test-containerd
test-containerd: guests ## run the tests of functions by containerd with containerd 2, which is built for that
	@built=$$(mktemp -d); trap 'rm -rf "$$built"' EXIT; \
	GOBIN=$$built CGO_ENABLED=0 $(GO) install -tags no_cri,no_btrfs,no_devmapper,no_zfs,no_tracing \
		$(CONTAINERD)/containerd@$(CONTAINERD_VERSION) $(CONTAINERD)/containerd-shim-runc-v2@$(CONTAINERD_VERSION) || \
		{ echo "Not tested with containerd 2: it cannot be built here (see above)"; exit 0; }; \
	"$$built/containerd" --version; \
	PATH="$$built:$$PATH" $(CGO) $(GO) test -count=1 ./shim/containerd

.PHONY: engine-costs
engine-costs: ## measure what each engine's host call, guest call, growth and instantiation cost, as a table
	@scripts/engine-costs

# A program under the race detector sleeps a second before it ends, and tests start many.
# Drawing has one goroutine and takes minutes under the race detector; the command's tests run
# the program as it is built; what the catalogue and the examples hand over, the packages of the transports do as well.
# Here tests repeat less than without the detector; SHORT= has them repeat as much.
SHORT ?= -short
.PHONY: race
race: guests ## run every test under the race detector (needs cgo)
	@scripts/cgo >/dev/null || { echo "The race detector needs cgo. To mend it: scripts/setup" >&2; exit 1; }
	GORACE=atexit_sleep_ms=0 $(GO) test -race $(SHORT) -p 4 $$($(GO) list $(PACKAGES) | grep -vE '^rrbench/(plots|cmd/rrbench|catalogue|examples/.*)$$')

.PHONY: bench
bench: guests ## run the Go benchmarks
	$(CGO) $(GO) test -run '^$$' -bench . -benchmem $(PACKAGES)

.PHONY: fuzz
fuzz: guests ## run each fuzz target for FUZZTIME (10s)
	scripts/fuzz $(FUZZTIME)

.PHONY: lint
lint: format vet staticcheck cross scripts-check licences list-js-check ebpf-check ## check format, vet, staticcheck, other platforms, scripts, licences, the page's library, eBPF objects

.PHONY: format
format:
	@files=$$(gofmt -l .); if [[ -n $$files ]]; then printf 'Not formatted, run gofmt -w:\n%s\n' "$$files" >&2; exit 1; fi

.PHONY: vet
vet:
	$(CGO) $(GO) vet ./...

.PHONY: staticcheck
staticcheck:
	$(CGO) $(GO) run $(STATICCHECK) ./...

# vet type-checks the tests too and compiles what they import.
.PHONY: cross
cross:
	CGO_ENABLED=0 $(GO) vet ./...
	CGO_ENABLED=0 GOARCH=arm64 $(GO) build ./...
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) build -o /dev/null ./cmd/rrbench

.PHONY: scripts-check
scripts-check:
	@if command -v shellcheck >/dev/null; then shellcheck --severity=warning $$(find scripts -maxdepth 1 -type f) scripts/peers/run .ci/run workloads/*.sh plots/report/*.sh; \
	else echo "Scripts not checked: shellcheck is not installed. To mend it: scripts/setup --develop"; fi

.PHONY: licences
licences:
	scripts/third-party --check

.PHONY: list-js-check
list-js-check:
	scripts/list-js-check

.PHONY: ebpf-check
ebpf-check:
	@if ! command -v clang-14 >/dev/null || ! command -v llvm-strip-14 >/dev/null; then \
		echo "eBPF objects not compared: clang-14 or llvm-strip-14 is not installed. To mend it: scripts/setup --develop"; exit; fi; \
	fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	EBPF_OUT=$$fresh $(GO) generate ./audit; \
	for file in audit/*_bpfel.*; do cmp "$$file" "$$fresh/$${file##*/}" || { \
		echo "$$file differs from its source: run make ebpf and commit it" >&2; exit 1; }; done; \
	echo "eBPF objects are what their source makes"

.PHONY: clean
clean: ## remove what was built (results stay)
	rm -rf bin
