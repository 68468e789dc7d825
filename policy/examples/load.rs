//! Loads a policy of a million origins, and prints how long that takes, how much of it on the
//! processor, and the most memory that the process has held. For Linux.
//!
//! `cargo run --release --example load [NUMBER]`

use std::{
    env, fs,
    io::{BufWriter, Write},
    process,
    time::Instant,
};

use cors_policy::{Decision, OriginHeader, document};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let number: u32 = env::args().nth(1).map_or(Ok(1_000_000), |number| number.parse())?;
    let directory = env::temp_dir().join(format!("cors-policy-load-{}", process::id()));
    fs::create_dir_all(&directory)?;
    let mut origins = BufWriter::new(fs::File::create(directory.join("origins.txt"))?);
    for n in 0..number {
        writeln!(origins, "https://partner-{n}.example.com")?;
    }
    origins.into_inner()?.sync_all()?;
    let document = directory.join("cors.yaml");
    fs::write(
        &document,
        "version: 1\npolicies:\n  partners:\n    allow_origins_file: origins.txt\n    \
         allow_credentials: true\n",
    )?;

    let start = Instant::now();
    let busy = on_processor()?;
    let loaded = document::load(&document);
    let busy = on_processor()? - busy;
    let time = start.elapsed().as_secs_f64();
    let peak = peak_resident()?;
    fs::remove_dir_all(&directory)?;

    let policies = loaded?.value;
    let last = format!("https://partner-{}.example.com", number - 1);
    let decision = policies[0].decide(OriginHeader::One(last.as_bytes())).decision();
    assert_eq!(decision, Decision::Allowed);
    println!("{number} origins: {time:.3} s, {busy:.3} s of processor, at most {peak} resident");
    Ok(())
}

/// For how many seconds this process has run on a processor.
fn on_processor() -> Result<f64, Box<dyn std::error::Error>> {
    let nanoseconds = fs::read_to_string("/proc/self/schedstat")?;
    let first = nanoseconds.split(' ').next().unwrap_or_default();
    Ok(first.parse::<f64>()? / 1e9)
}

/// A figure of this process that Linux reports, such as `61234 kB`.
fn peak_resident() -> std::io::Result<String> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.unwrap_or("unknown").trim().to_owned())
}
