# The builder image: the host tools that building needs (build/host/requirements.ts), for `make iso DOCKER=1`.
# The toolchain is not in it: it comes with the project, which is mounted with its node_modules. On Debian so does Node,
# which needs libatomic1; apt needs ca-certificates for mirrors by https. That Node is of the GNU C library: on Alpine
# the toolchain runs on Alpine's own. An image of Alpine builds from Alpine only, since Debian's packages need apt.
# Needs no build context: docker build - < Dockerfile
ARG BASE_IMAGE=debian:trixie-slim
FROM ${BASE_IMAGE}

ARG BASE_IMAGE
LABEL org.opencontainers.image.title="Quantix appliance builder" \
      org.opencontainers.image.description="Host tools for building Quantix appliance ISOs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"

# Whatever the base, strip has the names that Debian gives it, and `on-node NODE ARGUMENTS…` runs what comes after NODE.
RUN if [ -e /etc/alpine-release ]; then \
      apk add --no-cache \
        binutils-aarch64 \
        binutils-x86_64 \
        ca-certificates-bundle \
        fakeroot \
        flock \
        git \
        grub \
        mtools \
        musl-utils \
        nodejs \
        squashfs-tools \
        xorriso \
        xz \
   && { node --eval 'process.exit(parseInt(process.versions.node) < 24 ? 1 : 0)' \
     || { echo "Alpine $(cat /etc/alpine-release) has Node $(node --version), and the toolchain needs 24: take Alpine 3.23 or later" >&2; exit 1; }; } \
   && for cpu in aarch64 x86_64; do \
        ln -s "/usr/bin/$cpu-alpine-linux-musl-strip" "/usr/local/bin/$cpu-linux-gnu-strip" || exit 1; \
      done \
   && printf '#!/bin/sh\nshift\nexec node "$@"\n' >/usr/local/bin/on-node; \
    else \
      apt-get update -qq \
   && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
        apt \
        binutils-aarch64-linux-gnu \
        binutils-x86-64-linux-gnu \
        ca-certificates \
        debian-archive-keyring \
        dpkg \
        fakeroot \
        git \
        grub-common \
        libatomic1 \
        mtools \
        squashfs-tools \
        util-linux \
        xorriso \
        xz-utils \
   && apt-get clean \
   && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin \
   && printf '#!/bin/sh\nexec "$@"\n' >/usr/local/bin/on-node; \
    fi \
 && chmod 755 /usr/local/bin/on-node

ENTRYPOINT ["/usr/local/bin/on-node"]

# Whoever runs it names the user to run as; if he does not, it is not root.
USER 65534:65534
