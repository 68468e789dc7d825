//! Asks many things at a time, within limits.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use cors_browser::Response;

use super::exchange::{Exchange, Server, Unreachable};
use super::progress::Progress;

/// How much is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most requests.
    pub(super) requests: usize,
    /// The most requests at a time.
    pub(super) at_a_time: usize,
    /// The time between an answer and the next request.
    pub(super) delay: Duration,
    /// The time after which no request is started.
    pub(super) total: Duration,
    /// The most requests in a row that get no answer.
    pub(super) unanswered: usize,
}

impl Limits {
    /// Those of the command.
    pub(super) fn new(delay: Duration) -> Self {
        const REQUESTS: u32 = 200;
        const ANSWERS: Duration = Duration::from_secs(300);
        Self {
            requests: REQUESTS as usize,
            // Whoever asks for a pause wants one after every answer.
            at_a_time: if delay.is_zero() { 5 } else { 1 },
            delay,
            total: ANSWERS + delay * REQUESTS,
            unanswered: 10,
        }
    }
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub(super) struct Observation {
    pub(super) exchange: Exchange,
    pub(super) response: Response,
}

/// Asks one server.
pub(super) struct Asker<'s> {
    server: &'s dyn Server,
    limits: Limits,
    start: Instant,
    progress: Progress,
    state: Mutex<State>,
}

/// What has been asked so far.
#[derive(Default)]
struct State {
    sent: usize,
    /// Requests that were left out because a limit was reached.
    left_out: usize,
    unanswered: usize,
    unanswered_in_a_row: usize,
    /// Why the first of them got no answer.
    reason: Option<Unreachable>,
    /// Whether the time is over.
    is_late: bool,
    /// Why what was seen cannot be trusted.
    doubt: Option<String>,
    /// When the next request may start.
    next: Option<Instant>,
}

/// What was asked in all, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// The requests that were sent.
    pub(super) requests: usize,
    /// The requests that were left out because a limit was reached.
    pub(super) left_out: usize,
    /// The requests that got no answer.
    pub(super) unanswered: usize,
    /// Why the first of them got none.
    pub(super) reason: Option<Unreachable>,
    /// Whether requests were left out because the time was over.
    pub(super) is_late: bool,
    /// Why what was seen cannot be trusted: a sentence.
    pub(super) doubt: Option<String>,
}

/// The status by which a server says that it gives no answer now
/// ([RFC 6585, section 4](https://www.rfc-editor.org/rfc/rfc6585#section-4)).
pub(super) const TOO_MANY_REQUESTS: u16 = 429;

/// Requests that other questions leave for [`Asker::ask_last`].
const RESERVED: usize = 1;

impl<'s> Asker<'s> {
    pub(super) fn new(server: &'s dyn Server, limits: Limits, progress: Progress) -> Self {
        Self { server, limits, start: Instant::now(), progress, state: Mutex::default() }
    }

    /// Asks one thing.
    ///
    /// # Errors
    ///
    /// If there is no answer, or a limit is reached.
    pub(super) fn ask(&self, exchange: &Exchange) -> Result<Response, Unreachable> {
        self.ask_within(exchange, self.limits.requests - RESERVED)
    }

    /// Asks one thing when everything else has been asked. There is a request left for it, unless another limit
    /// is reached. `None` if there is no answer.
    pub(super) fn ask_last(&self, exchange: &Exchange) -> Option<Response> {
        self.ask_within(exchange, self.limits.requests).ok()
    }

    fn ask_within(&self, exchange: &Exchange, most: usize) -> Result<Response, Unreachable> {
        let wait = self.admit(most).ok_or_else(|| Unreachable("too many requests".to_owned()))?;
        thread::sleep(wait);
        let answer = self.server.ask(exchange).and_then(|response| match response.status {
            TOO_MANY_REQUESTS => Err(Unreachable(format!(
                "the server answers {TOO_MANY_REQUESTS} (too many requests); wait a while, and ask more slowly, \
                 as by --delay 2s"
            ))),
            _ => Ok(response),
        });
        self.note(&answer);
        answer
    }

    /// Notes why what was seen cannot be trusted: a sentence.
    pub(super) fn doubt(&self, why: String) {
        lock(&self.state).doubt.get_or_insert(why);
    }

    /// Asks many things, several at a time. The answers are in the order of the questions; those without an
    /// answer are missing.
    pub(super) fn ask_all(&self, exchanges: Vec<Exchange>) -> Vec<Observation> {
        let questions: Mutex<VecDeque<_>> = Mutex::new(exchanges.into_iter().enumerate().collect());
        let answers = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..self.limits.at_a_time {
                scope.spawn(|| {
                    while let Some((index, exchange)) = pop(&questions) {
                        if let Ok(response) = self.ask(&exchange) {
                            let observation = Observation { exchange, response };
                            lock(&answers).push((index, observation));
                        }
                    }
                });
            }
        });
        let mut answers = answers.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        answers.sort_by_key(|(index, _)| *index);
        answers.into_iter().map(|(_, observation)| observation).collect()
    }

    /// How many requests are left.
    pub(super) fn left(&self) -> usize {
        (self.limits.requests - RESERVED).saturating_sub(lock(&self.state).sent)
    }

    /// What was asked in all.
    pub(super) fn account(&self) -> Account {
        let state = lock(&self.state);
        Account {
            requests: state.sent,
            left_out: state.left_out,
            unanswered: state.unanswered,
            reason: state.reason.clone(),
            is_late: state.is_late,
            doubt: state.doubt.clone(),
        }
    }

    /// How long to wait before one more request is sent; `None` if none may be, or `most` have been.
    fn admit(&self, most: usize) -> Option<Duration> {
        let mut state = lock(&self.state);
        let now = Instant::now();
        let is_late = now.duration_since(self.start) > self.limits.total;
        state.is_late |= is_late;
        let is_over =
            is_late || state.sent >= most || state.unanswered_in_a_row >= self.limits.unanswered;
        if is_over {
            state.left_out += 1;
            return None;
        }
        state.sent += 1;
        self.progress.show(state.sent);
        Some(state.next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now)))
    }

    fn note(&self, answer: &Result<Response, Unreachable>) {
        let mut state = lock(&self.state);
        state.next = Some(Instant::now() + self.limits.delay);
        match answer {
            Ok(_) => state.unanswered_in_a_row = 0,
            Err(reason) => {
                state.unanswered += 1;
                state.unanswered_in_a_row += 1;
                state.reason.get_or_insert_with(|| reason.clone());
            }
        }
    }
}

fn pop(questions: &Mutex<VecDeque<(usize, Exchange)>>) -> Option<(usize, Exchange)> {
    lock(questions).pop_front()
}

/// What a thread left behind is as good as before: nothing is changed in several steps.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
