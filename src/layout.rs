//! The layout of nginx's structs, checked when the module is built.
//!
//! `nginx-sys` generates its bindings once and makes them again only when nginx's configuration
//! changes. Where a header has changed since (a package update, a patch), they would be stale, and
//! the module would read and write beside the fields it means. So `build.rs` generates the structs
//! that the module reaches into from the headers as they are now, and the build stops here where
//! the two differ in size or in the place of a field that is used.

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
    ngx_cycle_t { conf_ctx, pool, log, modules }
    ngx_http_conf_ctx_t { main_conf, srv_conf, loc_conf }
    ngx_buf_t { pos, last, _bitfield_1 }
    ngx_http_core_loc_conf_t { handler }
    ngx_http_core_main_conf_t { phases, variables }
    ngx_http_headers_in_t { headers, host }
    ngx_http_headers_out_t {
        headers, status, content_length_n, content_type, content_type_len,
    }
    ngx_http_module_t {
        preconfiguration, postconfiguration, create_main_conf, init_main_conf,
        create_srv_conf, merge_srv_conf, create_loc_conf, merge_loc_conf,
    }
    ngx_http_phase_t { handlers }
    ngx_http_request_t {
        connection, ctx, main_conf, srv_conf, loc_conf, pool, headers_in, headers_out, method,
        main, variables, host_start, host_end,
    }
    ngx_http_variable_t { name, set_handler, get_handler, data, flags, index }
    ngx_list_t { last, part, size, nalloc, pool }
    ngx_list_part_t { elts, nelts, next }
    ngx_log_t { log_level }
    ngx_module_t {
        ctx_index, index, name, version, signature, ctx, commands, type_,
        init_master, init_module, init_process, exit_process, exit_master,
    }
    ngx_pool_t { d, current, cleanup, log }
    ngx_shm_zone_t { data, shm, init, tag }
    ngx_slab_pool_t { mutex, data }
    ngx_str_t { len, data }
    ngx_table_elt_t { hash, key, value, lowcase_key }
    ngx_variable_value_t { _bitfield_1, data }
}
