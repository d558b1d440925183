#!/usr/bin/env bash
# Installs Debian packages as root and starts nothing: no service, no default PostgreSQL cluster, now or at boot.
#   apt-install.sh PACKAGE...
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
options=(-qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2)

undo=()
clean_up() { [ ${#undo[@]} = 0 ] || rm -f "${undo[@]}"; }
trap clean_up EXIT

# Debian's maintainer scripts ask this program whether they may start a service; 101 means no.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  undo+=(/usr/sbin/policy-rc.d)
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
fi
no_cluster=/etc/postgresql-common/createcluster.d/no-default-cluster.conf
if [ ! -e "$no_cluster" ]; then
  undo+=("$no_cluster")
  mkdir -p "${no_cluster%/*}"
  echo 'create_main_cluster = false' >"$no_cluster"
fi

apt-get "${options[@]}" update || echo "apt-get update failed; trying with the lists that are here"
apt-get "${options[@]}" install -y --no-install-recommends "$@"

if [ -d /run/systemd/system ]; then
  for package in "$@"; do
    systemctl disable --quiet "$package.service" 2>/dev/null || true # only few of them have a service
  done
fi
