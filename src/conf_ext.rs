//! What the directives need of `ngx_conf_t`, with the unsafe part in one place.

use core::ffi::c_char;
use core::fmt;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nginx_sys::{
    NGX_HTTP_LIF_CONF, NGX_HTTP_MAIN_CONF, NGX_HTTP_SRV_CONF, NGX_LOG_EMERG, NGX_OK,
    ngx_conf_full_name, ngx_conf_t, ngx_int_t, ngx_str_t,
};
use ngx::core::NGX_CONF_ERROR;
use ngx::ngx_conf_log_error;

use crate::conf::Block;

/// A line of a file.
#[derive(Clone)]
pub(crate) struct Place {
    file: PathBuf,
    line: Option<u32>,
}

impl Place {
    pub(crate) fn new(file: PathBuf, line: Option<u32>) -> Self {
        Self { file, line }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }
}

/// Written as nginx writes it at the end of its own messages.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

pub(crate) trait ConfExt {
    /// The words of the directive, its name first.
    fn words(&self) -> &[ngx_str_t];

    /// Where the directive stands.
    fn place(&self) -> Place;

    /// The kind of block of `http` that the directive stands in.
    fn block(&self) -> Block;

    /// A file name of the configuration, relative to the folder of nginx.conf
    /// (`ngx_conf_full_name`); `None` when memory ran out.
    fn path(&mut self, name: ngx_str_t) -> Option<PathBuf>;

    /// Logs one mistake at `emerg`; nginx adds the place of the directive.
    fn log_emerg(&mut self, message: impl fmt::Display);

    /// Logs one mistake at `emerg`, for a directive that stood at `place`.
    fn log_emerg_at(&mut self, place: &Place, message: impl fmt::Display);

    /// Logs one mistake and gives what a directive's handler returns then.
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

    fn place(&self) -> Place {
        // SAFETY: while a directive is handled, `conf_file` is the file that it was read from.
        let file = unsafe { &*self.conf_file };
        Place::new(to_path(&file.file.name), u32::try_from(file.line).ok())
    }

    fn block(&self) -> Block {
        match self.cmd_type as u32 {
            NGX_HTTP_LIF_CONF => Block::If,
            NGX_HTTP_MAIN_CONF => Block::Http,
            NGX_HTTP_SRV_CONF => Block::Server,
            // `limit_except` too.
            _ => Block::Location,
        }
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

    fn log_emerg_at(&mut self, place: &Place, message: impl fmt::Display) {
        ngx::ngx_log_error!(NGX_LOG_EMERG, self.log, "{message} in {place}");
    }
}

fn to_path(name: &ngx_str_t) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(name.as_bytes()))
}
