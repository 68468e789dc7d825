//! Checks the layout of nginx's structs, when the module is built and when it is loaded.
//!
//! `nginx-sys` generates its bindings once, and again only when nginx's configuration changes. If a
//! header has changed since (a package update, a patch), the bindings are stale, and the module would
//! access the wrong fields. So `build.rs` generates the structs that the module uses again, from the
//! current headers. The build stops here if the two differ in size or in the offset of a used field.

use core::mem::MaybeUninit;
use core::slice;

use nginx_sys::{ngx_conf_t, ngx_uint_t};

use super::conf::{ConfExt, Logged};

#[allow(
    unknown_lints,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    missing_docs,
    unreachable_pub
)]
#[allow(non_camel_case_types, non_snake_case, non_upper_case_globals, unnecessary_transmutes)]
mod current {
    include!(concat!(env!("OUT_DIR"), "/layout.rs"));
}

macro_rules! same_layout {
    ($($name:ident { $($field:ident),* $(,)? })*) => {
        $(const _: () = {
            type Bound = nginx_sys::$name;
            type Current = current::$name;
            const MESSAGE: &str = concat!(
                "struct ", stringify!($name), " differs between nginx's headers and the bindings ",
                "that nginx-sys generated from them: the headers have changed since. ",
                "Generate the bindings again with `cargo clean --package nginx-sys` ",
                "(add `--release` for a release build, `--target-dir` where you gave one) and ",
                "build again; if nginx was updated or patched, configure its source first"
            );
            assert!(size_of::<Bound>() == size_of::<Current>(), "{}", MESSAGE);
            assert!(align_of::<Bound>() == align_of::<Current>(), "{}", MESSAGE);
            $(assert!(
                core::mem::offset_of!(Bound, $field) == core::mem::offset_of!(Current, $field),
                "{}", MESSAGE
            );)*
        };)*
    };
}

same_layout! {
    ngx_array_t { elts, nelts, size, nalloc, pool }
    ngx_command_t { name, type_, set, conf, offset, post }
    ngx_conf_file_t { file, line }
    ngx_conf_t { args, cycle, pool, conf_file, log, module_type, cmd_type, handler_conf }
    ngx_connection_t { log, pool }
    ngx_cycle_t { conf_ctx, pool, log, modules, shared_memory, old_cycle }
    ngx_http_conf_ctx_t { main_conf, srv_conf, loc_conf }
    ngx_buf_t { pos, last, _bitfield_1 }
    ngx_chain_t { buf, next }
    ngx_event_t { data, handler, log, timer, _bitfield_1 }
    ngx_hash_key_t { key, value }
    ngx_hash_keys_arrays_t { keys }
    ngx_http_core_loc_conf_t { name, handler }
    ngx_http_core_main_conf_t { phases, phase_engine, variables, variables_keys }
    ngx_http_headers_in_t { headers, host }
    ngx_http_headers_out_t {
        headers, status, status_line, content_length, content_encoding, location, refresh,
        last_modified, content_range, accept_ranges, etag, content_type_len, content_type, charset,
        content_length_n, last_modified_time,
    }
    ngx_http_module_t {
        preconfiguration, postconfiguration, create_main_conf, init_main_conf,
        create_srv_conf, merge_srv_conf, create_loc_conf, merge_loc_conf,
    }
    ngx_http_phase_engine_t { handlers, location_rewrite_index }
    ngx_http_phase_handler_t { checker, handler, next }
    ngx_http_phase_t { handlers }
    ngx_http_request_t {
        connection, ctx, main_conf, srv_conf, loc_conf, pool, headers_in, headers_out, method,
        main, variables, request_line, host_start, host_end, uri, err_status, content_handler, phase_handler,
        write_event_handler,
    }
    ngx_http_variable_t { name, set_handler, get_handler, data, flags, index }
    ngx_list_t { last, part, size, nalloc, pool }
    ngx_list_part_t { elts, nelts, next }
    ngx_log_t { log_level }
    ngx_module_t {
        ctx_index, index, name, version, signature, ctx, commands, type_,
        init_master, init_module, init_process, exit_process, exit_master,
    }
    ngx_pool_cleanup_t { handler, data, next }
    ngx_pool_t { d, current, cleanup, log }
    ngx_shm_t { addr, size, name }
    ngx_shm_zone_t { data, shm, init, tag }
    ngx_slab_pool_t { mutex, data }
    ngx_str_t { len, data }
    ngx_table_elt_t { hash, key, value, lowcase_key }
    ngx_variable_value_t { _bitfield_1, data }
}

macro_rules! same_bits {
    ($($name:ident { $($set:ident = $c:ident),* $(,)? })*) => {
        unsafe extern "C" {
            $($(fn $c(it: *mut nginx_sys::$name, value: ngx_uint_t);)*)*
        }

        /// Compares the positions of single bits, which Rust cannot check at compile time, and the
        /// offsets of the fields behind the bits of a request, with those in C (`bits.c`).
        ///
        /// # Errors
        ///
        /// If one differs, which is logged.
        pub(crate) fn check_bits(cf: &mut ngx_conf_t) -> Result<(), Logged> {
            $($({
                // SAFETY: a struct of C with all bytes zero, in which one bit is set.
                let (bound, current) = unsafe {
                    let mut bound = MaybeUninit::<nginx_sys::$name>::zeroed();
                    let mut current = MaybeUninit::<nginx_sys::$name>::zeroed();
                    (*bound.as_mut_ptr()).$set(1);
                    $c(current.as_mut_ptr(), 1);
                    (bound, current)
                };
                if bytes_of(&bound) != bytes_of(&current) {
                    return Err(differs(cf, concat!(stringify!($name), ", ", stringify!($set))));
                }
            })*)*
            // SAFETY: a constant.
            if unsafe { cors_policy_request } != REQUEST {
                return Err(differs(cf, "ngx_http_request_t"));
            }
            Ok(())
        }
    };
}

unsafe extern "C" {
    static cors_policy_request: [usize; 3];
}

const REQUEST: [usize; 3] = [
    size_of::<nginx_sys::ngx_http_request_t>(),
    core::mem::offset_of!(nginx_sys::ngx_http_request_t, host_start),
    core::mem::offset_of!(nginx_sys::ngx_http_request_t, host_end),
];

fn differs(cf: &mut ngx_conf_t, what: &str) -> Logged {
    cf.log_emerg(format_args!(
        "ngx_http_cors_policy_module does not know where nginx has {what}: it was compiled with \
         bindings of another nginx, or bindgen places this otherwise than C; compile it again after \
         \"cargo clean --package nginx-sys\""
    ));
    Logged
}

/// All bytes of a struct that was zeroed before fields of it were set.
fn bytes_of<T>(value: &MaybeUninit<T>) -> &[u8] {
    // SAFETY: it was not moved or copied as a `T` since, so that its padding is zero too.
    unsafe { slice::from_raw_parts(value.as_ptr().cast(), size_of::<T>()) }
}

same_bits! {
    ngx_buf_t {
        set_memory = cors_policy_ngx_buf_t_set_memory,
        set_last_buf = cors_policy_ngx_buf_t_set_last_buf,
        set_last_in_chain = cors_policy_ngx_buf_t_set_last_in_chain,
    }
    ngx_event_t {
        set_timer_set = cors_policy_ngx_event_t_set_timer_set,
        set_cancelable = cors_policy_ngx_event_t_set_cancelable,
    }
    ngx_variable_value_t {
        set_len = cors_policy_ngx_variable_value_t_set_len,
        set_valid = cors_policy_ngx_variable_value_t_set_valid,
        set_no_cacheable = cors_policy_ngx_variable_value_t_set_no_cacheable,
        set_not_found = cors_policy_ngx_variable_value_t_set_not_found,
    }
}
