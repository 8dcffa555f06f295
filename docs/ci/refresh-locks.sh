#!/usr/bin/env bash
# Resolves the packages of every lock anew: of each profile, each base and each CPU, also of those that have no lock yet.
# Builds the images whose locks changed, and boots those for x86_64 until they are ready. Stages the changed locks, and
# writes into FOLDER what a change request needs: locks.patch, change.md, and a chart of each boot. If there is no
# locks.patch, no lock changed.
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

name_of() { basename "$1" .lock.json; }

committed() { git cat-file -e "HEAD:$1" 2>/dev/null; }

build_and_boot() {
  about "$1" iso &&
    case $1 in *.x86_64.lock.json) about "$1" qemu --boot-chart "$folder/$(name_of "$1")/boot.svg" ;; esac
}

# Says how a lock differs from the committed one, if there is one.
describe() {
  local lock=$1 old=$before/${1#profiles/}
  if ! committed "$lock"; then
    printf '### First lock: %s\n\n' "$(name_of "$lock")" >>"$folder/change.md"
    return
  fi
  git show "HEAD:$lock" >"$old"
  # As with diff(1), exit code 1 means that the locks differ.
  qx diff --markdown "$old" "$lock" >>"$folder/change.md" || [ $? = 1 ]
  qx report packages "$lock" --json --before "$old" --output "$folder/$(name_of "$lock")" |
    qx annotate "${options[@]}"
}

# After an error about a lock: stops if that lock is committed. A first lock is dropped, so that the others are still
# refreshed.
drop_first() {
  if committed "$1"; then exit 1; fi
  rm -f "$1"
  printf '### No first lock: %s\n\nThe log says why.\n\n' "$(name_of "$1")" >>"$folder/change.md"
}

locks=$(qx lock --list)
for lock in $locks; do about "$lock" lock || drop_first "$lock"; done
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
for lock in $(git ls-files --modified --others -- 'profiles/*.lock.json' | sort); do
  if ! build_and_boot "$lock"; then
    drop_first "$lock"
    continue
  fi
  describe "$lock"
  git add -- "$lock"
done
git diff --cached --quiet -- profiles || git diff --cached --binary -- profiles >"$folder/locks.patch"
