//! `ngx_conf_t`: the words and the place of a directive, messages, and variables without a name.

use core::ffi::c_char;
use core::fmt;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nginx_sys::{
    NGX_ERROR, NGX_LOG_EMERG, NGX_LOG_WARN, NGX_OK, ngx_array_create, ngx_array_push,
    ngx_conf_full_name, ngx_conf_t, ngx_http_request_t, ngx_http_variable_t,
    ngx_http_variable_value_t, ngx_int_t, ngx_str_t,
};
use ngx::core::NGX_CONF_ERROR;
use ngx::http::{HttpModuleMainConf, NgxHttpCoreModule};
use ngx::ngx_conf_log_error;

/// The configuration has a mistake, and its message is logged.
pub(crate) struct Logged;

/// A line of a file.
#[derive(Clone)]
pub(crate) struct SourceLine {
    file: PathBuf,
    line: Option<u32>,
}

impl SourceLine {
    pub(crate) fn new(file: PathBuf, line: Option<u32>) -> Self {
        Self { file, line }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The line in the file, from 1, if known.
    pub(crate) fn line(&self) -> Option<u32> {
        self.line
    }
}

/// Formatted like the place at the end of nginx's own messages.
impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

pub(crate) trait ConfExt {
    /// The words of the directive, its name first.
    fn words(&self) -> &[ngx_str_t];

    /// The line of the directive.
    fn source_line(&self) -> SourceLine;

    /// A file name of the configuration, relative to the folder of nginx.conf
    /// (`ngx_conf_full_name`); `None` when memory ran out.
    fn path(&mut self, name: ngx_str_t) -> Option<PathBuf>;

    /// Logs one mistake at `emerg`; nginx adds the line of the directive.
    fn log_emerg(&mut self, message: impl fmt::Display);

    /// Logs one mistake at `emerg`, for a directive at another line.
    fn log_emerg_at(&mut self, line: &SourceLine, message: impl fmt::Display);

    /// Logs a warning; nginx adds the line of the directive.
    fn log_warn(&mut self, message: impl fmt::Display);

    /// Logs a warning about a directive at another line.
    fn log_warn_at(&mut self, line: &SourceLine, message: impl fmt::Display);

    /// Logs one mistake, and returns the value by which a directive's handler reports an error.
    fn reject(&mut self, message: impl fmt::Display) -> *mut c_char {
        self.log_emerg(message);
        NGX_CONF_ERROR
    }
}

impl ConfExt for ngx_conf_t {
    fn words(&self) -> &[ngx_str_t] {
        // SAFETY: `args` is an array of `ngx_str_t` that `ngx_conf_read_token` filled.
        unsafe { (*self.args).as_slice() }
    }

    fn source_line(&self) -> SourceLine {
        // SAFETY: while a directive is handled, `conf_file` is the file that it was read from.
        let file = unsafe { &*self.conf_file };
        SourceLine::new(to_path(&file.file.name), u32::try_from(file.line).ok())
    }

    fn path(&mut self, mut name: ngx_str_t) -> Option<PathBuf> {
        // SAFETY: `cycle` is the one being configured; the call replaces `name`, which is a copy,
        // by a string allocated from its pool.
        let rc = unsafe { ngx_conf_full_name(self.cycle, &mut name, 1) };
        (rc == NGX_OK as ngx_int_t).then(|| to_path(&name))
    }

    fn log_emerg(&mut self, message: impl fmt::Display) {
        ngx_conf_log_error!(NGX_LOG_EMERG, self, "{message}");
    }

    fn log_emerg_at(&mut self, line: &SourceLine, message: impl fmt::Display) {
        ngx::ngx_log_error!(NGX_LOG_EMERG, self.log, "{message} in {line}");
    }

    fn log_warn(&mut self, message: impl fmt::Display) {
        ngx_conf_log_error!(NGX_LOG_WARN, self, "{message}");
    }

    fn log_warn_at(&mut self, line: &SourceLine, message: impl fmt::Display) {
        ngx::ngx_log_error!(NGX_LOG_WARN, self.log, "{message} in {line}");
    }
}

fn to_path(name: &ngx_str_t) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(name.as_bytes()))
}

/// Adds a variable without a name to the `http` block that `cf` configures; returns its index.
///
/// No configuration can read or write such a variable. `ngx_http_get_variable_index` finds variables
/// by name, in any case, and refuses only the empty name; so this function adds the variable where
/// that one would.
///
/// # Errors
///
/// `NGX_ERROR` if there is no memory.
pub(crate) fn add_nameless_variable(cf: &mut ngx_conf_t) -> Result<usize, ngx_int_t> {
    const SIZE: usize = size_of::<ngx_http_variable_t>();
    const INITIAL_CAPACITY: usize = 4;
    let failed = NGX_ERROR as ngx_int_t;
    let core = NgxHttpCoreModule::main_conf_mut(cf).ok_or(failed)?;
    let variables = &mut core.variables;
    // SAFETY: called while `http` is being configured; the array is for elements of this kind, and
    // nginx makes it with the first one.
    let variable = unsafe {
        if variables.elts.is_null() {
            let new = ngx_array_create(cf.pool, INITIAL_CAPACITY, SIZE);
            *variables = *new.as_ref().ok_or(failed)?;
        }
        ngx_array_push(variables).cast::<ngx_http_variable_t>()
    };
    if variable.is_null() {
        return Err(failed);
    }
    let index = variables.nelts - 1;
    // SAFETY: room for one element.
    unsafe {
        variable.write(ngx_http_variable_t {
            name: ngx_str_t::empty(),
            set_handler: None,
            // nginx requires a handler.
            get_handler: Some(get_nothing),
            data: 0,
            flags: 0,
            index,
        });
    }
    Ok(index)
}

/// The handler of a variable that nothing reads.
unsafe extern "C" fn get_nothing(
    _r: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    _data: usize,
) -> ngx_int_t {
    // SAFETY: nginx passes the value to fill in.
    unsafe { (*value).set_not_found(1) };
    NGX_OK as ngx_int_t
}
