use std::collections::BTreeMap;

use super::*;
use crate::{Sha256, Workers};

/// What a hostile client or file may contain.
const HOSTILE: &str = "</code><script>alert(1)</script>\"'&\u{202e}\0\n";

fn status() -> Status {
    let count = |request, decision, mode, count| Count { request, decision, mode, count };
    let refused = Refused {
        origin: HOSTILE.to_owned(),
        decision: "denied_origin",
        mode: "dry_run",
        count: 7,
        error: 2,
        lost: 3,
        last: 1_000_000_000,
        near_miss: Some(format!("near {HOSTILE}")),
        advice: Some(format!("advice {HOSTILE}")),
    };
    Status {
        version: Status::VERSION,
        policies: BTreeMap::from([(
            "api".to_owned(),
            vec![
                count("actual", "allowed", "enforced", 3),
                count("preflight", "denied_origin", "dry_run", 1),
                count("preflight", "allowed", "dry_run", 0),
            ],
        )]),
        dry_run_changes: BTreeMap::from([(
            "api".to_owned(),
            Changes { lost: 5, gained: 1, ..Changes::default() },
        )]),
        files: vec![File {
            file: format!("/etc/{HOSTILE}"),
            sha256: Sha256([0xab; 32]),
            last_load: 1_000_000_000,
            success: false,
            failures: 1,
            workers: Workers { current: 3, stale: 1 },
            mistakes: vec![format!("mistake {HOSTILE}")],
        }],
        refused: Some(BTreeMap::from([("api".to_owned(), vec![refused; 150])])),
    }
}

#[test]
fn what_comes_from_outside_is_escaped() {
    let page = render(&status(), 1_000_000_090).unwrap();
    assert!(!page.contains("<script"), "{page}");
    assert_eq!(page.matches("&#60;script&#62;alert(1)").count(), 3 + 3 * MAX_ORIGINS);
    // Nothing changes the direction of a line, is invisible or starts another line.
    assert!(!page.contains(['\u{202e}', '\0']), "{page}");
    assert_eq!(page.matches(r"&#38;\u{202e}\0\n").count(), 3 + 3 * MAX_ORIGINS);
}

#[test]
fn readable_text_stays_as_it_is() {
    let mut status = status();
    status.files[0].file = r#"/etc/é "a" \b/キー'.yaml"#.to_owned();
    let page = render(&status, 1_000_000_090).unwrap();
    assert!(page.contains(r"/etc/é &#34;a&#34; \b/キー&#39;.yaml"), "{page}");
}

#[test]
fn it_says_what_there_is() {
    let page = render(&status(), 1_000_000_090).unwrap();
    for text in [
        "2001-09-09T01:48:10Z",
        "1 minute ago",
        "the last change was refused",
        "and 1 with another version",
        "abababababab…",
        "<rect width=\"75.00%\"",
        "5 would be lost for a page that can read them now, 1 could be read",
        "100 of 150",
        "title=\"at least 5\"",
    ] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    assert!(!page.contains("25.00%\" height=\"100%\"></rect></svg></td></tr>\n<tr><td>preflight, dry run</td><td class=\"good\">"));
}

#[test]
fn an_empty_nginx_has_a_page() {
    let empty = Status { refused: Some(BTreeMap::new()), ..Status::default() };
    let page = render(&empty, 0).unwrap();
    for text in ["No policy comes from a file", "There are no policies", "None."] {
        assert!(page.contains(text), "{text}");
    }
    let without = render(&Status::default(), u64::MAX).unwrap();
    assert!(!without.contains("Refused origins"));
}

#[test]
fn the_security_policy_has_the_hash_of_the_style() {
    use base64::Engine;
    use sha2::Digest;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(STYLE));
    assert!(SECURITY_POLICY.contains(&format!("'sha256-{hash}'")), "write sha256-{hash}");
    assert!(render(&Status::default(), 0).unwrap().contains(&format!("<style>{STYLE}</style>")));
}

#[test]
fn ages() {
    for (seconds, text) in [
        (0, "now"),
        (1, "1 second ago"),
        (59, "59 seconds ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (86_400 * 40, "40 days ago"),
    ] {
        assert_eq!(age(seconds), text);
    }
}
