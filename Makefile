# Every target is a command of qx-build; `make help` lists them. Node 26 comes with `npm ci`.

PROFILE ?=
BASE    ?= auto
MIRROR  ?=
KEYS    ?=
FLAVOUR ?=
RELEASE ?=
FIRMWARE ?= uefi

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

QX := node tasks/qx-build.ts
IMAGES := --base $(BASE) $(addprefix --profile ,$(PROFILE)) $(addprefix --mirror ,$(MIRROR)) $(addprefix --keys-dir ,$(KEYS))
BUILD := $(IMAGES) $(addprefix --flavour ,$(FLAVOUR)) $(if $(RELEASE),--release)
VITEST := node node_modules/vitest/vitest.mjs run

.PHONY: help iso lock rootfs explain qemu test check test-unit test-net test-build test-vm fuzz bench doctor clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 14
	@echo
	@echo 'Variables: PROFILE=quantix-os|qvdc BASE=auto|alpine|debian MIRROR=http://… KEYS=folder FLAVOUR=virt|full RELEASE=1 FIRMWARE=bios|uefi'

iso: node_modules/.ready ## Build the ISOs into dist/
	@$(QX) iso $(BUILD)

lock: node_modules/.ready ## Resolve packages anew and write profiles/*.lock.json
	@$(QX) lock $(IMAGES)

rootfs: node_modules/.ready ## Write the root filesystems as tar into dist/, to look into
	@$(QX) rootfs $(BUILD)

explain: node_modules/.ready ## Say what changed since the last build, and what runs because of it
	@$(QX) explain $(BUILD)

qemu: node_modules/.ready ## Boot an ISO: in a window or, without a display, on this terminal
	@$(QX) qemu $(BUILD) --firmware $(FIRMWARE)

test: check test-unit test-net test-build test-vm ## Run all tests

check: node_modules/.ready ## Check style and types
	biome check .
	tsc --noEmit

test-unit: node_modules/.ready ## Run the fast tests
	@$(QX) doctor --install
	$(VITEST) --project unit

test-net: node_modules/.ready ## Try the network programs in namespaces, against a real DHCP server (root)
	@$(QX) doctor --install
	$(VITEST) --project net

test-build: node_modules/.ready ## Build real images: twice the same, only what changed, refusals
	@$(QX) doctor --install
	$(VITEST) --project build

test-vm: node_modules/.ready ## Boot the ISOs and look
	@$(QX) doctor --install
	$(VITEST) --project vm

fuzz: node_modules/.ready ## Fire 100,000 mutations at every parser of foreign data
	@node tests/fuzz/run.ts

bench: node_modules/.ready ## Measure builds and boots against their limits
	@node tests/bench/bench.ts

doctor: node_modules/.ready ## Say what this host can do and what it lacks
	@$(QX) doctor

clean: node_modules/.ready ## Remove what was built; downloads stay
	@$(QX) clean

node_modules/.ready: package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@
