"""Leaves in vendor/ what a source tarball needs, and writes the licenses of it.

    vendored.py TREE CARGO…

TREE is the project with vendor/, as `cargo vendor --versioned-dirs` makes it. Cargo looks at every crate of Cargo.lock
before it builds some of them. So a crate that is not needed stays with what says its name and features, and a library that
says why it cannot be compiled.
"""

import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

# What is built, and for what.
PACKAGES = [
    ["ngx_http_cors_policy_module", "--no-default-features"],
    ["cors-policy-cli"],
    ["cors-policy-manual"],
]
TARGETS = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-unknown-freebsd",
    # Where the tool is used.
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
]

LEFT_OUT = """\
compile_error!("{name} is not in the source tarball, which has what the module for a given nginx (NGINX_SOURCE_DIR) and \\
    the tool are built from: for all else, take a checkout, with network");
// For where this stands for a build script.
#[allow(dead_code)]
fn main() {{}}
"""

LICENSE_NAMES = ("license", "licence", "copying", "copyright", "notice", "unlicense")


def needed(cargo, tree):
    """The names and versions of the crates that are built into something, host programs included."""
    crates = set()
    for package, *options in PACKAGES:
        for target in TARGETS:
            command = [*cargo, "tree", "--quiet", "--locked", "--offline", "--edges", "normal,build", "--target", target]
            command += ["--prefix", "none", "--format", "{p}", "--package", package, *options]
            for line in subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True).stdout.splitlines():
                name, version = line.split()[:2]
                crates.add(f"{name}-{version.removeprefix('v')}")
    return {crate for crate in crates if (tree / "vendor" / crate).exists()}


def leave_out(crate):
    """Keeps of a crate what cargo reads of one that it does not build."""
    manifest = (crate / "Cargo.toml").read_bytes()
    package = json.loads((crate / ".cargo-checksum.json").read_text())["package"]
    shutil.rmtree(crate)
    (crate / "src").mkdir(parents=True)
    library = LEFT_OUT.format(name=crate.name).encode()
    files = {"Cargo.toml": manifest, "src/lib.rs": library, **targets(manifest, library)}
    for name, content in files.items():
        (crate / name).parent.mkdir(parents=True, exist_ok=True)
        (crate / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    (crate / ".cargo-checksum.json").write_text(json.dumps({"files": sums, "package": package}))


def leave_out_tests(crate):
    """Removes what is in a crate for those who change it."""
    path = crate / ".cargo-checksum.json"
    sums = json.loads(path.read_text())
    for name in ("benches", "tests"):
        shutil.rmtree(crate / name, ignore_errors=True)
    # As its author wrote it. Tools that clean up remove it, and cargo would miss it.
    (crate / "Cargo.toml.orig").unlink(missing_ok=True)
    # Cargo leaves these out when it takes crates from a folder.
    for file in crate.iterdir():
        if file.name.startswith(".") and file != path:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    sums["files"] = {name: checksum for name, checksum in sums["files"].items() if (crate / name).exists()}
    path.write_text(json.dumps(sums))


def targets(manifest, content):
    """The files that a manifest names as a crate's sources, without which it would be refused."""
    names = (line.split('"')[1] for line in manifest.decode().splitlines() if line.startswith(("path = ", "build = ")) and '"' in line)
    return {name: content for name in names if name.endswith(".rs")}


def license_files(crate):
    """Also those of code that a crate has taken from elsewhere, which lie in folders below."""
    return sorted(
        file
        for file in crate.rglob("*")
        if file.is_file() and file.suffix != ".rs" and file.name.lower().startswith(LICENSE_NAMES)
    )


def third_party(tree, crates, metadata):
    """Writes what the crates are licensed under, and each text once."""
    lines = [
        "# Third-party software",
        "",
        "What is built into the module and the command line tool, or runs while they are built. The Public Suffix List in",
        "policy/data/ is under the Mozilla Public License 2.0 (https://mozilla.org/MPL/2.0/).",
        "",
        "Rust's standard library is in them too (MIT OR Apache-2.0, https://github.com/rust-lang/rust), and where the C library",
        "is musl, LLVM's libunwind (Apache-2.0 WITH LLVM-exception).",
        "",
        "| crate | version | license | text |",
        "| --- | --- | --- | --- |",
    ]
    texts = {}
    for package in sorted(metadata["packages"], key=lambda package: (package["name"], package["version"])):
        folder = f"{package['name']}-{package['version']}"
        if package["source"] is None or folder not in crates:
            continue
        numbers = []
        for file in license_files(tree / "vendor" / folder):
            text = file.read_text(encoding="utf-8", errors="replace").strip()
            numbers.append(texts.setdefault(text, len(texts) + 1))
        if not package["license"] and not numbers:
            sys.exit(f"{folder} has no license")
        numbers = ", ".join(f"[{number}](#text-{number})" for number in sorted(set(numbers)))
        lines.append(f"| {package['name']} | {package['version']} | {package['license'] or 'see the text'} | {numbers or '–'} |")
    for text, number in texts.items():
        lines += ["", f"## Text {number}", "", *(f"    {line}".rstrip() for line in text.splitlines())]
    (tree / "THIRD-PARTY.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    tree = pathlib.Path(sys.argv[1])
    cargo = sys.argv[2:]
    command = [*cargo, "metadata", "--quiet", "--locked", "--offline", "--format-version", "1"]
    metadata = json.loads(subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True).stdout)
    crates = needed(cargo, tree)
    left_out = 0
    for crate in sorted((tree / "vendor").iterdir()):
        if crate.name in crates:
            leave_out_tests(crate)
        else:
            leave_out(crate)
            left_out += 1
    third_party(tree, crates, metadata)
    print(f"{len(crates)} crates, {left_out} left out", file=sys.stderr)


main()
