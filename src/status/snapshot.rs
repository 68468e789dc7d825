//! Reads the state of the module.

use core::{array, fmt};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use cors_comparison::Change;
use cors_policy::Decision;
use cors_shared::files::FileState;
use cors_status::prometheus::{FileMetrics, Source};
use cors_status::{Changes, Count, File, Refused, Sha256, Status, Workers};

use crate::config::main_conf::MainConf;
use crate::config::policies::{Policies, PolicyEntry};
use crate::counters::SERIES;

/// The state, to be read while it is written.
pub(super) struct Live<'c>(pub(super) &'c MainConf);

impl Source for Live<'_> {
    fn policies(&self, mut f: impl FnMut(&str, &[Count], Changes) -> fmt::Result) -> fmt::Result {
        self.0.policies.iter().try_for_each(|(name, entry)| f(name, &counts(entry), changes(entry)))
    }

    fn files(&self, mut f: impl FnMut(&FileMetrics<'_>) -> fmt::Result) -> fmt::Result {
        self.0.file_states().try_for_each(|(file, state)| f(&metrics(file, &state)))
    }
}

fn metrics<'f>(file: &'f Path, state: &FileState) -> FileMetrics<'f> {
    FileMetrics {
        file: file.to_string_lossy(),
        sha256: Sha256(state.sha256),
        last_load: state.last_load,
        success: state.success,
        failures: state.failures,
        workers: Workers { current: state.current, stale: state.stale },
    }
}

/// Reads the state, and the refused origins if they are asked for.
pub(super) fn take(main: &MainConf, origins: bool) -> Status {
    let policies = &main.policies;
    Status {
        version: Status::VERSION,
        policies: policies
            .iter()
            .map(|(name, entry)| (name.to_owned(), counts(entry).to_vec()))
            .collect(),
        dry_run_changes: policies
            .iter()
            .map(|(name, entry)| (name.to_owned(), changes(entry)))
            .collect(),
        files: files(main),
        refused: origins.then(|| refused(policies)),
    }
}

const MODES: [(&str, bool); 2] = [("enforced", false), ("dry_run", true)];

/// Every counter of a policy.
fn counts(entry: &PolicyEntry) -> [Count; MODES.len() * SERIES.len()] {
    let counters = entry.counters();
    let counts = MODES.map(|(_, is_dry_run)| {
        counters.get().map_or([0; SERIES.len()], |all| all.counts(is_dry_run))
    });
    array::from_fn(|index| {
        let (mode, series) = (index / SERIES.len(), index % SERIES.len());
        let (kind, decision) = SERIES[series];
        Count {
            request: kind.as_str(),
            decision: decision.as_str(),
            mode: MODES[mode].0,
            count: counts[mode][series],
        }
    })
}

fn changes(entry: &PolicyEntry) -> Changes {
    let counters = entry.counters();
    let counts = counters.get().map_or([0; Change::ALL.len()], |all| all.changes());
    let [refused, lost, headers, gained] = counts;
    Changes { refused, lost, headers, gained }
}

fn files(main: &MainConf) -> Vec<File> {
    let states = main.file_states();
    states.map(|(file, state)| metrics(file, &state).with_mistakes(main.mistakes(file))).collect()
}

/// The origins that are refused, the most frequent first.
fn refused(policies: &Policies) -> BTreeMap<String, Vec<Refused>> {
    let mut found: BTreeMap<String, Vec<Refused>> = BTreeMap::new();
    let Some(table) = policies.shared_table().and_then(|shared| shared.get()) else { return found };
    let by_number: HashMap<u32, &str> =
        policies.iter().filter_map(|(name, entry)| Some((entry.number()?, name))).collect();
    let mut entries: Vec<_> = table.origins().entries().collect();
    entries.sort_unstable_by(|a, b| {
        (Reverse(a.count), &a.origin, a.decision).cmp(&(Reverse(b.count), &b.origin, b.decision))
    });
    for entry in entries {
        let Some(name) = by_number.get(&entry.policy) else { continue };
        let decision = Decision::ALL.get(usize::from(entry.decision)).map_or("", |it| it.as_str());
        let mut origin = String::from_utf8_lossy(&entry.origin).into_owned();
        if entry.is_cut {
            origin.push('…');
        }
        found.entry((*name).to_owned()).or_default().push(Refused {
            origin,
            decision,
            mode: MODES[usize::from(entry.is_dry_run)].0,
            count: entry.count,
            error: entry.error,
            lost: entry.lost,
            last: entry.last,
            near_miss: None,
            advice: None,
        });
    }
    explain(policies, &mut found);
    found
}

/// The number of origins of each policy that are explained, and of all policies: a worker serves nobody else
/// meanwhile.
const MAX_EXPLAINED: usize = 100;
const MAX_EXPLAINED_IN_ALL: usize = 500;

/// Says of the most frequent origins what they nearly are, and what to do about them.
fn explain(policies: &Policies, refused: &mut BTreeMap<String, Vec<Refused>>) {
    let mut left = MAX_EXPLAINED_IN_ALL;
    for (name, refused) in refused {
        let Some(entry) = policies.get(name) else { continue };
        let policy = entry.policy();
        for refused in refused.iter_mut().take(MAX_EXPLAINED.min(left)) {
            left -= 1;
            let decision = Decision::ALL.into_iter().find(|it| it.as_str() == refused.decision);
            let Some(decision) = decision else { continue };
            if decision == Decision::DeniedOrigin {
                refused.near_miss = policy.near_miss(&refused.origin).map(|near| near.to_string());
            }
            refused.advice = policy.advice(decision, &refused.origin).map(|it| it.to_string());
        }
    }
}
