//! `cors_policy_define`: a policy in the nginx configuration.
//!
//! The directives in the block are the keys of a policy document. They become the same tree of nodes
//! as a YAML file, so both go through one validation. The directives belong to a module of its own
//! type: between the braces, nginx accepts only these directives and `include`.

use core::ffi::{c_char, c_void};
use core::ptr;

use cors_policy::document::{self, Accepted, Block, BlockError, Level, Mistake, NodeLine};
use nginx_sys::{
    NGX_CONF_1MORE, NGX_CONF_BLOCK, NGX_CONF_NOARGS, NGX_MAIN_CONF, ngx_command_t, ngx_conf_parse,
    ngx_conf_t, ngx_module_t, ngx_str_t, ngx_uint_t,
};
use ngx::core::{NGX_CONF_ERROR, NGX_CONF_OK};

use super::file_zone::{RefusedDocument, nginx_conf};
use super::policies::Policies;
use super::rendered_policy::RenderedPolicy;
use crate::nginx::conf::{ConfExt, Logged, SourceLine};
use crate::nginx::panic;

/// The type of the module of the block's directives: "CORS".
const MODULE_TYPE: ngx_uint_t = u32::from_le_bytes(*b"CORS") as ngx_uint_t;

/// The module of the block's directives.
#[allow(non_upper_case_globals)]
#[used]
#[cfg_attr(not(feature = "export-modules"), unsafe(no_mangle))]
pub(crate) static mut ngx_cors_policy_define_module: ngx_module_t = ngx_module_t {
    commands: (&raw mut COMMANDS).cast(),
    type_: MODULE_TYPE,
    ..ngx_module_t::default()
};

const fn key(name: ngx_str_t) -> ngx_command_t {
    ngx_command_t {
        name,
        type_: (NGX_MAIN_CONF | NGX_CONF_1MORE) as ngx_uint_t,
        set: Some(cmd_key),
        conf: 0,
        offset: 0,
        post: ptr::null_mut(),
    }
}

static mut COMMANDS: [ngx_command_t; 19] = [
    key(ngx::ngx_string!("allow_origins")),
    key(ngx::ngx_string!("allow_origins_file")),
    key(ngx::ngx_string!("allow_methods")),
    key(ngx::ngx_string!("allow_headers")),
    key(ngx::ngx_string!("expose_headers")),
    key(ngx::ngx_string!("allow_credentials")),
    key(ngx::ngx_string!("max_age")),
    key(ngx::ngx_string!("allow_private_network")),
    key(ngx::ngx_string!("timing_allow_origin")),
    key(ngx::ngx_string!("deny_origins")),
    key(ngx::ngx_string!("upstream_headers")),
    key(ngx::ngx_string!("preflight")),
    key(ngx::ngx_string!("preflight_status")),
    key(ngx::ngx_string!("enforce")),
    key(ngx::ngx_string!("own_origins")),
    key(ngx::ngx_string!("static_origin")),
    key(ngx::ngx_string!("dangerously_allow")),
    ngx_command_t {
        name: ngx::ngx_string!("rule"),
        type_: (NGX_MAIN_CONF | NGX_CONF_BLOCK | NGX_CONF_NOARGS) as ngx_uint_t,
        set: Some(cmd_rule),
        conf: 0,
        offset: 0,
        post: ptr::null_mut(),
    },
    ngx_command_t::empty(),
];

/// The block that is being read.
fn open_block(cf: &mut ngx_conf_t) -> &mut Block {
    // SAFETY: the directives of this module are read only in `read`, which puts a block here.
    unsafe { &mut *cf.handler_conf.cast() }
}

/// Reads the block that begins at `cf`, and adds its policy to `policies`.
///
/// # Errors
///
/// The value by which a directive's handler reports an error.
pub(crate) fn read(
    cf: &mut ngx_conf_t,
    policies: &mut Policies,
    name: ngx_str_t,
) -> Result<(), *mut c_char> {
    let Ok(name) = name.to_str().map(str::to_owned) else {
        return Err(cf.reject(format_args!("\"{name}\" cannot name a CORS policy")));
    };
    let line = cf.source_line();
    let mut block = Block::new(node_line(&line));

    let outer = (cf.module_type, cf.cmd_type, cf.handler_conf);
    cf.module_type = MODULE_TYPE;
    cf.cmd_type = NGX_MAIN_CONF as ngx_uint_t;
    cf.handler_conf = (&raw mut block).cast();
    let rv = parse(cf);
    (cf.module_type, cf.cmd_type, cf.handler_conf) = outer;
    if rv != NGX_CONF_OK {
        suggest(cf, &block);
        return Err(rv);
    }

    let (node, node_lines) = block.into_node();
    match document::policy_from_node(&name, &node, line.file(), &node_lines) {
        Ok(Accepted { value: policy, warnings, files, .. }) => {
            policies.add_lists(files);
            log(cf, &line, &warnings, &node_lines);
            policies
                .define(cf, RenderedPolicy::new(policy), line, None, false)
                .map_err(|Logged| NGX_CONF_ERROR)
        }
        Err(report) => {
            RefusedDocument::of_report(nginx_conf(), &report).note_in_current_cycle();
            log(cf, &line, report.mistakes(), &node_lines);
            if let Some(rest) = report.rest() {
                cf.log_emerg_at(&line, rest);
            }
            Err(NGX_CONF_ERROR)
        }
    }
}

fn node_line(line: &SourceLine) -> NodeLine {
    // nginx counts the lines of every file that it reads directives from.
    NodeLine { file: line.file().into(), line: line.line().unwrap_or_default() }
}

/// Logs mistakes, each at the line of its directive; those in a list of origins at `block`.
fn log(cf: &mut ngx_conf_t, block: &SourceLine, mistakes: &[Mistake], lines: &[NodeLine]) {
    for mistake in mistakes {
        let is_in_block = lines.iter().any(|line| *line.file == *mistake.file());
        let (line, message) = if is_in_block {
            let line = SourceLine::new(mistake.file().to_owned(), mistake.line());
            (line, mistake.message())
        } else {
            (block.clone(), mistake.at_place().to_string())
        };
        match mistake.level() {
            Level::Error => cf.log_emerg_at(&line, message),
            Level::Warning => cf.log_warn_at(&line, message),
        }
    }
}

/// Reads directives up to the closing brace.
fn parse(cf: &mut ngx_conf_t) -> *mut c_char {
    // SAFETY: nginx is reading the configuration `cf`, after an opening brace.
    unsafe { ngx_conf_parse(cf, ptr::null_mut()) }
}

/// Adds a suggestion to nginx's message about an unknown directive.
fn suggest(cf: &mut ngx_conf_t, block: &Block) {
    let words = cf.words().iter().map(|word| word.to_str().map(str::to_owned));
    let Ok(words) = words.collect::<Result<Vec<_>, _>>() else { return };
    let Some((name, arguments)) = words.split_first() else { return };
    if let Some(advice) = block.advice(name, arguments) {
        cf.log_emerg(advice);
    }
}

/// The text by which a directive's handler reports an error. nginx puts the directive's name before it.
fn reason(error: BlockError) -> *mut c_char {
    let text = match error {
        BlockError::OneArgument => c"takes one argument",
        BlockError::NestedRule => c"is not allowed in another one",
    };
    text.as_ptr().cast_mut()
}

/// The directive of a key of a policy.
extern "C" fn cmd_key(
    cf: *mut ngx_conf_t,
    _cmd: *mut ngx_command_t,
    _conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx calls with a valid configuration.
    let cf = unsafe { &mut *cf };
    panic::catch(cf.log, || match read_key(cf) {
        Ok(()) => NGX_CONF_OK,
        Err(error) => error,
    })
    .unwrap_or(NGX_CONF_ERROR)
}

fn read_key(cf: &mut ngx_conf_t) -> Result<(), *mut c_char> {
    let line = node_line(&cf.source_line());
    let mut words = Vec::with_capacity(cf.words().len());
    for word in cf.words() {
        words.push(
            word.to_str().map(str::to_owned).map_err(|_| c"is not UTF-8".as_ptr().cast_mut())?,
        );
    }
    let key = words.remove(0);
    // As everywhere in nginx.conf, a path is relative to its folder.
    if let ("allow_origins_file", [path]) = (key.as_str(), &mut words[..]) {
        *path = full_path(cf)?;
    }
    open_block(cf).add(line, &key, words).map_err(reason)
}

/// The argument of the directive as a path.
fn full_path(cf: &mut ngx_conf_t) -> Result<String, *mut c_char> {
    // `read_key` calls this only for a directive with one argument.
    let name = cf.words()[1];
    let path = cf.path(name).ok_or(NGX_CONF_ERROR)?;
    path.into_os_string().into_string().map_err(|_| c"is not UTF-8".as_ptr().cast_mut())
}

/// The `rule { … }` block.
extern "C" fn cmd_rule(
    cf: *mut ngx_conf_t,
    _cmd: *mut ngx_command_t,
    _conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx calls with a valid configuration.
    let cf = unsafe { &mut *cf };
    panic::catch(cf.log, || {
        let line = node_line(&cf.source_line());
        if let Err(error) = open_block(cf).open_rule(line) {
            return reason(error);
        }
        let rv = parse(cf);
        // After a mistake, the rule stays open: advice depends on where it is.
        if rv == NGX_CONF_OK {
            open_block(cf).close_rule();
        }
        rv
    })
    .unwrap_or(NGX_CONF_ERROR)
}
