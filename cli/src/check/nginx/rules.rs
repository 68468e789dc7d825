//! The kinds of findings that only nginx.conf has.

use crate::check::finding::Rule;

const fn rule(id: &'static str, description: &'static str) -> Rule {
    Rule { id, description }
}

pub(super) const SYNTAX: Rule =
    rule("nginx-syntax", "A file that cannot be read as a configuration of nginx.");

pub(super) const MISSING_INCLUDE: Rule =
    rule("missing-include", "An `include` of a file that is not there.");

pub(super) const UNKNOWN_POLICY: Rule =
    rule("unknown-policy", "A policy that is in force and defined nowhere.");

pub(super) const DUPLICATE_POLICY: Rule = rule("duplicate-policy", "Two policies with one name.");

pub(super) const NOTHING_TO_CHECK: Rule =
    rule("nothing-to-check", "A configuration without a directive of the module.");

pub(super) const MISPLACED_DIRECTIVE: Rule =
    rule("misplaced-directive", "A directive in a block that it does not belong to.");

pub(super) const UNKNOWN_DIRECTIVE: Rule =
    rule("unknown-directive", "A directive that neither nginx nor the module has.");

pub(super) const DUPLICATE_DIRECTIVE: Rule =
    rule("duplicate-directive", "A directive that stands twice in one block.");

pub(super) const ARGUMENTS: Rule =
    rule("directive-arguments", "Arguments that a directive does not take.");

pub(super) const MISSING_POLICY_FILE: Rule = rule(
    "missing-policy-file",
    "A `cors_policy_file` of a part of a configuration that is not there.",
);

pub(super) const TEMPLATE: Rule =
    rule("template", "A statement of a template, whose result is not known.");
