#!/bin/bash
# fresh.sh [--user root|ordinary|both] [--keep] [--folder DIR] [COMMAND...]
# Tries the project as a new user would: makes a bare Debian 12 with debootstrap (minbase, in a folder), puts a clone
# of the last commit in it, under a path with a space, and runs both commands there, as root and as an ordinary user
# with sudo, standard input closed, each in a system of its own. Needs root, debootstrap and about 12 GB.
# COMMAND (default: ./quickstart.sh, ./quickstart.sh again, ./check.sh) is run instead if given.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/../.." && pwd)
users="root ordinary" keep= folder=
while [ $# -gt 0 ]; do
  case $1 in
    --user) [ "$2" = both ] || users=$2; shift 2 ;;
    --keep) keep=yes; shift ;;
    --folder) folder=$2; shift 2 ;;
    *) break ;;
  esac
done
[ "$(id -u)" = 0 ] || { echo "fresh.sh: needs root, to make and enter a system of its own" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "fresh.sh: needs debootstrap (apt-get install debootstrap)" >&2; exit 2; }
folder=${folder:-$(mktemp -d "${TMPDIR:-/tmp}/hullscope-fresh.XXXXXX")}
base=$folder/base

leave() {
  for user in $users; do
    for point in dev/shm dev sys proc; do
      mountpoint -q "$folder/$user/$point" && umount -l "$folder/$user/$point" || true
    done
  done
  [ -n "$keep" ] || rm -rf --one-file-system "$folder"
}
trap leave EXIT

# The machine's own package sources, so that a site's mirror is used.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' | sort -u | head -n 1)
[ -n "$mirror" ] || { echo "fresh.sh: apt knows no package source for bookworm; run apt-get update first" >&2; exit 2; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ ! -e "$base/etc/debian_version" ]; then
  echo "== A bare Debian 12 in $base"
  debootstrap --variant=minbase --keyring="$keyring" bookworm "$base" "$mirror" >"$folder/debootstrap.log" 2>&1 ||
    { tail -n 20 "$folder/debootstrap.log"; exit 1; }
fi

# What a person does before the first command: nothing but cloning (a mounted folder stands in for git clone).
prepare() {
  local system=$1
  cp -a "$base" "$system"
  cp /etc/resolv.conf /etc/hosts "$system/etc/"
  mkdir -p "$system/dev/shm"
  mount -t proc proc "$system/proc"
  mount -t sysfs -o ro sysfs "$system/sys"  # hwloc, in Open MPI, reads the processors' layout there
  mount --rbind /dev "$system/dev"
  mount --make-rslave "$system/dev"  # unmounting it later must not reach this machine's /dev
  mountpoint -q "$system/dev/shm" || mount -t tmpfs -o size=2g tmpfs "$system/dev/shm"
}

enter() {
  local system=$1 user=$2
  shift 2
  env -i HOME="$([ "$user" = root ] && echo /root || echo /home/ada)" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LC_ALL=C.UTF-8 chroot "$system" "$@" <&-
}

status=0
for user in $users; do
  system=$folder/$user
  rm -rf --one-file-system "$system"
  prepare "$system"
  name=root home=/root
  if [ "$user" = ordinary ]; then
    name=ada home=/home/ada
    enter "$system" root sh -c 'apt-get update >/dev/null && apt-get install -y --no-install-recommends sudo >/dev/null 2>&1 &&
      useradd --create-home ada && echo "ada ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/ada'
  fi
  clone="$home/a clone/hullscope"
  mkdir -p "$system$home/a clone"
  git clone --quiet "$source_dir" "$system$clone"
  # git refuses another owner's repository; a real clone belongs to its user
  [ "$user" = root ] || enter "$system" root chown -R ada:ada "$home"

  if [ $# -gt 0 ]; then commands=("$*"); else commands=(./quickstart.sh ./quickstart.sh ./check.sh); fi
  for command in "${commands[@]}"; do
    echo "== $user: $command"
    start=$(date +%s)
    if [ "$user" = root ]; then
      enter "$system" root bash -c "cd '$clone' && $command" || status=1
    else
      enter "$system" ada setpriv --reuid=ada --regid=ada --init-groups bash -c "cd '$clone' && $command" || status=1
    fi
    echo "== $user: $command took $(($(date +%s) - start)) s, $([ $status = 0 ] && echo passed || echo FAILED)"
  done
  for point in dev/shm dev sys proc; do mountpoint -q "$system/$point" && umount -l "$system/$point" || true; done
done
exit $status
