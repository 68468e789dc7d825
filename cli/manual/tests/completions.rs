//! The completions for bash, as bash runs them.

use std::path::PathBuf;
use std::process::Command;

/// What `complete -F` runs, with the words of a command line, of which the last one is completed.
const COMPLETE: &str = r#"
    . "$0/bash/cors-policy"
    read -ra registered < <(complete -p cors-policy)
    function=
    for ((i = 0; i < ${#registered[@]}; i++)); do
        [ "${registered[i]}" != -F ] || function=${registered[i + 1]}
    done
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    "$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\n' "${COMPREPLY[@]}"
"#;

fn complete(words: &[&str]) -> Vec<String> {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(words.join("_"));
    let manual = env!("CARGO_BIN_EXE_cors-policy-manual");
    assert!(Command::new(manual).arg(&directory).status().unwrap().success());
    let output =
        Command::new("bash").args(["-euc", COMPLETE]).arg(&directory).args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn subcommands() {
    let words = complete(&["cors-policy", ""]);
    for name in ["check", "explain", "import", "probe", "suggest", "schema"] {
        assert!(words.iter().any(|word| word == name), "{name}: {words:?}");
    }
}

#[test]
fn options_after_a_subcommand() {
    assert_eq!(complete(&["cors-policy", "check", "--fo"]), ["--format"]);
    assert_eq!(complete(&["cors-policy", "explain", "cors.yaml", "--orig"]), ["--origin"]);
}

#[test]
fn values_of_an_option() {
    assert_eq!(complete(&["cors-policy", "check", "--format", "sa"]), ["sarif"]);
    assert_eq!(complete(&["cors-policy", "check", "--format", "=", "sa"]), ["sarif"]);
    assert_eq!(complete(&["cors-policy", "check", "--format", "="]).len(), 4);
}
