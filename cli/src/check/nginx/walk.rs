//! Going through a configuration: which directives of the module there are, and where.

use nginx_conf::{Body, Directive};

use super::{Check, rules};
use crate::check::finding::Level;

/// The directives of the module.
const DIRECTIVES: [&str; 5] = [
    "cors_policy_file",
    "cors_policy_define",
    "cors_policy",
    "cors_policy_dry_run",
    "cors_policy_status",
];

/// The block that a directive is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    /// The beginning of a part: any block.
    Part,
    /// Outside of `http`, or in a block of another module.
    Foreign,
    Http,
    Server,
    Location,
    /// `if` in a location.
    If,
}

impl Context {
    /// The context of the block that a directive opens here; `None` if it holds no directives.
    fn inside(self, name: &str) -> Option<Self> {
        match (self, name) {
            (Self::Part | Self::Foreign, "http") => Some(Self::Http),
            (Self::Part | Self::Http, "server") => Some(Self::Server),
            (Self::Part | Self::Server | Self::Location, "location") => Some(Self::Location),
            (Self::Part | Self::Location, "if") => Some(Self::If),
            // `if` in a server, `limit_except`, `stream`, and what is where it does not belong.
            (
                _,
                "http" | "server" | "location" | "if" | "limit_except" | "stream" | "mail"
                | "events" | "upstream",
            ) => Some(Self::Foreign),
            _ => None,
        }
    }

    /// Whether a directive of the module may stand here.
    fn allows(self, directive: &str) -> bool {
        match (directive, self) {
            (_, Self::Part) => true,
            ("cors_policy_file" | "cors_policy_define", context) => context == Self::Http,
            ("cors_policy", context) => context != Self::Foreign,
            ("cors_policy_dry_run", context) => !matches!(context, Self::Foreign | Self::If),
            (_, context) => context == Self::Location,
        }
    }
}

/// Whether a name looks like that of a directive of the module, and is none.
fn is_misspelled(name: &str) -> bool {
    name.starts_with("cors_policy")
        || (name.starts_with("cors_") && cors_policy::nearest(name, DIRECTIVES).is_some())
}

/// Where a directive belongs, for messages.
fn contexts(directive: &str) -> &'static str {
    match directive {
        "cors_policy_file" | "cors_policy_define" => "`http`",
        "cors_policy" => "`http`, `server`, `location` or an `if` in a location",
        "cors_policy_dry_run" => "`http`, `server` or `location`",
        _ => "`location`",
    }
}

impl Check<'_> {
    /// Checks every directive of the module.
    pub(super) fn walk(&mut self) {
        let context = if self.is_part { Context::Part } else { Context::Foreign };
        self.walk_block(&self.reading.directives, context);
    }

    fn walk_block(&mut self, directives: &[Directive], context: Context) {
        let mut settings = Vec::new();
        for directive in directives {
            let name = directive.name.as_str();
            if DIRECTIVES.contains(&name) {
                self.directives += 1;
                if self.is_in_place(directive, context) {
                    self.directive(directive, &mut settings);
                }
            } else if is_misspelled(name) {
                self.unknown_directive(directive);
            } else if let Some(inside) = context.inside(name) {
                self.walk_block(directive.block(), inside);
            }
        }
    }

    /// Whether a directive may stand in this block; if not, this is a mistake.
    fn is_in_place(&mut self, directive: &Directive, context: Context) -> bool {
        let name = &directive.name;
        let is_in_place = context.allows(name);
        if !is_in_place {
            let message = format!(
                "\"{name}\" directive is not allowed here; it belongs into {}",
                contexts(name)
            );
            self.refuse(rules::MISPLACED_DIRECTIVE, directive.site, message);
        }
        is_in_place
    }

    /// Checks a directive. `settings` are those of the same block before it.
    fn directive<'d>(&mut self, directive: &'d Directive, settings: &mut Vec<&'d str>) {
        if !self.has_its_form(directive) {
            return;
        }
        let name = directive.name.as_str();
        match name {
            "cors_policy_define" => self.define(directive),
            "cors_policy_file" => self.policy_file(directive),
            _ if settings.contains(&name) => {
                let message =
                    format!("\"{name}\" directive is duplicate; keep one of the two in this block");
                self.refuse(rules::DUPLICATE_DIRECTIVE, directive.site, message);
            }
            _ => {
                settings.push(name);
                match name {
                    "cors_policy" => self.setting(directive),
                    "cors_policy_status" => self.status(directive),
                    _ => self.dry_run(directive),
                }
            }
        }
    }

    /// Whether a directive has as many arguments as it takes, and a block if it needs one.
    fn has_its_form(&mut self, directive: &Directive) -> bool {
        let name = &directive.name;
        let is_count_right = match name.as_str() {
            "cors_policy_file" => (1..=2).contains(&directive.args.len()),
            "cors_policy_status" => directive.args.len() <= 1,
            _ => directive.args.len() == 1,
        };
        let needs_block = name == "cors_policy_define";
        let has_block = !matches!(directive.body, Body::None);
        let message = if !is_count_right {
            format!("invalid number of arguments in \"{name}\" directive")
        } else if needs_block && !has_block {
            format!(
                "directive \"{name}\" has no opening \"{{\"; write the keys of the policy in braces"
            )
        } else if has_block && !needs_block {
            format!("directive \"{name}\" is not terminated by \";\"")
        } else {
            return true;
        };
        self.refuse(rules::ARGUMENTS, directive.site, message);
        false
    }

    /// A directive that looks like one of the module.
    fn unknown_directive(&mut self, directive: &Directive) {
        let name = &directive.name;
        self.directives += 1;
        let remedy = match cors_policy::nearest(name, DIRECTIVES) {
            Some(known) => format!("did you mean \"{known}\"?"),
            None => format!("the module has {}", DIRECTIVES.join(", ")),
        };
        let message = format!("unknown directive \"{name}\"; {remedy}");
        self.refuse(rules::UNKNOWN_DIRECTIVE, directive.site, message);
    }

    /// `cors_policy NAME`.
    fn setting(&mut self, directive: &Directive) {
        match directive.args[0].as_str() {
            "" => {
                let message = "the name of the CORS policy is empty, write \"off\" for none";
                self.refuse(rules::ARGUMENTS, directive.site, message.to_owned());
            }
            "off" => {}
            name => {
                self.checked.contents.uses += 1;
                // Only a request knows the values of variables.
                if !name.contains('$') {
                    self.names.refer(name, directive.site);
                }
            }
        }
    }

    /// `cors_policy_dry_run on | off | $variable`.
    fn dry_run(&mut self, directive: &Directive) {
        let value = &directive.args[0];
        let is_flag = ["on", "off"].iter().any(|flag| value.eq_ignore_ascii_case(flag));
        if !is_flag && !value.contains('$') {
            let message = format!(
                "invalid value \"{value}\" in \"cors_policy_dry_run\", write \"on\", \"off\" or a \
                 variable"
            );
            self.refuse(rules::ARGUMENTS, directive.site, message);
        }
    }

    fn status(&mut self, directive: &Directive) {
        if let Some(value) = directive.args.first() {
            if !["origins=on", "origins=off"].contains(&value.as_str()) {
                let message = format!(
                    "invalid parameter \"{value}\" of \"cors_policy_status\", write \"origins=on\" or \
                     \"origins=off\""
                );
                self.refuse(rules::ARGUMENTS, directive.site, message);
            }
        }
    }

    /// A statement of a template, once for a block.
    pub(super) fn template(&mut self, directive: &Directive) {
        let message = format!("\"{}\" is not followed; check what it becomes", directive.name);
        self.add(Level::Note, rules::TEMPLATE, directive.site, message);
    }
}
