//! The drill of bound tokens: certificates are renewed again and again under load.

use std::process::ExitCode;

use anyhow::Result;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

use crate::bound::{Rotation, Speaks, rotate};

/// Calls an API over TLS with bound tokens while the application's certificate is renewed.
///
/// For each request the API compares the connection's certificate with the token's, and each handshake is
/// counted there.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A tenth of it.
    #[arg(long)]
    quick: bool,
}

/// Drills, and reports.
pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let part = if arguments.quick { 10 } else { 1 };
    let wishes = [
        ("HTTP/2, 32 at once", 10_000, 32, Speaks::Http2),
        ("HTTP/1.1, one after another", 2_000, 1, Speaks::Http1),
    ];
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header([
        "calls",
        "answered",
        "certificates",
        "handshakes",
        "mismatches",
        "failed",
        "open at once",
        "took",
        "",
    ]);
    let mut holds = true;
    for (name, requests, at_once, speaks) in wishes {
        let wish = Rotation { renewals: 100 / part, requests: requests / part, at_once, speaks };
        let rotated = rotate(wish).await?;
        let faults = rotated.faults(&wish);
        holds &= faults.is_empty();
        let full: usize = rotated.handshakes.full.values().sum();
        table.add_row([
            name.to_owned(),
            rotated.answered.to_string(),
            rotated.certificates.to_string(),
            (full + rotated.handshakes.resumed).to_string(),
            rotated.mismatches.to_string(),
            rotated.failures.len().to_string(),
            rotated.handshakes.most_certificates.to_string(),
            format!("{:.1} s", rotated.took.as_secs_f64()),
            if faults.is_empty() { "holds".to_owned() } else { faults.join("; ") },
        ]);
    }
    say(&format!(
        "{table}\n\
         certificates: that the API saw, the first one and each renewal. handshakes: at the API, all of them.\n\
         mismatches: answers to a token of another certificate than the connection's. open at once: of how many\n\
         certificates connections were open in the same moment, at most; at the end, of the last one alone."
    ));
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::print_stdout, reason = "the one place where this drill prints")]
fn say(text: &str) {
    println!("{text}");
}
