# The builder image: the host tools that building needs (build/host/requirements.ts), for `make iso DOCKER=1`.
# Node and the toolchain are not in it: they come with the project, which is mounted with its node_modules. Node needs
# libatomic1, and apt ca-certificates for mirrors by https.
# Needs no build context: docker build - < Dockerfile
ARG BASE_IMAGE=debian:trixie-slim
FROM ${BASE_IMAGE}

ARG BASE_IMAGE
LABEL org.opencontainers.image.title="Quantix appliance builder" \
      org.opencontainers.image.description="Host tools for building Quantix appliance ISOs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"

RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
      apt \
      binutils-aarch64-linux-gnu \
      binutils-x86-64-linux-gnu \
      ca-certificates \
      debian-archive-keyring \
      dpkg \
      fakeroot \
      grub-common \
      libatomic1 \
      mtools \
      squashfs-tools \
      util-linux \
      xorriso \
      xz-utils \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin

# Whoever runs it names the user to run as; if he does not, it is not root.
USER 65534:65534
