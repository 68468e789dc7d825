//! Processes.

/// Whether a process exists. One of another user does, too.
pub(crate) fn is_alive(process: u64) -> bool {
    let Ok(process) = libc::pid_t::try_from(process) else { return false };
    // SAFETY: no signal is sent.
    let sent = unsafe { libc::kill(process, 0) } == 0;
    sent || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}
