//! The command line of `cors-policy suggest`.

use std::path::PathBuf;

use super::ReportFormat;

#[derive(clap::Args)]
pub(crate) struct SuggestArgs {
    /// Address of a page of cors_policy_status, or a file with its JSON; `-` is standard input
    #[arg(value_name = "URL|FILE")]
    pub(crate) source: String,

    /// Name of the policy; all policies of the page if it is not given
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,

    /// Policy document (YAML) that gets the lines; each line is then checked in it
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Form of the result: for people, or one JSON object
    #[arg(long, default_value = "text")]
    pub(crate) format: ReportFormat,
}
