"""The script that writes a file on a host: whole and durable, or not at all."""

from __future__ import annotations

import hashlib
import posixpath
import secrets

from sparkctl.errors import StepFailed
from sparkctl.ssh.command import Put
from sparkctl.ssh.wire import Job, script_with

DISK_FULL = 28
"""The script's exit status when the file system has no room (ENOSPC)."""
CUT_OFF = 74
"""The script's exit status when not all bytes arrived (EX_IOERR of sysexits.h)."""

# Noclobber opens with O_EXCL; `command` keeps a failing exec from ending the shell. From then on the new file is
# reached only through its descriptor, whatever another user of the directory puts in place of its name. rename(2)
# replaces a symbolic link, it does not follow it.
_SCRIPT = r"""
path=$1 dir=$2 tmp=$3 mode=$4 owner=$5 sum=$6 size=$7
umask 077
fail() { echo "$1" >&2; exit "${2:-1}"; }
parents() {
    [ -d "$1" ] && return 0
    parents "$(dirname -- "$1")" || return 1
    mkdir -m 0755 -- "$1" || [ -d "$1" ] || return 1
    [ -z "$owner" ] || chown -h -- "$owner" "$1"
}
parents "$dir" || fail "writing $path: its directory $dir cannot be made"
[ ! -d "$path" ] || fail "writing $path: it is a directory"
set -C
command exec 3>"$tmp" || fail "writing $path: no file can be made in $dir"
set +C
trap 'rm -f -- "$tmp"' EXIT
trap 'exit 143' HUP INT TERM
new=/proc/self/fd/3
if ! said=$(cat 2>&1 >&3); then
    exec 3>&-
    rm -f -- "$tmp"
    case $said in *'No space left'* | *'quota exceeded'*)
        free=$(df -P -- "$dir" | awk 'NR == 2 { print $4 * 1024 }')
        fail "writing $path: no space left, $size bytes needed, $free free; the old file is untouched" 28 ;;
    esac
    fail "writing $path: $said; the old file is untouched"
fi
sync "$new" || fail "writing $path: the disk does not take it" 28
[ "$(sha256sum <"$new")" = "$sum  -" ] || fail "writing $path: not all bytes arrived; the old file is untouched" 74
[ -z "$owner" ] || chown -- "$owner" "$new" || fail "writing $path: its owner cannot be set to $owner"
chmod -- "$mode" "$new" || fail "writing $path: its mode cannot be set to $mode"
mv -fT -- "$tmp" "$path" || fail "writing $path: it cannot be put in place"
trap - EXIT
sync "$dir" || true
"""


def placing(put: Put) -> Job:
    """The job that does `put`. Raises `StepFailed` for a path that is not absolute and plain."""
    path = put.path
    if not path.startswith("/") or path != posixpath.normpath(path) or path == "/" or "\n" in path:
        raise StepFailed(f"writing {path!r}: not an absolute path without . and ..")
    directory, name = posixpath.split(path)
    temporary = posixpath.join(directory, f".{name[:200]}.sparkctl-{secrets.token_hex(8)}")
    digest = hashlib.sha256(put.content).hexdigest()
    size = str(len(put.content))
    args = (path, directory, temporary, f"{put.mode:04o}", put.owner or "", digest, size)
    return Job(script_with(_SCRIPT, *args), put.content, put.timeout, put.sudo)
