#!/bin/sh
# What the demo and the tests use beside Python, from Debian's or Ubuntu's packages. Each part that is
# missing is named with what goes without it; nothing here is fatal.
set -eu

missing=""
want() { # program package what-goes-without-it
    if ! command -v "$1" >/dev/null 2>&1 && ! [ -x "/usr/sbin/$1" ]; then
        missing="$missing $2"
        printf 'not installed: %s (%s)\n' "$2" "$3" >&2
    fi
}

want unshare util-linux "local machines get no sandbox of their own"
want ip iproute2 "local machines get no network of their own"
want slirp4netns slirp4netns "local machines share this machine's network"
want sshd openssh-server "local machines answer no ssh"
want ssh openssh-client "ssh is not tested"
want screen screen "the article's screen session is not tested"
if [ "${1:-}" = "--tests" ]; then
    want chromium chromium "the browser tests are skipped"
    want systemd-nspawn systemd-container "machines are not tested on a real boot"
    want mmdebstrap mmdebstrap "as above: there is no image to boot"
    want mkfs.xfs xfsprogs "data volumes with XFS are not tested"
    want linux.uml user-mode-linux "cloud-init is not tested on a kernel of its own"
    want dnsmasq dnsmasq-base "as above: nothing gives it an address"
fi

[ -n "$missing" ] || exit 0
if [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    printf 'installing:%s\n' "$missing" >&2
    log=$(mktemp)
    # shellcheck disable=SC2086 # a list of package names
    if { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
        rm -f "$log"
    else
        printf 'apt-get failed; going on without. Its log: %s\n' "$log" >&2
    fi
else
    printf 'not root, or no apt-get: going on without.\n' >&2
fi
