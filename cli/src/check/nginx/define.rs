//! `cors_policy_define`: the same blocks, and the same validation, as in the module.

use cors_policy::document::{self, Block, MistakeKind, NodeLine};
use nginx_conf::{Body, Directive, Site};

use super::{Check, rules};
use crate::check::checked::Counter;

impl Check<'_> {
    /// Checks the policy of a block, which has a name.
    pub(super) fn define(&mut self, directive: &Directive) {
        let name = &directive.args[0];
        let mut block = Block::new(self.node_line(directive.site));
        let before = self.checked.errors();
        self.read_block(&mut block, directive.block());
        let is_whole = self.checked.errors() == before;
        let (node, lines) = block.into_node();
        let mut counter = Counter::default();
        let read = document::policy_from_node_with_patterns(
            name,
            &node,
            &self.reading.files[0].path,
            &lines,
            |site| counter.add(site),
        );
        match read {
            Ok(accepted) => {
                self.checked.accept(accepted);
                self.checked.contents.add(counter.contents(1));
            }
            // The origins can be in a directive that is mistaken itself.
            Err(report) => self.checked.refuse_but(&report, |mistake| {
                !is_whole && matches!(mistake.kind(), MistakeKind::NoOrigins)
            }),
        }
        self.define_name(name, self.file(directive.site).to_owned(), Some(directive.site.line));
    }

    fn node_line(&self, site: Site) -> NodeLine {
        NodeLine { file: self.file(site).into(), line: site.line }
    }

    /// Reads the directives of a policy or of a rule.
    fn read_block(&mut self, block: &mut Block, directives: &[Directive]) {
        for directive in directives {
            let name = directive.name.as_str();
            let is_key = name != "rules" && document::keys().any(|key| key == name);
            if matches!(directive.body, Body::Template) {
                self.template(directive);
            } else if name == "rule" {
                self.read_rule(block, directive);
            } else if is_key {
                self.read_key(block, directive);
            } else {
                let remedy = block.advice(name, &directive.args).unwrap_or_else(|| {
                    let keys: Vec<_> = document::keys().filter(|key| *key != "rules").collect();
                    format!("\"cors_policy_define\" has {} and rule", keys.join(", "))
                });
                let message = format!("unknown directive \"{name}\"; {remedy}");
                self.refuse(rules::UNKNOWN_DIRECTIVE, directive.site, message);
            }
        }
    }

    fn read_rule(&mut self, block: &mut Block, directive: &Directive) {
        let message = if !directive.args.is_empty() {
            "invalid number of arguments in \"rule\" directive".to_owned()
        } else if !matches!(directive.body, Body::Block(_)) {
            "directive \"rule\" has no opening \"{\"; write the keys of the rule in braces"
                .to_owned()
        } else {
            match block.open_rule(self.node_line(directive.site)) {
                Ok(()) => {
                    self.read_block(block, directive.block());
                    block.close_rule();
                    return;
                }
                Err(error) => format!("\"rule\" directive {error}"),
            }
        };
        self.refuse(rules::ARGUMENTS, directive.site, message);
    }

    fn read_key(&mut self, block: &mut Block, directive: &Directive) {
        let name = directive.name.as_str();
        let mut arguments = directive.args.clone();
        if let ("allow_origins_file", [path]) = (name, &mut arguments[..]) {
            // The engine takes it from the folder of the configuration.
            if self.resolve(path) != self.folder.join(&*path) {
                path.insert_str(0, "../");
            }
        }
        let message = if arguments.is_empty() {
            format!("invalid number of arguments in \"{name}\" directive")
        } else if !matches!(directive.body, Body::None) {
            format!("directive \"{name}\" is not terminated by \";\"")
        } else {
            match block.add(self.node_line(directive.site), name, arguments) {
                Ok(()) => return,
                Err(error) => format!("\"{name}\" directive {error}"),
            }
        };
        self.refuse(rules::ARGUMENTS, directive.site, message);
    }
}
