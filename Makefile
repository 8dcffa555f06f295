# Most targets run a command of qx-build; `make help` lists all. Node 26 comes with `npm ci`.

PROFILE ?=
BASE    ?= auto
ARCH    ?=
MIRROR  ?=
KEYS    ?=
FLAVOUR ?=
FORMAT  ?=
RELEASE ?=
RELEASE_KEYS ?=
RELEASE_KEY ?=
SECURE_BOOT ?=
SECURE_BOOT_SIGNER ?=
CHANNEL ?=
FIRMWARE ?= uefi
CHART   ?=
SINCE   ?=
CPUS    ?=
MEMORY  ?=
DISK    ?=
FORWARD ?=
NETWORK ?=
GUEST   ?=
REMOTE_CACHE ?=
JOBS    ?=
DOCKER  ?=
DOCKER_BASE ?=
DOCKER_BUILD_FLAGS ?=
DOCKER_RUN_FLAGS ?=

# Called by its path, because PATH cannot contain a folder with a colon in its name.
NODE := node_modules/.bin/node
# With this variable, Node also loads the first module from its compile cache, and need not load the code that strips
# types.
QX := NODE_COMPILE_CACHE="$${NODE_COMPILE_CACHE-node_modules/.cache/compiled}" $(NODE) tasks/qx-build.ts
IN_DOCKER := docker $(addprefix --base-image=,$(DOCKER_BASE)) \
	$(addprefix --build-flag=,$(DOCKER_BUILD_FLAGS)) $(addprefix --run-flag=,$(DOCKER_RUN_FLAGS)) --
BUILDER := $(QX) $(if $(DOCKER),$(IN_DOCKER))
IMAGES := --base $(BASE) $(addprefix --arch ,$(ARCH)) $(addprefix --profile ,$(PROFILE)) $(addprefix --mirror ,$(MIRROR)) $(addprefix --keys-dir ,$(KEYS))
BUILD := $(IMAGES) $(addprefix --flavour ,$(FLAVOUR)) $(addprefix --format ,$(FORMAT)) $(if $(RELEASE),--release) $(addprefix --release-keys ,$(RELEASE_KEYS))
STEPS := $(BUILD) $(if $(filter no,$(REMOTE_CACHE)),--no-remote-cache)
OWNER := $(addprefix --secure-boot ,$(SECURE_BOOT)) $(if $(SECURE_BOOT_SIGNER),--secure-boot-signer "$$SECURE_BOOT_SIGNER")
VITEST := $(NODE) node_modules/vitest/vitest.mjs run

.PHONY: help iso release release-tree lock rootfs explain qemu controlplane demo test check test-unit test-services test-database test-net test-images test-build test-docker test-vm fuzz screens bench doctor clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 14
	@echo
	@echo 'Variables: PROFILE=quantix-os|qvdc BASE=auto|alpine|debian ARCH=x86_64|arm64 MIRROR=http://… KEYS=folder FLAVOUR=virt|full FORMAT=iso|raw|qcow2 RELEASE=1 RELEASE_KEYS=folder RELEASE_KEY=file SECURE_BOOT=folder SECURE_BOOT_SIGNER=command SINCE=v0.1.0 CHANNEL=stable FIRMWARE=bios|uefi|uefi-secure CHART=file.svg REMOTE_CACHE=no JOBS=2'
	@echo 'of qemu: CPUS=2 MEMORY=2048 DISK=data=20G FORWARD=8443:443 NETWORK=lab GUEST=name'
	@echo 'DOCKER=1 runs iso, lock, rootfs and explain in the builder image; DOCKER_BASE=… DOCKER_BUILD_FLAGS=… DOCKER_RUN_FLAGS=…'

iso: node_modules/.ready ## Build the ISOs into dist/
	@$(BUILDER) iso $(STEPS) $(OWNER) $(addprefix --jobs ,$(JOBS))

release: node_modules/.ready ## Build a release into dist/VERSION: all images in all formats, from the locks as they stand
	@$(BUILDER) release $(IMAGES) $(addprefix --flavour ,$(FLAVOUR)) $(addprefix --format ,$(FORMAT)) $(addprefix --release-keys ,$(RELEASE_KEYS)) $(addprefix --key ,$(RELEASE_KEY)) $(addprefix --since ,$(SINCE)) $(addprefix --jobs ,$(JOBS))

release-tree: node_modules/.ready ## Publish the ISOs of dist/ as signed updates in dist/updates, for any web server
	@$(BUILDER) release-tree --key $(or $(RELEASE_KEY),$(error RELEASE_KEY=file is needed: qx-build key new makes one)) \
	  $(addprefix --channel ,$(CHANNEL)) $(addprefix --release-keys ,$(RELEASE_KEYS)) dist/$(PROFILE)*.iso

lock: node_modules/.ready ## Resolve packages anew and write profiles/*.lock.json
	@$(BUILDER) lock $(IMAGES)

rootfs: node_modules/.ready ## Write the root filesystems as tar into dist/, to look into
	@$(BUILDER) rootfs $(STEPS) $(addprefix --jobs ,$(JOBS))

explain: node_modules/.ready ## Say what changed since the last build, and what runs because of it
	@$(BUILDER) explain $(STEPS) $(OWNER)

qemu: node_modules/.ready ## Boot an ISO: in a window or, without a display, on this terminal
	@$(QX) qemu $(BUILD) --firmware $(FIRMWARE) $(addprefix --boot-chart ,$(CHART)) $(addprefix --cpus ,$(CPUS)) \
	  $(addprefix --memory ,$(MEMORY)) $(addprefix --disk ,$(DISK)) $(addprefix --forward ,$(FORWARD)) \
	  $(addprefix --network ,$(NETWORK)) $(addprefix --name ,$(GUEST))

controlplane: node_modules/.ready ## Run a control plane with PostgreSQL, etcd and Redis from this host's packages, until Ctrl-C
	@$(QX) controlplane

demo: iso ## Boot QvDC and two hosts that join it by config drives, with a VM on each, until Ctrl-C
	@$(QX) demo $(BUILD)

test: check test-unit test-services test-images ## Run all tests

check: node_modules/.ready ## Check style and types
	$(NODE) node_modules/.bin/biome check .
	$(NODE) node_modules/.bin/tsc --noEmit

test-unit: node_modules/.ready ## Run the fast tests; those of the programs also on the oldest Node that they run on
	@$(QX) doctor --install
	$(VITEST) --project unit
	$(NODE) tests/node-lts.ts

test-services: node_modules/.ready ## Run what the next two do, side by side
	@$(QX) doctor --install
	$(VITEST) --project database --project net

test-database: node_modules/.ready ## Try the control plane on a real PostgreSQL, etcd and Redis
	@$(QX) doctor --install
	$(VITEST) --project database

test-net: node_modules/.ready ## Try the network programs in namespaces, against a real DHCP server (root)
	@$(QX) doctor --install
	$(VITEST) --project net

test-images: node_modules/.ready ## Run what the next three do, side by side
	@$(QX) doctor --install
	$(VITEST) --project build --project docker --project vm --project pair

test-build: node_modules/.ready ## Build real images: twice the same, only what changed, refusals
	@$(QX) doctor --install
	$(VITEST) --project build

test-docker: node_modules/.ready ## Build in Docker: the same ISO as outside; skipped without Docker
	@$(QX) doctor --install
	$(VITEST) --project docker

test-vm: node_modules/.ready ## Boot the ISOs and look, one by one and both together
	@$(QX) doctor --install
	$(VITEST) --project vm --project pair

screens: node_modules/.ready ## Draw the pictures of the consoles' screens anew
	$(NODE) tests/screens/write.ts

fuzz: node_modules/.ready ## Fire 100,000 mutations at every parser of foreign data
	@$(NODE) tests/fuzz/run.ts

bench: node_modules/.ready ## Measure builds and boots against their limits; PARTS=builds,boots measures these alone
	@$(NODE) tests/bench/bench.ts

doctor: node_modules/.ready ## Say what this host can do and what it lacks
	@$(QX) doctor

clean: node_modules/.ready ## Remove what was built; downloads stay
	@$(QX) clean

# Installs all packages that are needed, whatever NODE_ENV, npm's variables and .npmrc files say. Only registries and
# proxies are taken from these.
NPM_CI := npm ci --include=dev --include=optional --include=peer --bin-links --package-lock --no-dry-run --no-global \
	--no-engine-strict --no-legacy-peer-deps --no-audit --no-fund --loglevel=error

# Node 26 needs libatomic1, which a fresh Debian lacks. It is installed first, because `npm ci` runs install scripts
# with Node 26 as soon as it has installed that.
node_modules/.ready: package-lock.json
	@/sbin/ldconfig -p | grep -q 'libatomic\.so\.1' || { \
	  [ "$$(id -u)" = 0 ] || { echo 'Node 26 needs a library. As root: apt-get install libatomic1' >&2; exit 1; }; \
	  apt-get -qq update && apt-get -qq install --yes --no-install-recommends libatomic1 >/dev/null; }
	@$(NPM_CI)
	@touch $@
