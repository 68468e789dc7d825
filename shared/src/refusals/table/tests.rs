use std::array;
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::refusals::MAX_ORIGIN;

/// An empty table. It is larger than the stack of a test.
fn table() -> &'static Table {
    let build = || {
        let numbers = |_| AtomicU64::new(u64::MAX);
        let entry = |_| Entry::of_any_bytes(u64::MAX);
        let table = Table {
            open: AtomicU32::new(7),
            next: AtomicU32::new(u32::MAX),
            hashes: array::from_fn(numbers),
            floors: array::from_fn(numbers),
            index: Index::of_any_bytes(u16::MAX),
            entries: array::from_fn(entry),
        };
        table.init(0x5eed);
        Box::leak(Box::new(table)) as &Table
    };
    thread::Builder::new().stack_size(64 << 20).spawn(build).unwrap().join().unwrap()
}

fn key(policy: u32, origin: &str) -> Key<'_> {
    Key { policy, is_dry_run: false, decision: 2, origin: origin.as_bytes() }
}

/// Counts as a process does that holds the lock only if it must.
fn count(table: &Table, key: &Key<'_>) {
    if !table.count(key, false, 1) {
        table.add(key, false, 1);
    }
}

fn by_origin(table: &Table, policy: u32) -> HashMap<String, Refused> {
    let entries = table.entries().filter(|entry| entry.policy == policy);
    entries.map(|entry| (String::from_utf8(entry.origin.clone()).unwrap(), entry)).collect()
}

#[test]
fn what_fits_is_exact() {
    let table = table();
    for n in 0..CAPACITY {
        for _ in 0..n % 5 + 1 {
            count(table, &key(n as u32 % 16, &format!("https://{n}.example")));
        }
    }
    for policy in 0..16 {
        let entries = by_origin(table, policy);
        assert_eq!(entries.len(), CAPACITY / 16);
        for (origin, entry) in entries {
            let n: u64 =
                origin["https://".len()..].strip_suffix(".example").unwrap().parse().unwrap();
            assert_eq!((entry.count, entry.error), (n % 5 + 1, 0), "{origin}");
        }
    }
}

#[test]
fn entries_differ_in_policy_mode_decision_and_origin() {
    let table = table();
    let one = Key { policy: 1, is_dry_run: false, decision: 2, origin: b"https://a.example" };
    let keys = [
        one,
        Key { policy: 2, ..one },
        Key { is_dry_run: true, ..one },
        Key { decision: 3, ..one },
        Key { origin: b"https://b.example", ..one },
        Key { origin: b"", ..one },
        Key { origin: b"\0", ..one },
    ];
    for (n, key) in keys.iter().enumerate() {
        assert!(!table.count(key, false, 1));
        table.add(key, n == 3, 10 + n as u64);
        assert!(table.count(key, false, 20 + n as u64));
    }
    let entries: Vec<_> = table.entries().collect();
    for (n, key) in keys.iter().enumerate() {
        let entry = entries.iter().find(|entry| entry.key() == *key).unwrap();
        assert_eq!((entry.count, entry.error, entry.is_cut), (2, 0, false));
        assert_eq!((entry.lost, entry.last), (u64::from(n == 3), 20 + n as u64));
    }
}

#[test]
fn a_long_origin_is_cut_and_still_found() {
    let table = table();
    let long = "x".repeat(MAX_ORIGIN + 1);
    let other = format!("{}y", "x".repeat(MAX_ORIGIN));
    let whole = "x".repeat(MAX_ORIGIN);
    for origin in [&long, &other, &whole, &long] {
        count(table, &key(1, origin));
    }
    let mut found: Vec<_> =
        table.entries().map(|entry| (entry.origin.len(), entry.is_cut, entry.count)).collect();
    found.sort_unstable();
    assert_eq!(found, [(MAX_ORIGIN, false, 1), (MAX_ORIGIN, true, 1), (MAX_ORIGIN, true, 2)]);
}

/// Counts, and compares with the true numbers.
struct Counted {
    table: &'static Table,
    truth: HashMap<(u32, String), u64>,
    total: HashMap<u32, u64>,
}

impl Counted {
    fn new() -> Self {
        Self { table: table(), truth: HashMap::new(), total: HashMap::new() }
    }

    fn count(&mut self, policy: u32, origin: String) {
        count(self.table, &key(policy, &origin));
        *self.truth.entry((policy, origin)).or_default() += 1;
        *self.total.entry(policy).or_default() += 1;
    }

    /// What the crate promises, if the policy has at least so many entries in a full table.
    fn check(&self, policy: u32, entries: u64) {
        let bound = self.total[&policy] * 4 / (3 * entries);
        let found = by_origin(self.table, policy);
        for (origin, entry) in &found {
            let truth = self.truth[&(policy, origin.clone())];
            assert!(entry.count >= truth, "{origin}: {} for {truth}", entry.count);
            assert!(entry.count - entry.error <= truth, "{origin}: {entry:?} for {truth}");
            assert!(entry.error <= bound, "{origin}: {entry:?}, not above {bound}");
        }
        for ((_, origin), truth) in self.truth.iter().filter(|((it, _), _)| *it == policy) {
            assert!(*truth <= bound || found.contains_key(origin), "{origin}: {truth}");
        }
    }
}

#[test]
fn fifty_frequent_origins_among_a_million() {
    let mut counted = Counted::new();
    for n in 0..1_000_000_u64 {
        counted.count(1, format!("https://{n}.bots.example"));
        // The frequent ones differ in how frequent they are: 20,000 to 400.
        for page in (1..=50).filter(|page| n % (50 * page) == 0) {
            counted.count(1, format!("https://page-{page}.example.com"));
        }
    }
    counted.check(1, CAPACITY as u64);
    let found = by_origin(counted.table, 1);
    for page in 1..=50 {
        assert!(found.contains_key(&format!("https://page-{page}.example.com")), "{page}");
    }
}

#[test]
fn a_policy_with_few_entries_keeps_them() {
    let mut counted = Counted::new();
    for n in 0..255 {
        for policy in 2..=16 {
            counted.count(policy, format!("https://{n}.example"));
        }
    }
    for n in 0..100_000 {
        counted.count(1, format!("https://{n}.example"));
    }
    for policy in 2..=16 {
        let found = by_origin(counted.table, policy);
        assert_eq!(found.len(), 255);
        assert!(found.values().all(|entry| (entry.count, entry.error) == (1, 0)));
    }
    counted.check(1, 256);
}

#[test]
fn more_policies_than_entries() {
    let mut counted = Counted::new();
    for n in 0..50_000 {
        counted.count(n % 10_000, format!("https://{}.example", n / 20_000));
    }
    let entries: Vec<_> = counted.table.entries().collect();
    assert!(entries.len() > CAPACITY / 2);
    for entry in entries {
        let origin = String::from_utf8(entry.origin).unwrap();
        let truth = counted.truth[&(entry.policy, origin)];
        assert!(entry.count >= truth && entry.count - entry.error <= truth);
    }
}

#[test]
fn what_a_process_leaves_that_dies_is_mended() {
    let table = table();
    for n in 0..2000 {
        count(table, &key(1, &format!("https://{n}.example")));
    }
    let before = by_origin(table, 1);
    for left in 0..50 {
        // It has cleared the index, and built a part of it again.
        table.open.store(1, Release);
        table.index.clear();
        for entry in table.used().take(left * 40) {
            table.index.insert(table.hashes[entry].load(Relaxed), entry);
        }
        // It was about to add this one, and had written the entry but not its hash.
        let free = table.free().unwrap();
        let numbers = Numbers { count: 77, error: 0, lost: 0, last: 0 };
        table.entries[free].write(&key(1, "https://new.example"), numbers);

        table.add(&key(1, "https://7.example"), false, 9);
        assert_eq!(table.open.load(Relaxed), 0);
        let after = by_origin(table, 1);
        assert_eq!(after.len(), before.len());
        assert_eq!(
            after["https://7.example"].count,
            before["https://7.example"].count + left as u64 + 1
        );
        for n in [0, 1, 999, 1999] {
            assert!(
                table.find(table.index.hash(&key(1, &format!("https://{n}.example")))).is_some()
            );
        }
    }
}

#[test]
fn entries_of_a_policy_that_is_gone_go() {
    let table = table();
    for n in 0..100 {
        count(table, &key(n % 2, &format!("https://{n}.example")));
    }
    table.forget(1);
    assert_eq!(
        table.entries().map(|entry| entry.policy).collect::<HashSet<_>>(),
        HashSet::from([0])
    );
    assert!(table.count(&key(0, "https://0.example"), false, 1));
    assert!(!table.count(&key(1, "https://1.example"), false, 1));
}

#[test]
fn another_table_takes_over() {
    let (old, new) = (table(), table());
    new.init(0xabcd);
    for n in 0..6000 {
        count(old, &key(n % 3, &format!("https://{n}.example")));
    }
    count(old, &key(0, &"x".repeat(MAX_ORIGIN + 1)));
    new.take_over(old, |policy| [Some(10), None, Some(12)][policy as usize]);
    for (policy, number) in [(0, 10), (2, 12)] {
        let kept = by_origin(old, policy).into_iter().filter(|(_, entry)| !entry.is_cut);
        let kept: HashMap<_, _> =
            kept.map(|(origin, entry)| (origin, Refused { policy: number, ..entry })).collect();
        assert_eq!(by_origin(new, number), kept);
        assert_eq!(new.floor(number).load(Relaxed), old.floor(policy).load(Relaxed));
    }
    assert!(new.entries().all(|entry| entry.policy != 1));
}

#[test]
fn many_count_at_the_same_time() {
    const THREADS: u64 = 8;
    const EACH: u64 = 50_000;
    let table = table();
    let lock = Mutex::new(());
    let count = |origin: &str| {
        let key = key(1, origin);
        if !table.count(&key, false, 1) {
            let _locked = lock.lock().unwrap();
            table.add(&key, false, 1);
        }
    };
    thread::scope(|scope| {
        for number in 0..THREADS {
            scope.spawn(move || {
                for n in 0..EACH {
                    count("https://page.example.com");
                    count(&format!("https://{n}.{number}.example"));
                }
            });
        }
        for _ in 0..100 {
            for entry in table.entries() {
                assert!(entry.error < entry.count, "{entry:?}");
            }
        }
    });
    assert_eq!(by_origin(table, 1)["https://page.example.com"].count, THREADS * EACH);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_stream_is_within_the_bounds(
        seed in any::<u64>(),
        policies in 1..40_u32,
        origins in 1..30_000_u64,
        length in 1..60_000_u64,
    ) {
        let mut counted = Counted::new();
        let mut random = seed;
        let mut next = || {
            // Knuth's MMIX generator.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            random >> 33
        };
        for _ in 0..length {
            let (policy, a, b) = (next() % u64::from(policies), next() % origins, next() % origins);
            counted.count(policy as u32, format!("https://{}.example", a.min(b)));
        }
        for policy in counted.total.keys() {
            counted.check(*policy, (CAPACITY as u64 / u64::from(policies)).min(CAPACITY as u64 / 2));
        }
    }
}
