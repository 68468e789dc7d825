# What the scripts beside this file share; they source it.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "error: $*"
    exit 1
}

# Runs a command as root. Asks for a password only where somebody is there to give it.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -z "${CI:-}" ] && { : </dev/tty; } 2>/dev/null; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

can_become_root() {
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" >/dev/null
}

# Sets the array `cargo`: a name, a path, or words like `cargo +1.85`.
find_cargo() {
    read -ra cargo <<<"${CARGO:-cargo}"
    command -v "${cargo[0]}" >/dev/null ||
        die "${cargo[0]} not found: install Rust 1.85 or newer (https://rustup.rs), or name it: make CARGO=/path/to/cargo"
    # make's own options, and variables from its command line, are not for cargo's jobserver
    # or nginx's Makefile.
    unset MAKEFLAGS MFLAGS MAKELEVEL
    leave_out_paths
}

# Keeps this machine's paths out of what cargo builds, which is then the same wherever it is built. Every script does,
# since cargo builds everything anew where flags have changed.
leave_out_paths() {
    local flags home=${CARGO_HOME:-$HOME/.cargo}
    [ -z "${CARGO_ENCODED_RUSTFLAGS:-}" ] || return 0
    read -ra flags <<<"${RUSTFLAGS:-}"
    flags+=("--remap-path-prefix=$project=." "--remap-path-prefix=$home=cargo")
    [ -z "${CARGO_TARGET_DIR:-}" ] || flags+=("--remap-path-prefix=$CARGO_TARGET_DIR=target")
    # Paths may have spaces.
    CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && printf '%s' "${flags[*]}")
    export CARGO_ENCODED_RUSTFLAGS
}

# The version of the project.
project_version() {
    sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml
}

# The name of the source tarball, without its ending.
project_name() {
    printf 'nginx-cors-policy-%s' "$(project_version)"
}

# Prints the path of Chromium, or of what is made from it. CHROMIUM names another one.
find_chromium() {
    command -v "${CHROMIUM:-chromium}" || {
        [ -z "${CHROMIUM:-}" ] &&
            { command -v chromium-browser || command -v google-chrome || command -v google-chrome-stable; }
    }
}

# download_packages PACKAGE…: of the distribution, into the current folder. Nothing is installed.
download_packages() {
    apt-get -qq download "$@" >/dev/null 2>&1 && return
    # Lists that are missing, or older than what the archive has.
    can_become_root && apt update && apt-get -qq download "$@" >/dev/null 2>&1
}

# The folder of the source of nginx that comes with the crate nginx-src.
vendored_nginx() {
    local source
    source=$("${cargo[@]}" metadata --locked --format-version 1 |
        sed 's/.*"manifest_path":"\([^"]*\/nginx-src-[^"\/]*\)\/Cargo.toml".*/\1/')/nginx
    [ -f "$source/src/core/nginx.h" ] || die "the source of nginx is not in $source"
    printf '%s' "$source"
}

# The version of a source of nginx.
nginx_version() {
    sed -n 's/^#define NGINX_VERSION *"\(.*\)"/\1/p' "$1/src/core/nginx.h"
}

# pack_nginx SOURCE VERSION FOLDER: makes FOLDER/nginx-VERSION.tar.gz, as nginx.org has it, and as that version.
pack_nginx() {
    local name=nginx-$2 scratch major minor patch
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/cors-policy-nginx.XXXXXX")
    cp -R "$1" "$scratch/$name"
    # A source from the repository has neither at this place.
    [ -e "$scratch/$name/configure" ] || cp "$scratch/$name/auto/configure" "$scratch/$name/configure"
    [ -e "$scratch/$name/man" ] || cp -R "$scratch/$name/docs/man" "$scratch/$name/man"
    IFS=. read -r major minor patch <<<"$2"
    sed -i "s/^\(#define nginx_version *\).*/\1$((major * 1000000 + minor * 1000 + patch))/
        s/^\(#define NGINX_VERSION *\).*/\1\"$2\"/" "$scratch/$name/src/core/nginx.h"
    tar --create --directory "$scratch" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner "$name" |
        gzip -n1 >"$3/$name.tar.gz"
    rm -rf "$scratch"
}

# configure_nginx SOURCE OPTION…: in the source, the log beside it.
configure_nginx() (
    cd "$1"
    shift
    if [ -x configure ]; then ./configure "$@"; else auto/configure "$@"; fi >configure.log 2>&1 || {
        tail -n 5 configure.log >&2
        die "nginx's configure failed: $PWD/configure.log"
    }
)
