//! Any text as a pattern: it is one, or there is a reason and a way out.
#![no_main]

#[allow(dead_code)]
#[path = "../../tests/reference/mod.rs"]
mod reference;

use cors_policy::origin::OriginPattern;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match OriginPattern::parse(text) {
        Ok(pattern) => {
            assert_eq!(pattern.to_string(), text);
            if let OriginPattern::Exact(_) = pattern {
                assert!(reference::is_origin(text));
            }
            for guard in pattern.violations(true).into_iter().chain(pattern.violations(false)) {
                assert!(!guard.to_string().is_empty());
                assert!(guard.remedy().contains(guard.opened_by().as_str()));
            }
        }
        Err(error) => {
            // Only patterns are searched for punycode that cannot be decoded.
            assert!(!reference::is_origin(text) || text.contains("xn--"));
            assert!(!error.to_string().is_empty());
            let remedy = error.remedy();
            let quoted = remedy.strip_prefix("write \"").and_then(|rest| rest.strip_suffix('"'));
            if let Some(quoted) = quoted {
                OriginPattern::parse(quoted).expect("what is to be written is a pattern");
            }
        }
    }
});
