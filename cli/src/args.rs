//! The command line.

#[path = "args/explain.rs"]
pub(crate) mod explain;
#[cfg(feature = "probe")]
#[path = "args/probe.rs"]
pub(crate) mod probe;
#[path = "args/suggest.rs"]
pub(crate) mod suggest;

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Parser, Subcommand, ValueEnum};
use cors_policy::origin::suffix::LIST_DATE;

use self::explain::ExplainArgs;
#[cfg(feature = "probe")]
use self::probe::ProbeArgs;
use self::suggest::SuggestArgs;

/// What `--version` prints behind the name: the guards depend on the list too.
static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{}\nPublic Suffix List of {LIST_DATE}", env!("CARGO_PKG_VERSION")));

/// Checks CORS policies for nginx and explains what they decide, without nginx.
#[derive(Parser)]
#[command(
    name = "cors-policy",
    version = VERSION.as_str(),
    max_term_width = 100,
    after_help = "\
Examples:
  cors-policy import nginx.conf > cors.yaml
  cors-policy check cors.yaml
  cors-policy explain cors.yaml --policy api --origin https://app.example.com
  cors-policy explain cors.yaml --policy api --origin https://app.example.com \\
      --method PUT --header Content-Type
  cors-policy probe https://api.example.com/ --origin https://app.example.com
  cors-policy suggest http://127.0.0.1:9145/cors --file cors.yaml
  cors-policy schema > cors-policy.schema.json"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check policies, and say everything that is wrong with them.
    ///
    /// Reads policy documents, lists of origins, and nginx.conf with the documents that it names, and
    /// tells by its content what a file is. This is the validation that nginx makes when it reads its
    /// configuration. Each mistake is one line: the file and the line in it, the place in the document,
    /// the value, what is wrong with it, and what to write instead. A line with `warning:` is about
    /// something that has no effect; nginx takes such a document. A line with `note:` is worth knowing, such
    /// as a guard that `dangerously_allow` opens.
    #[command(after_help = "\
Examples:
  cors-policy check cors.yaml
  cors-policy check policies/*.yaml customers.txt
  cors-policy check /etc/nginx/nginx.conf
  cors-policy check --format sarif nginx.conf > cors-policy.sarif
  kubectl get configmap cors -o jsonpath='{.data.cors\\.yaml}' | cors-policy check -

Exit code: 0 if every file is fine, 2 if any is refused. With --strict, warnings refuse a file, too.
Files that are fine and open guards are listed on standard output, mistakes on standard error.")]
    Check(CheckArgs),

    /// Explain what a policy decides about a request, by which pattern, and what it sends.
    ///
    /// Shows the preflight, if a browser would send one, and the actual request. Each comes with the
    /// response headers of the policy, byte for byte as nginx sends them. If the origin is not
    /// allowed, the output names the patterns that almost match, and says what differs.
    #[command(after_help = "\
Examples:
  Can a page of this origin read the responses?
      cors-policy explain cors.yaml --policy api --origin https://app.example.com
  Can it send JSON by PUT?
      cors-policy explain cors.yaml --policy api --origin https://app.example.com \\
          --method PUT --header Content-Type
  Does a form of another site get past the origin check (enforce)?
      cors-policy explain cors.yaml --policy api --origin null --method POST --site cross-site
  In a test of a deployment:
      cors-policy explain cors.yaml --policy api --origin https://evil.example --json |
          jq -e '.allowed == false'

Exit code: 0 if the request is allowed, 1 if it is denied, 2 if no decision is possible, for instance
because the document or the command line has a mistake.")]
    Explain(ExplainArgs),

    /// Read what decides CORS today, and write it as a policy document.
    ///
    /// Reads configurations of nginx, ingress-nginx, Gateway API, Istio, Kong, Traefik and APISIX, and CORS
    /// rules of buckets. The document goes to standard output. What has to be known goes to standard
    /// error: `note:` is about something that stays as it is, `warning:` about something that changes, and
    /// `question:` about something that only you can know. No guard is opened, and nothing becomes wider
    /// without a word.
    #[command(after_help = "\
Examples:
  cors-policy import nginx.conf > cors.yaml
  kubectl get ingress -A -o yaml | cors-policy import --from ingress - > cors.yaml
  cors-policy import --from traefik --format json dynamic.yml

Exit code: 0 if the document allows what was allowed before, or less; 1 if a question is open, or if
something is wider than before; 2 if a file cannot be read, or is in no known format.")]
    Import(ImportArgs),

    /// Ask a running server what it lets browsers read, and what it gets wrong.
    ///
    /// Asks as browsers do, and as attackers would have them ask: by GET and OPTIONS, with origins that may
    /// read and with those that look like them. With a policy document, compares what browsers read now with
    /// what they would if the policy were in force. Each finding says what is wrong, what follows, and what
    /// to write instead. Ask only servers that you may ask.
    ///
    /// At most 200 requests are sent, 5 at a time, as cors-policy/VERSION. No method changes anything, and
    /// redirects are not followed. The proxies of the environment (HTTPS_PROXY, NO_PROXY) are used.
    #[cfg(feature = "probe")]
    #[command(after_help = "\
Examples:
  What does the server let in, and whom besides the pages of this origin?
      cors-policy probe https://api.example.com/orders --origin https://app.example.com
  With a login:
      cors-policy probe https://api.example.com/orders -H \"Authorization: Bearer $TOKEN\"
  What would change with a policy?
      cors-policy probe https://api.example.com/orders cors.yaml --policy api
  On a server that is not in the DNS yet:
      cors-policy probe https://api.example.com/ --resolve api.example.com:443:192.0.2.1

Exit code: 0 if nothing was found, 1 if something was, 2 if the server could not be asked.")]
    Probe(Box<ProbeArgs>),

    /// Find the origins that a dry run shows to be forgotten, and write the lines to add.
    ///
    /// Reads what a page of `cors_policy_status` says about refused origins. An origin is forgotten if a
    /// policy in a dry run refuses it, and if its pages lose responses that they can read now. Each is a line
    /// for `allow_origins`, with the numbers that speak for it. Decide about each: anybody can send any
    /// origin. Origins that only look like an allowed one are named and not suggested.
    ///
    /// With a policy document, each line is checked in it: with the lines, the document passes the check, and
    /// the policy allows the origins. URLs are asked through the proxies of the environment.
    #[command(after_help = "\
Examples:
  cors-policy suggest http://127.0.0.1:9145/cors --file cors.yaml
  cors-policy suggest 'http://127.0.0.1:9145/cors?format=json' --policy api --format json
  curl -s -H 'Accept: application/json' http://127.0.0.1:9145/cors | cors-policy suggest -

Exit code: 0 if the status was read, with suggestions or without, 2 if it could not be.")]
    Suggest(SuggestArgs),

    /// Print the JSON Schema of the policy document, for editors.
    ///
    /// With it, an editor completes keys, shows their meaning, and marks unknown keys. The schema does
    /// not check origins, methods or header names; `cors-policy check` does.
    #[command(after_help = "\
Example:
  cors-policy schema > cors-policy.schema.json

With the YAML language server, which most editors have, write into the first line of cors.yaml:
  # yaml-language-server: $schema=cors-policy.schema.json")]
    Schema,
}

#[derive(clap::Args)]
pub(crate) struct CheckArgs {
    /// Policy documents (YAML), lists of origins, or nginx.conf; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// What the files are; recognized by their content if it is not given
    #[arg(long = "as", value_name = "KIND")]
    pub(crate) kind: Option<CheckedKind>,

    /// Refuse files with warnings, too
    #[arg(long)]
    pub(crate) strict: bool,

    /// Form of the result
    #[arg(long, default_value = "text")]
    pub(crate) format: CheckFormat,
}

/// What `check` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckedKind {
    /// Origins, one a line, as in an allow_origins_file
    List,
    /// A policy document, in YAML or JSON
    Document,
    /// nginx.conf with its includes, or a part of one
    Nginx,
}

/// How `check` prints its results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people
    Text,
    /// One JSON object, for programs
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions
    Github,
}

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// Configurations, up to 4 MiB each; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Format of the files; recognized by their content if it is not given
    #[arg(long, value_name = "FORMAT")]
    pub(crate) from: Option<ForeignFormat>,

    /// Form of the result: a document and messages, or one JSON object
    #[arg(long, default_value = "text")]
    pub(crate) format: ReportFormat,
}

/// A format that `import` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ForeignFormat {
    /// nginx.conf with its includes, or a part of one
    Nginx,
    /// Annotations of ingress-nginx
    Ingress,
    /// Gateway API: CORS filters of HTTPRoute, and SecurityPolicy of Envoy Gateway
    GatewayApi,
    /// Istio: corsPolicy of VirtualService
    Istio,
    /// Kong: the plugin `cors`, declarative or as KongPlugin
    Kong,
    /// Traefik: the middleware `headers`, in YAML
    Traefik,
    /// Apache APISIX: the plugin `cors`
    Apisix,
    /// Amazon S3: CORS rules of a bucket, in JSON
    S3,
    /// Google Cloud Storage: CORS rules of a bucket
    Gcs,
    /// Cloudflare R2: CORS rules of a bucket
    R2,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// A text that can be the value of a header (RFC 9110, section 5.5). The policy decides whether it is
/// an origin.
fn header_value(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        Err("no header can hold a control character".to_owned())
    } else if text.trim() != text {
        Err("a header's value does not begin or end with a space".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_makes_sense_to_clap() {
        Args::command().debug_assert();
    }

    #[test]
    fn origins_are_what_a_header_can_hold() {
        for text in ["https://a.example", "null", "", "not an origin", "https://ä.example"] {
            assert_eq!(header_value(text).as_deref(), Ok(text));
        }
        for text in ["https://a.example\r\nX-A: 1", "\u{1b}[31m", " https://a.example"] {
            assert!(header_value(text).is_err(), "{text:?}");
        }
    }
}
