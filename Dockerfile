# The builder image: the host tools that building needs (build/host/requirements.ts), for `make iso DOCKER=1`.
# The image does not contain the toolchain: that is in the project, which is mounted with its node_modules. In an image
# from Debian, the toolchain runs on the Node in node_modules, which needs libatomic1; apt needs ca-certificates for
# mirrors with https. That Node needs the GNU C library, so in an image from Alpine the toolchain runs on Alpine's Node.
# An image from Alpine can build only from Alpine, because Debian's packages need apt.
# Needs no build context: docker build - < Dockerfile
ARG BASE_IMAGE=debian:trixie-slim
FROM ${BASE_IMAGE}

ARG BASE_IMAGE
LABEL org.opencontainers.image.title="Quantix appliance builder" \
      org.opencontainers.image.description="Host tools for building Quantix appliance ISOs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"

# In both cases, strip has the names that Debian gives it, and `on-node NODE ARGUMENTS…` runs Node with these arguments:
# the one at the path NODE in an image from Debian, Alpine's in one from Alpine.
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

# The caller of `docker run` chooses the user; without that, the user is not root.
USER 65534:65534
