# Root folders of releases of Debian, made by mmdebstrap, for the scripts beside this file that build
# or test in other releases; they source it after lib.bash. It needs a working directory at the top of the
# project.

# Where crates from outside are, for the roots: empty, or see vendor_crates.
crates=

can_become_root ||
    die "root folders are made and entered by root: run this as root, or install sudo"

# make_root SUITE FOLDER PACKAGE…: a root folder of a release, unless it is there and was made like this. The array
# `root_options` can hold more options of mmdebstrap.
root_options=()
make_root() {
    local suite=$1 root=$2 recipe
    local command=(mmdebstrap --quiet --variant=apt --include="${*:3}"
        # A mirror that keeps an older state of unstable.
        --aptopt='Acquire::Check-Valid-Until "false"'
        --aptopt='APT::Install-Recommends "false"'
        # What is installed later is chosen by the lists.
        --skip=cleanup/apt/lists
        ${root_options[@]+"${root_options[@]}"}
        "$suite" "$root")
    recipe=$(printf '%q ' "${command[@]}")
    [ "$(cat "$root.recipe" 2>/dev/null)" != "$recipe" ] || return 0

    say "== making a root folder of $suite: $root"
    mkdir -p "$(dirname "$root")" &&
        as_root rm -rf "$root" "$root.recipe" &&
        as_root "${command[@]}" &&
        printf '%s\n' "$recipe" >"$root.recipe"
}

# emulate ARCH: has the kernel run programs of this processor in qemu, in every root, until the script ends. A handler that
# is there stays as it is.
emulate() {
    local qemu registry=/proc/sys/fs/binfmt_misc handler=cors-policy-$1-$$
    [ "$1" = arm64 ] || die "ARCH=$1: arm64 is the only other processor that this knows"
    # A processor that is sold. qemu's own signs pointers, which takes most of the time, and has cache lines of 32 bytes, by
    # which nginx sizes its hashes.
    emulated_cpu=${QEMU_CPU:-cortex-a72}
    # It stays mounted, as it is on most systems.
    [ -e "$registry/register" ] || as_root mount -t binfmt_misc none "$registry" ||
        die "programs of $1 cannot run here: the kernel has no binfmt_misc, or does not allow to mount it"
    grep -qx enabled "$registry/status" ||
        die "programs of $1 cannot run here: binfmt_misc is switched off (echo 1 > $registry/status)"
    # F: the kernel opens qemu here, and no root folder needs to have it. What other runs of this have registered does not
    # count, since it goes with them.
    ! { head -n 1 "$registry/qemu-aarch64" | grep -qx enabled && grep -q '^flags:.*F' "$registry/qemu-aarch64"; } \
        2>/dev/null || return 0
    qemu=$(command -v qemu-aarch64-static) || die "programs of $1 cannot run here: install qemu-user-static"
    # ELF, 64 bits, little endian, EM_AARCH64, as an executable or a shared object.
    printf ':%s:M::%s:%s:%s:OCF' "$handler" \
        '\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00' \
        '\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff' "$qemu" |
        as_root tee "$registry/register" >/dev/null ||
        die "programs of $1 cannot run here: the kernel did not take $qemu for them"
    # shellcheck disable=SC2064  # the name of now
    trap "echo -1 | as_root tee '$registry/$handler' >/dev/null ||
        say 'qemu is still registered; as root: echo -1 > $registry/$handler'" EXIT
}

# copy_project FOLDER: what is in the project and not built, into a folder, where a target/ stays from run to
# run.
copy_project() {
    local project=$1
    as_root mkdir -p "$project" &&
        as_root find "$project" -mindepth 1 -maxdepth 1 ! -name target -exec rm -rf {} + &&
        tar -c --exclude='./t/servroot*' --exclude=./target --exclude=./dist --exclude=./.git . |
            as_root tar -x --no-same-owner -C "$project"
}

# The crates of Cargo.lock, and a CARGO_HOME whose configuration names them.
vendor_crates() {
    crates=target/crates
    mkdir -p "$crates/home"
    "${cargo[@]}" vendor --locked --versioned-dirs --respect-source-config --quiet \
        "$crates/vendor" >/dev/null
    cat >"$crates/home/config.toml" <<'END'
[source.crates-io]
replace-with = "vendor"

[source.vendor]
directory = "/crates/vendor"
END
}

# toolchain WHAT: the folder of the Rust toolchain that cargo belongs to, for what needs it.
toolchain() {
    local path dir
    path=$(readlink -f "$(command -v "${cargo[0]}")")
    dir=${path%/bin/*}
    if [ ! -d "$dir/lib/rustlib" ]; then
        # rustup stands in for it, and is told which one by a word like +1.85.
        path=$(rustup which ${cargo[1]:+--toolchain "${cargo[1]#+}"} cargo)
        dir=${path%/bin/*}
    fi
    [ "$dir" != /usr ] || die "$1: this needs a Rust of its own: install Rust 1.85 or newer (https://rustup.rs)"
    printf '%s' "$dir"
}

# enter ROOT COMMAND…: in the folder, with processes and mounts that last as long as the command. The array
# `enter_with` can hold more options of unshare; the folder of a Rust toolchain in `rust` is /rust there; `emulated_cpu` is
# what qemu is told.
enter_with=()
rust=
emulated_cpu=
enter() {
    # shellcheck disable=SC2016  # for the shell inside
    as_root unshare --mount --pid --fork --kill-child ${enter_with[@]+"${enter_with[@]}"} bash -euc '
        root=$1 crates=$2 rust=$3 emulated_cpu=$4
        shift 4
        cp --remove-destination -L /etc/resolv.conf "$root/etc/resolv.conf"
        mkdir -p "$root/crates" "$root/rust"
        home=
        if [ -n "$crates" ]; then
            mount --bind "$crates" "$root/crates"
            home=CARGO_HOME=/crates/home
        fi
        if [ -n "$rust" ]; then
            mount --bind "$rust" "$root/rust"
            mount -o remount,bind,ro "$root/rust"
        fi
        mount --rbind /dev "$root/dev"
        mount -t proc proc "$root/proc"
        exec chroot "$root" /usr/bin/env -i PATH=/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
            LANG=C.UTF-8 CI=true CARGO_NET_OFFLINE=true $home ${emulated_cpu:+QEMU_CPU="$emulated_cpu"} "$@"
    ' enter "$1" "$crates" "$rust" "$emulated_cpu" "${@:2}" </dev/null
}
