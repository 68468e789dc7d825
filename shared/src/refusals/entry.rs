//! One origin that is refused.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The longest origin that is kept as a whole, in bytes. None that a browser sends is longer: a scheme, a host
/// of 253 bytes, and a port.
pub const MAX_ORIGIN: usize = 328;

/// What is refused: entries of the table differ in this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key<'o> {
    /// The number of the policy.
    pub policy: u32,
    /// Whether the policy was in a dry run.
    pub is_dry_run: bool,
    /// The number of the decision.
    pub decision: u8,
    /// The value of `Origin`, any bytes.
    pub origin: &'o [u8],
}

impl Key<'_> {
    /// All but the origin.
    pub(crate) fn head(&self) -> u64 {
        u64::from(self.policy) << 16
            | u64::from(self.decision) << 8
            | u64::from(u8::from(self.is_dry_run))
    }
}

/// An entry, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The number of the policy.
    pub policy: u32,
    /// Whether the policy was in a dry run.
    pub is_dry_run: bool,
    /// The number of the decision.
    pub decision: u8,
    /// The value of `Origin`, at most [`MAX_ORIGIN`] bytes of it.
    pub origin: Vec<u8>,
    /// Whether the origin is longer than that.
    pub is_cut: bool,
    /// How often it was refused, at most.
    pub count: u64,
    /// By how much `count` may be too high.
    pub error: u64,
    /// How many of the requests a page lost, at least.
    pub lost: u64,
    /// When it was refused last, in seconds since 1970.
    pub last: u64,
}

impl Refused {
    /// What the entry is about.
    pub fn key(&self) -> Key<'_> {
        let &Self { policy, is_dry_run, decision, ref origin, .. } = self;
        Key { policy, is_dry_run, decision, origin }
    }

    pub(crate) fn numbers(&self) -> Numbers {
        let &Self { count, error, lost, last, .. } = self;
        Numbers { count, error, lost, last }
    }
}

/// The numbers of an entry, as [`Refused`] has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub(crate) count: u64,
    pub(crate) error: u64,
    pub(crate) lost: u64,
    pub(crate) last: u64,
}

/// An entry in shared memory. Any bytes are one.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Entry {
    /// As [`Key::head`].
    head: AtomicU64,
    /// The length of the origin in bytes, also if it is cut.
    length: AtomicU64,
    count: AtomicU64,
    error: AtomicU64,
    lost: AtomicU64,
    last: AtomicU64,
    origin: [AtomicU64; MAX_ORIGIN / 8],
}

impl Entry {
    /// Writes an entry that nobody finds yet.
    pub(crate) fn write(&self, key: &Key<'_>, numbers: Numbers) {
        self.head.store(key.head(), Relaxed);
        self.length.store(key.origin.len() as u64, Relaxed);
        self.count.store(numbers.count, Relaxed);
        self.error.store(numbers.error, Relaxed);
        self.lost.store(numbers.lost, Relaxed);
        self.last.store(numbers.last, Relaxed);
        for (word, bytes) in self.origin.iter().zip(key.origin.chunks(8)) {
            let mut padded = [0; 8];
            padded[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(padded), Relaxed);
        }
    }

    pub(crate) fn read(&self) -> Refused {
        let head = self.head.load(Relaxed);
        let length = self.length.load(Relaxed) as usize;
        let mut origin = Vec::with_capacity(MAX_ORIGIN);
        let words = length.min(MAX_ORIGIN).div_ceil(8);
        for word in &self.origin[..words] {
            origin.extend_from_slice(&word.load(Relaxed).to_ne_bytes());
        }
        origin.truncate(length);
        Refused {
            policy: (head >> 16) as u32,
            is_dry_run: head & 1 != 0,
            decision: (head >> 8) as u8,
            origin,
            is_cut: length > MAX_ORIGIN,
            count: self.count.load(Relaxed),
            error: self.error.load(Relaxed),
            lost: self.lost.load(Relaxed),
            last: self.last.load(Relaxed),
        }
    }

    #[inline]
    pub(crate) fn add(&self, lost: bool, now: u64) {
        self.count.fetch_add(1, Relaxed);
        if lost {
            self.lost.fetch_add(1, Relaxed);
        }
        self.last.store(now, Relaxed);
    }

    pub(crate) fn policy(&self) -> u32 {
        (self.head.load(Relaxed) >> 16) as u32
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }
}

#[cfg(test)]
impl Entry {
    pub(crate) fn of_any_bytes(word: u64) -> Self {
        let word = || AtomicU64::new(word);
        Self {
            head: word(),
            length: word(),
            count: word(),
            error: word(),
            lost: word(),
            last: word(),
            origin: std::array::from_fn(|_| word()),
        }
    }
}
