use std::array;
use std::thread;

use super::*;

/// A table in memory that may hold anything. It is larger than the stack of a test.
fn table() -> &'static Table {
    let word = || AtomicU64::new(0x0101_0101_0101_0101);
    let build = move || {
        let record = |_| Record {
            file: word(),
            which: word(),
            sha256: array::from_fn(|_| array::from_fn(|_| word())),
            last_load: word(),
            success: word(),
            failures: word(),
            refused: word(),
            length: word(),
            text: array::from_fn(|_| word()),
        };
        let table = Table {
            used: word(),
            workers: array::from_fn(|_| word()),
            records: array::from_fn(record),
            versions: array::from_fn(|_| array::from_fn(|_| word())),
        };
        table.init();
        Box::leak(Box::new(table)) as &Table
    };
    thread::Builder::new().stack_size(64 << 20).spawn(build).unwrap().join().unwrap()
}

fn file(name: &str) -> FileId {
    FileId::of(Path::new("cors.yaml"), Path::new(name))
}

fn version(name: &str, number: u8) -> Version {
    Version { file: file(name), sha256: [number; 32] }
}

fn state(table: &Table, name: &str) -> FileState {
    table.state(file(name), |process| process < 1000).unwrap()
}

fn workers(table: &Table, name: &str) -> (u32, u32) {
    let state = state(table, name);
    (state.current, state.stale)
}

#[test]
fn a_file_that_is_loaded_refused_and_mended() {
    let table = table();
    assert_eq!(table.state(file("cors.yaml"), |_| true), None);
    assert!(table.loaded(&[version("cors.yaml", 1), version("list.txt", 2)], 100));
    let loaded = FileState {
        sha256: [1; 32],
        last_load: 100,
        success: true,
        failures: 0,
        current: 0,
        stale: 0,
    };
    assert_eq!(state(table, "cors.yaml"), loaded);

    // Two workers refuse the same version.
    for _ in 0..2 {
        table.failed(file("cors.yaml"), 77, false, "cors.yaml:1: no\ncors.yaml:2: no");
    }
    let refused = FileState { success: false, failures: 1, ..loaded };
    assert_eq!(table.mistakes(file("cors.yaml")), "cors.yaml:1: no\ncors.yaml:2: no");
    assert_eq!(state(table, "cors.yaml"), refused);
    assert_eq!(state(table, "list.txt"), FileState { sha256: [2; 32], ..loaded });
    table.failed(file("cors.yaml"), 78, false, "cors.yaml:3: no");
    assert_eq!(state(table, "cors.yaml").failures, 2);
    assert_eq!(table.mistakes(file("cors.yaml")), "cors.yaml:3: no");

    // The last good version comes back, and then a new one.
    table.loaded(&[version("cors.yaml", 1)], 200);
    assert_eq!(table.mistakes(file("cors.yaml")), "");
    assert_eq!(state(table, "cors.yaml"), FileState { failures: 2, ..loaded });
    table.loaded(&[version("cors.yaml", 3)], 300);
    let new = FileState { sha256: [3; 32], last_load: 300, failures: 2, ..loaded };
    assert_eq!(state(table, "cors.yaml"), new);
    // The same mistake again is another failure, and so is another attempt.
    table.failed(file("cors.yaml"), 78, false, "cors.yaml:3: no");
    assert_eq!(state(table, "cors.yaml").failures, 3);
    table.failed(file("cors.yaml"), 78, true, "cors.yaml:3: no");
    assert_eq!(state(table, "cors.yaml").failures, 4);
}

#[test]
fn workers_that_have_the_newest_version_and_others() {
    let table = table();
    let old = [version("cors.yaml", 1), version("list.txt", 2)];
    table.loaded(&old, 1);
    for worker in 0..4 {
        table.in_force(worker, worker as u64 + 10, &old);
    }
    assert_eq!(workers(table, "cors.yaml"), (4, 0));

    let new = [version("cors.yaml", 5), version("list.txt", 2)];
    table.loaded(&new, 2);
    table.in_force(2, 12, &new);
    assert_eq!(workers(table, "cors.yaml"), (1, 3));
    assert_eq!(workers(table, "list.txt"), (4, 0));
    for worker in [0, 1, 3] {
        table.in_force(worker, worker as u64 + 10, &new);
    }
    assert_eq!(workers(table, "cors.yaml"), (4, 0));

    // One dies. Its successor has what the master has read.
    table.in_force(1, 1001, &new);
    assert_eq!(workers(table, "cors.yaml"), (3, 0));
    table.in_force(1, 20, &old);
    assert_eq!(workers(table, "cors.yaml"), (3, 1));
    assert_eq!(workers(table, "list.txt"), (4, 0));
    table.in_force(1, 20, &new);
    assert_eq!(workers(table, "cors.yaml"), (4, 0));

    // A version names another list, which the others do not know yet.
    table.loaded(&[version("more.txt", 9)], 3);
    table.in_force(0, 10, &[version("more.txt", 9)]);
    assert_eq!(workers(table, "more.txt"), (1, 3));
    table.in_force(MAX_WORKERS, 99, &new);
    assert_eq!(workers(table, "cors.yaml"), (4, 0));
}

#[test]
fn files_beyond_the_room_are_left_out() {
    let table = table();
    for number in 0..MAX_FILES {
        assert!(table.loaded(&[version(&number.to_string(), 1)], 1));
    }
    assert!(!table.loaded(&[version("one more", 1), version("0", 2)], 1));
    assert_eq!(state(table, "0").sha256, [2; 32]);
    table.failed(file("one more"), 1, false, "no");
    table.in_force(0, 7, &[version("one more", 1)]);
    assert_eq!(table.state(file("one more"), |_| true), None);
}

#[test]
fn failures_go_on_in_the_next_configuration() {
    let (old, new) = (table(), table());
    old.loaded(&[version("a", 1), version("b", 1)], 1);
    old.failed(file("a"), 1, false, "no");
    old.failed(file("a"), 2, false, "no");
    new.loaded(&[version("a", 2), version("c", 1)], 9);
    new.take_over(old);
    let a = state(new, "a");
    assert_eq!((a.failures, a.success, a.last_load, a.sha256), (2, true, 9, [2; 32]));
    assert_eq!(state(new, "c").failures, 0);
    assert_eq!(new.state(file("b"), |_| true), None);
}

#[test]
fn many_mistakes_are_cut_at_a_line() {
    let table = table();
    table.loaded(&[version("a", 1)], 1);
    let line = "cors.yaml:7: policies.api: „ü“\n";
    table.failed(file("a"), 1, false, &line.repeat(1000));
    let mistakes = table.mistakes(file("a"));
    assert!(mistakes.len() <= MAX_TEXT && mistakes.len() > MAX_TEXT - 2 * line.len());
    let whole = mistakes.strip_suffix("\n…").unwrap();
    assert!(whole.lines().all(|it| it == line.trim_end()), "{whole}");

    table.failed(file("a"), 2, false, &"ü".repeat(MAX_TEXT));
    let mistakes = table.mistakes(file("a"));
    assert!(mistakes.strip_suffix("\n…").unwrap().chars().all(|it| it == 'ü'));
}

/// A process dies while it holds the lock; the next one finds the table as it left it.
#[test]
fn what_a_process_leaves_that_dies_is_readable() {
    let table = table();
    table.loaded(&[version("a", 1)], 1);
    let record = &table.records[0];
    // In the middle of a digest.
    let unused = 1 - record.which.load(Relaxed) as usize;
    record.sha256[unused][0].store(u64::MAX, Relaxed);
    assert_eq!(state(table, "a").sha256, [1; 32]);
    // In the middle of a text.
    record.length.store(0, Relaxed);
    record.text[0].store(u64::MAX, Relaxed);
    assert_eq!(table.mistakes(file("a")), "");
    // After a record was made, and before it counts as used.
    table.records[1].init(file("b"));
    assert_eq!(table.state(file("b"), |_| true), None);
    table.loaded(&[version("c", 3)], 2);
    assert_eq!(state(table, "c").sha256, [3; 32]);
}

#[test]
fn a_list_of_two_documents_is_as_bad_as_with_the_worse_one() {
    let table = table();
    let of = |document: &str| FileId::of(Path::new(document), Path::new("list.txt"));
    let version = |document, number| Version { file: of(document), sha256: [number; 32] };
    table.loaded(&[version("a", 1), version("b", 1)], 1);
    table.in_force(0, 7, &[version("a", 1), version("b", 1)]);
    table.loaded(&[version("a", 2)], 2);
    table.in_force(0, 7, &[version("a", 2)]);
    table.failed(of("b"), 1, false, "no");
    let state = |document| table.state(of(document), |_| true).unwrap();
    let both = state("a").and(state("b"));
    assert_eq!((both.success, both.failures, both.sha256, both.last_load), (false, 1, [2; 32], 2));
    assert_eq!((both.current, both.stale), (0, 1));
}
