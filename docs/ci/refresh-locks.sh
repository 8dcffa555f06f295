#!/usr/bin/env bash
# Resolves the packages of every lock anew. Builds the images whose locks changed, and boots those for x86_64 until they
# are ready. Writes into FOLDER what a change request needs: locks.patch, change.md, and a chart of each boot. If
# there is no locks.patch, no lock changed.
# usage: docs/ci/refresh-locks.sh FOLDER [OPTION OF qx-build annotate]...
set -euo pipefail
mkdir -p "${1:?the folder for the change is missing}"
folder=$(realpath "$1")
options=("${@:2}")
cd "$(dirname "$0")/../.."

qx() { npm run -s qx-build -- "$@"; }

# Runs a command about the image of a lock, profiles/PROFILE.BASE.ARCHITECTURE.lock.json.
about() {
  local lock=$1 command=$2 profile base arch
  IFS=. read -r profile base arch _ <<<"${lock#profiles/}"
  qx "$command" --json --profile "$profile" --base "$base" --arch "$arch" "${@:3}" | qx annotate "${options[@]}"
}

for lock in profiles/*.lock.json; do about "$lock" lock; done
mapfile -t moved < <(git diff --name-only -- 'profiles/*.lock.json')
[ ${#moved[@]} -gt 0 ] || exit 0
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
for lock in "${moved[@]}"; do
  old=$before/${lock#profiles/}
  git show "HEAD:$lock" >"$old"
  # As with diff(1), exit code 1 means that the locks differ.
  qx diff --markdown "$old" "$lock" >>"$folder/change.md" || [ $? = 1 ]
  qx report packages "$lock" --json --before "$old" --output "$folder/$(basename "$lock" .lock.json)" |
    qx annotate "${options[@]}"
done
for lock in "${moved[@]}"; do
  about "$lock" iso
  case $lock in *.x86_64.lock.json) about "$lock" qemu --boot-chart "$folder/$(basename "$lock" .lock.json)/boot.svg" ;; esac
done
git diff --binary -- "${moved[@]}" >"$folder/locks.patch"
