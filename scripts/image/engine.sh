# Sourced by what builds and runs images: a container engine of our own, so that nothing of the machine's is touched.
# Its images are kept in .tools/containers; MLAAS_CONTAINERS names another place.
# shellcheck shell=bash

containers=${MLAAS_CONTAINERS:-$PWD/.tools/containers}
# Sockets live there, whose paths must be short.
runroot=/tmp/mlaas-containers-$(sha256sum <<<"$containers" | cut -c 1-8)
mkdir -p "$containers" "$runroot"
cat >"$containers/storage.conf" <<TEXT
[storage]
driver = "overlay"
graphroot = "$containers/storage"
runroot = "$runroot"
TEXT
# The limits are no more than an unprivileged container may have; runc works where control groups are mixed, and without
# systemd the groups are files.
cat >"$containers/containers.conf" <<TEXT
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
TEXT
export CONTAINERS_STORAGE_CONF=$containers/storage.conf CONTAINERS_CONF=$containers/containers.conf
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}
