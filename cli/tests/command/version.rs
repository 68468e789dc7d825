//! `cors-policy --version`.

use std::fs;

use crate::run::{project, run};

#[test]
fn the_version_comes_with_the_date_of_the_public_suffix_list() {
    let list = fs::read_to_string(project().join("policy/data/public_suffix_list.dat")).unwrap();
    let version = list.lines().find_map(|line| line.strip_prefix("// VERSION: ")).unwrap();
    let (date, _) = version.split_once('_').unwrap();
    let result = run(&["--version"]);
    assert_eq!(
        result.stdout,
        format!("cors-policy {}\nPublic Suffix List of {date}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!((result.code, result.stderr.as_str()), (0, ""));
}
