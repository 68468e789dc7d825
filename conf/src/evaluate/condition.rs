//! The condition of an `if`.

use super::{regex::Regex, template::Template};

/// What an `if` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// `($a)`: neither empty nor `0`.
    Set(String),
    /// `($a = text)`, or `!=`.
    Equal {
        /// The variable.
        variable: String,
        /// What it is compared with.
        text: Template,
        /// Whether it is `!=`.
        negated: bool,
    },
    /// `($a ~ expression)`, `~*`, or with `!`.
    Match {
        /// The variable.
        variable: String,
        /// The expression.
        regex: Regex,
        /// Whether it is one with `!`.
        negated: bool,
    },
    /// `(-f path)`, `-d`, `-e` or `-x`, or with `!`.
    File {
        /// What is asked about the path, such as `-f`.
        operator: String,
        /// The path.
        path: String,
        /// Whether it is one with `!`.
        negated: bool,
    },
    /// What nginx refuses, or a template makes.
    Unknown(String),
}

impl Test {
    /// Reads the arguments of an `if` as `ngx_http_rewrite_if_condition` does.
    pub(crate) fn new(args: &[String]) -> Self {
        Self::read(args).unwrap_or_else(|| Self::Unknown(args.join(" ")))
    }

    fn read(args: &[String]) -> Option<Self> {
        let [first, .., last] = args else {
            let inner = args.first()?.strip_prefix('(')?.strip_suffix(')')?;
            return Some(Self::Set(inner.strip_prefix('$')?.to_owned()));
        };
        let mut words: Vec<&str> = args.iter().map(String::as_str).collect();
        let end = words.len() - 1;
        words[0] = first.strip_prefix('(')?;
        words[end] = last.strip_suffix(')')?;
        let words: Vec<&str> = words
            .iter()
            .enumerate()
            // Brackets that are words of their own. Another empty word is a text.
            .filter(|(at, word)| !word.is_empty() || *at != 0 && *at != end)
            .map(|(_, word)| *word)
            .collect();
        let name = |word: &str| {
            let name = word.strip_prefix('$')?;
            let name =
                name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
            (!name.is_empty()).then(|| name.to_owned())
        };
        match words[..] {
            [word] => Some(Self::Set(name(word)?)),
            [word, operator @ ("=" | "!="), text] => Some(Self::Equal {
                variable: name(word)?,
                text: Template::new(text),
                negated: operator == "!=",
            }),
            [word, operator @ ("~" | "~*" | "!~" | "!~*"), pattern] => Some(Self::Match {
                variable: name(word)?,
                regex: Regex::new(pattern, operator.ends_with('*')),
                negated: operator.starts_with('!'),
            }),
            [operator @ ("-f" | "-d" | "-e" | "-x" | "!-f" | "!-d" | "!-e" | "!-x"), path] => {
                Some(Self::File {
                    operator: operator.trim_start_matches('!').to_owned(),
                    path: path.to_owned(),
                    negated: operator.starts_with('!'),
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(words: &[&str]) -> Test {
        Test::new(&words.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn conditions_are_those_of_nginx() {
        let set = Test::Set("a".to_owned());
        for words in [&["($a)"][..], &["(", "$a", ")"], &["($a", ")"], &["(", "$a)"]] {
            assert_eq!(test(words), set, "{words:?}");
        }
        let equal = |text, negated| Test::Equal {
            variable: "a".to_owned(),
            text: Template::new(text),
            negated,
        };
        assert_eq!(test(&["($a", "=", "b)"]), equal("b", false));
        assert_eq!(test(&["(", "$a", "!=", "b", ")"]), equal("b", true));
        assert_eq!(test(&["($a", "=", "", ")"]), equal("", false));
        let matches = |pattern, case, negated| Test::Match {
            variable: "a".to_owned(),
            regex: Regex::new(pattern, case),
            negated,
        };
        assert_eq!(test(&["($a", "~", "^b$", ")"]), matches("^b$", false, false));
        assert_eq!(test(&["($a", "!~*", "(b))"]), matches("(b)", true, true));
        let file = |operator: &str, negated| Test::File {
            operator: operator.to_owned(),
            path: "$request_filename".to_owned(),
            negated,
        };
        assert_eq!(test(&["(-d", "$request_filename)"]), file("-d", false));
        assert_eq!(test(&["(!-f", "$request_filename)"]), file("-f", true));
        for words in
            [&["$a"][..], &["($a", "==", "b)"], &["(a", "=", "b)"], &["($a", "=)"], &["()"]]
        {
            assert!(matches!(test(words), Test::Unknown(_)), "{words:?}");
        }
    }
}
