#!/usr/bin/env bash
# Sets a checkout up. Called by the Makefile, which decides from time stamps whether there is anything to do.
#
#   setup.sh run       .venv with the locked run-time dependencies and rolloutctl itself
#   setup.sh dev       the same, with what the tests and checks need
#   setup.sh wheel     the built wheel in .cache/wheel, with what the tests need: what `make test` tests
#   setup.sh servers   the real servers and shells for the tests, as far as this machine allows
#   setup.sh lock      renews requirements/*.txt from pyproject.toml (further arguments go to uv)
#
# Needs Python 3.11 or newer. PYTHON=... picks an interpreter. Everything it fetches is pinned by hash.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'set-up: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

# A HOME that is missing or read-only (containers, CI) must not stop the set-up: keep the caches in the checkout.
mkdir -p .cache
if [ -z "${HOME:-}" ] || [ ! -w "${HOME:-}" ]; then
  export HOME="$PWD/.cache/home"
  mkdir -p "$HOME"
  unset XDG_CACHE_HOME
fi

find_python() {
  local name
  for name in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      PY=$("$name" -c 'import sys; print(sys.executable)')
      return
    fi
  done
  die "Python 3.11 or newer is needed and none was found. Install it, or name it: make PYTHON=/path/to/python3.11"
}

root_prefix() { # sets ROOT to the words that make a command run as root, or fails
  ROOT=()
  [ "$(id -u)" = 0 ] && return 0
  command -v sudo >/dev/null && sudo -n true 2>/dev/null && ROOT=(sudo -n)
}

apt_install() { # PACKAGE...; fails where it may not, with a sentence
  command -v apt-get >/dev/null || { say "cannot install $*: this machine has no apt-get"; return 1; }
  root_prefix || { say "cannot install $*: neither root nor passwordless sudo"; return 1; }
  say "installing from Debian: $*"
  if ! "${ROOT[@]}" bash scripts/apt-install.sh "$@" >.cache/apt.log 2>&1; then
    tail -n 15 .cache/apt.log >&2
    say "apt-get could not install $* (whole output: .cache/apt.log)"
    return 1
  fi
}

# uv reads its own settings; where there are none, the package index that pip is set up for counts.
use_index_of_pip() {
  [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ] || return 0
  local url=${PIP_INDEX_URL:-} key
  for key in global.index-url install.index-url; do
    [ -n "$url" ] || url=$("$PY" -m pip config get "$key" 2>/dev/null || true)
  done
  [ -z "$url" ] || export UV_DEFAULT_INDEX="$url"
  [ -z "${PIP_CERT:-}" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"
}

own_uv() { [ -x .uv/bin/uv ] && .uv/bin/uv --version >/dev/null 2>&1; }

install_uv() {
  say "installing uv into .uv"
  local wanted=(--quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/uv.txt)
  rm -rf .uv
  if "$PY" -c 'import venv, ensurepip' 2>/dev/null && "$PY" -m venv .uv && .uv/bin/python -m pip install "${wanted[@]}"; then
    own_uv && return
  fi
  rm -rf .uv
  if "$PY" -m pip --version >/dev/null 2>&1 && "$PY" -m pip install --target .uv "${wanted[@]}"; then
    own_uv && return
  fi
  rm -rf .uv
  local version
  version=$("$PY" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if { apt_install "python$version-venv" || apt_install python3-venv; } && "$PY" -m venv .uv; then
    .uv/bin/python -m pip install "${wanted[@]}" && own_uv && return
  fi
  die "uv is needed and could not be installed: the lines above say why. Where this Python lacks its venv module,
        install uv yourself, or as root: apt-get install python$version-venv; then run make again."
}

find_uv() {
  find_python
  use_index_of_pip
  if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
    UV=uv
    return
  fi
  own_uv || install_uv
  UV=.uv/bin/uv
}

install_packages() { # requirements file
  export UV_PYTHON_DOWNLOADS=never
  if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    say "making .venv with $("$PY" --version)"
    "$UV" venv --quiet --clear --python "$PY" .venv
  fi
  say "installing the packages of $1"
  local into=(--quiet --python .venv/bin/python)
  "$UV" pip install "${into[@]}" --require-hashes --only-binary :all: -r "$1" -r requirements/build.txt
  "$UV" pip install "${into[@]}" --no-deps --no-build-isolation --editable .
  printf '%s' "$PWD" >.venv/.checkout
}

install_wheel() { # rebuilt from the checkout; the environment is made anew only where the locked packages changed
  local env=.cache/wheel into=(--quiet --python .cache/wheel/bin/python) locked
  locked=$(cat requirements/dev.txt scripts/setup.sh | sha256sum)
  if [ "$(cat $env/.locked 2>/dev/null)" != "$locked $PWD" ] || ! $env/bin/python -c '' 2>/dev/null; then
    say "making .cache/wheel for the tests"
    "$UV" venv --quiet --clear --python .venv/bin/python $env
    "$UV" pip install "${into[@]}" --require-hashes --only-binary :all: -r requirements/dev.txt
    printf '%s' "$locked $PWD" >$env/.locked
  fi
  say "building and installing the wheel"
  rm -rf .cache/dist
  "$UV" build --quiet --wheel --no-build-isolation --python .venv/bin/python --out-dir .cache/dist .
  "$UV" pip install "${into[@]}" --no-deps --no-index --reinstall .cache/dist/*.whl
  touch $env/.ready
}

missing_debian_packages() {
  local old_path=$PATH
  PATH=$PATH:/usr/local/bin:/usr/bin:/usr/sbin
  command -v prometheus >/dev/null || echo prometheus
  command -v victoria-metrics >/dev/null || echo victoria-metrics
  { compgen -G '/usr/lib/postgresql/*/bin/initdb' || command -v initdb; } >/dev/null || echo postgresql
  command -v node >/dev/null || echo nodejs
  command -v npm >/dev/null || echo npm
  command -v zsh >/dev/null || echo zsh
  command -v fish >/dev/null || echo fish
  command -v ssh-agent >/dev/null && command -v ssh-keygen >/dev/null || echo openssh-client
  { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -q 'libcairo\.so\.2' || echo libcairo2
  PATH=$old_path
}

set_up_servers() { # leaves no stamp behind where something is missing, so that the next run tries again
  local missing complete=yes
  mapfile -t missing < <(missing_debian_packages)
  if [ ${#missing[@]} -gt 0 ]; then
    apt_install "${missing[@]}" || complete=no
  fi
  PYTHONPATH=tests .venv/bin/python -m servers.unleash_install || complete=no
  if [ $complete = yes ]; then
    touch .venv/.ready-servers
  else
    say "service tests that need what is missing are skipped, each with the reason"
  fi
}

renew_locks() {
  find_uv
  local options=(--quiet --universal --python-version 3.11 --generate-hashes --no-annotate
    --custom-compile-command 'make lock' "$@")
  "$UV" pip compile "${options[@]}" pyproject.toml -o requirements/run.txt
  "$UV" pip compile "${options[@]}" pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt
  "$UV" pip compile "${options[@]}" requirements/build.in -c requirements/dev.txt -o requirements/build.txt
  "$UV" pip compile "${options[@]}" requirements/uv.in -o requirements/uv.txt
}

command=${1:-}
shift || true
exec 9>.cache/set-up.lock
if command -v flock >/dev/null; then flock 9; fi
case $command in
  run)
    find_uv
    install_packages requirements/run.txt
    touch .venv/.ready-run
    ;;
  dev)
    find_uv
    install_packages requirements/dev.txt
    touch .venv/.ready-run .venv/.ready-dev
    ;;
  wheel)
    find_uv
    install_wheel
    ;;
  servers) set_up_servers ;;
  lock) renew_locks "$@" ;;
  *) die "usage: scripts/setup.sh run|dev|wheel|servers|lock" ;;
esac
