//! Passes on what nginx the module is built for, and generates from that nginx's headers what
//! `src/nginx/layout.rs` compares with the bindings of `nginx-sys`.
//!
//! Which nginx that is, `nginx-sys` decides: the one that `NGINX_SOURCE_DIR` or `NGINX_BUILD_DIR`
//! names, otherwise the vendored one. It tells what it found in `DEP_NGINX_*`, which cargo gives
//! only to a direct dependent.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The structs that the module reaches into, and with them everything they are made of.
const STRUCTS: &[&str] = &[
    "ngx_array_t",
    "ngx_buf_t",
    "ngx_chain_t",
    "ngx_command_t",
    "ngx_conf_file_t",
    "ngx_conf_t",
    "ngx_connection_t",
    "ngx_cycle_t",
    "ngx_event_t",
    "ngx_hash_key_t",
    "ngx_hash_keys_arrays_t",
    "ngx_http_conf_ctx_t",
    "ngx_http_core_loc_conf_t",
    "ngx_http_core_main_conf_t",
    "ngx_http_headers_in_t",
    "ngx_http_headers_out_t",
    "ngx_http_module_t",
    "ngx_http_phase_engine_t",
    "ngx_http_phase_handler_t",
    "ngx_http_phase_t",
    "ngx_http_request_t",
    "ngx_http_variable_t",
    "ngx_list_t",
    "ngx_list_part_t",
    "ngx_log_t",
    "ngx_module_t",
    "ngx_pool_cleanup_t",
    "ngx_pool_t",
    "ngx_shm_t",
    "ngx_shm_zone_t",
    "ngx_slab_pool_t",
    "ngx_str_t",
    "ngx_table_elt_t",
    "ngx_variable_value_t",
];

fn main() -> Result<(), Box<dyn Error>> {
    // Only the package in `t/panics/` has it.
    println!("cargo::rustc-check-cfg=cfg(feature, values(\"fail-points\"))");
    keep_in_memory();
    link_unwinder()?;
    pass_on_version()?;
    compile_bits()?;
    generate_layout()
}

/// Has the dynamic linker never unload the module.
///
/// nginx unloads it with the last configuration that has it. A thread that reads a policy file may
/// still run then, at the end of a worker; and a reload that fails late leaves nginx with a chain of
/// filters that goes through the module.
fn keep_in_memory() {
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if ["linux", "freebsd"].contains(&os.as_str()) {
        println!("cargo::rustc-link-arg-cdylib=-Wl,-z,nodelete");
    }
}

/// Has the unwinder linked statically where the C library is musl: images of nginx on musl have no `libgcc_s.so.1`.
///
/// Rust asks the linker for `gcc_s`. What stands for it here is the unwinder that comes with Rust for musl, or else the
/// compiler's. `config` does the same for nginx's own build.
fn link_unwinder() -> Result<(), Box<dyn Error>> {
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let is_static = features.split(',').any(|feature| feature == "crt-static");
    if env::var("CARGO_CFG_TARGET_ENV").as_deref() != Ok("musl") || is_static {
        return Ok(());
    }
    let sysroot = Command::new(env::var("RUSTC")?).args(["--print", "sysroot"]).output()?.stdout;
    let unwinder = Path::new(String::from_utf8(sysroot)?.trim())
        .join("lib/rustlib")
        .join(env::var("TARGET")?)
        .join("lib/self-contained/libunwind.a");
    let script = if unwinder.exists() {
        format!("INPUT({})\n", unwinder.display())
    } else {
        "INPUT(-lgcc_eh -lgcc)\n".to_owned()
    };
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("libgcc_s.so"), script)?;
    println!("cargo::rustc-link-search=native={}", out.display());
    Ok(())
}

/// The value of a variable that `nginx-sys` hands to its direct dependents.
fn nginx_sys(name: &str) -> Result<String, Box<dyn Error>> {
    let name = format!("DEP_NGINX_{name}");
    println!("cargo::rerun-if-env-changed={name}");
    env::var(&name).map_err(|e| format!("{name}, which nginx-sys should have set: {e}").into())
}

/// Sets the `cfg` values for what differs between the supported versions and builds of nginx.
fn pass_on_version() -> Result<(), Box<dyn Error>> {
    println!("cargo::rustc-check-cfg=cfg(ngx_header_next)");
    println!("cargo::rustc-check-cfg=cfg(ngx_feature, values({}))", nginx_sys("FEATURES_CHECK")?);

    let version: u32 = nginx_sys("VERSION_NUMBER")?.parse()?;
    // nginx 1.23.0 links the header lines of one name: `ngx_table_elt_t.next`.
    if version >= 1_023_000 {
        println!("cargo::rustc-cfg=ngx_header_next");
    }

    for feature in nginx_sys("FEATURES")?.split(',').map(str::trim) {
        println!("cargo::rustc-cfg=ngx_feature=\"{feature}\"");
    }

    Ok(())
}

/// Compiles `src/nginx/bits.c`, which reaches what bindings cannot.
fn compile_bits() -> Result<(), Box<dyn Error>> {
    // The package in `t/panics/` is built by this program too.
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let path =
        ["src/nginx", "../../src/nginx"].map(|source| Path::new(&root).join(source).join("bits.c"));
    let path = path.into_iter().find(|path| path.exists()).ok_or("src/nginx/bits.c is missing")?;
    println!("cargo::rerun-if-changed={}", path.display());
    let mut build = cc::Build::new();
    build.file(&path).includes(env::split_paths(&nginx_sys("INCLUDE")?)).warnings(false);
    // As rustc does with the paths of this machine, where a package is built: in the debug information.
    build.flag_if_supported(format!("-ffile-prefix-map={root}=."));
    for flag in nginx_sys("CFLAGS").unwrap_or_default().split_whitespace() {
        build.flag(flag);
    }
    build.try_compile("cors_policy_bits")?;
    Ok(())
}

/// Generates bindings for [`STRUCTS`] anew, from the headers as they are now.
fn generate_layout() -> Result<(), Box<dyn Error>> {
    let include = nginx_sys("INCLUDE")?;
    let cflags = nginx_sys("CFLAGS").unwrap_or_default();

    let mut builder = bindgen::Builder::default()
        .header_contents(
            "layout.h",
            "#include <ngx_config.h>\n#include <ngx_core.h>\n#include <ngx_http.h>\n",
        )
        .clang_args(env::split_paths(&include).map(|dir| format!("-I{}", dir.display())))
        .clang_args(cflags.split_whitespace())
        .layout_tests(false)
        .use_core()
        .rust_target(env::var("CARGO_PKG_RUST_VERSION")?.parse().map_err(|e| format!("{e}"))?)
        .rust_edition(bindgen::RustEdition::Edition2024)
        // The bindings have to be made again when a header changes; nginx-sys does not notice.
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new().rerun_on_header_files(true)));
    for name in STRUCTS {
        builder = builder.allowlist_type(name);
    }

    let out = PathBuf::from(env::var("OUT_DIR")?).join("layout.rs");
    let bindings = builder.generate().map_err(|e| explain(&e, Path::new(&include)))?;
    bindings.write_to_file(out)?;
    Ok(())
}

fn explain(error: &bindgen::BindgenError, include: &Path) -> String {
    format!(
        "the headers of nginx ({}) could not be read: {error}. \
         Is the source of nginx configured (./configure), and is libclang installed?",
        include.display()
    )
}
