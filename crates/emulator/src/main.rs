//! The emulator as a program: starts it, says where it is and whom it knows, and prints a line for every request.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Context as _;
use clap::Parser;
use entra_emulator::{Directory, Emulator, Fault};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An embedded Microsoft Entra ID for tests and demos, on loopback.
#[derive(Debug, Parser)]
#[command(name = "entra-emulator", version)]
struct Options {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Serve HTTPS with a certificate of a test authority made for this run
    #[arg(long)]
    https: bool,
    /// Where the authority's certificate is written (with --https); in the system's temporary folder if not given
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Tenants, applications and users: a TOML or JSON file instead of the ready-made directory
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// What shall go wrong: a TOML file of [[faults]]
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// What time it is, such as 2030-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    clock: Option<String>,
    /// /authorize shows a page to choose a user and to accept
    #[arg(long)]
    page: bool,
    /// Print a user's access token: NAME SCOPES, such as alice `api://orders/read`
    #[arg(long, num_args = 2, value_names = ["USER", "SCOPES"])]
    user_token: Option<Vec<String>>,
    /// Print the ready-made directory, as a template for one's own, and stop
    #[arg(long)]
    print_directory: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if options.print_directory {
        say(Directory::READY_MADE)?;
        return Ok(());
    }
    let emulator = start(&options)?;
    introduce(&emulator, &options)?;
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
    say(&format!("{} requests to the token endpoint", emulator.log().count_tokens()))?;
    Ok(())
}

fn start(options: &Options) -> anyhow::Result<Emulator> {
    let mut builder = Emulator::builder().port(options.port).https(options.https).on_request(|entry| {
        // A log that nobody reads any more is no reason to stop answering.
        let _unread = say(&entry.to_string());
    });
    if let Some(file) = &options.directory {
        builder = builder.directory(
            Directory::from_file(file).with_context(|| format!("--directory {}", file.display()))?,
        );
    }
    if let Some(text) = &options.clock {
        let at = OffsetDateTime::parse(text, &Rfc3339)
            .context("--clock is not a time like 2030-01-31T12:00:00Z")?;
        builder = builder.clock(SystemTime::from(at));
    }
    if options.page {
        builder = builder.sign_in_page();
    }
    let emulator = builder.start_blocking()?;
    if let Some(file) = &options.faults {
        let script =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        for fault in Fault::script(&script).with_context(|| format!("--faults {}", file.display()))? {
            emulator.faults().add(fault);
        }
    }
    Ok(emulator)
}

fn introduce(emulator: &Emulator, options: &Options) -> anyhow::Result<()> {
    let directory = emulator.directory();
    let tenant = directory.tenants.first().map_or("", |tenant| tenant.id.as_str());
    let authority = emulator.authority(tenant);
    say(&format!("Entra is at {}, until Ctrl-C", emulator.base_url()))?;
    say(&format!("\n  metadata    {authority}/v2.0/.well-known/openid-configuration"))?;
    say(&format!("  authorize   {authority}/oauth2/v2.0/authorize"))?;
    say(&format!("  token       {authority}/oauth2/v2.0/token"))?;
    say(&format!("  Graph       {}/v1.0/me", emulator.base_url()))?;
    say(&format!(
        "  an API      {0}/orders/.. (tokens for `orders`), {0}/echo/.. (for any)",
        emulator.base_url()
    ))?;
    say(&format!("  identities  AZURE_POD_IDENTITY_AUTHORITY_HOST={}", emulator.base_url()))?;
    if let Some(pem) = emulator.ca_pem() {
        let file = options.ca.clone().unwrap_or_else(|| std::env::temp_dir().join("entra-emulator-ca.pem"));
        std::fs::write(&file, pem).with_context(|| format!("cannot write {}", file.display()))?;
        say(&format!("  authority   {} (trust it for tests only)", file.display()))?;
    }
    say("\nTenants")?;
    for tenant in &directory.tenants {
        say(&format!("  {}  {}", tenant.id, tenant.domain))?;
    }
    say("\nApplications")?;
    for app in directory.apps.iter().filter(|app| !app.multi_tenant) {
        let agent =
            app.blueprint.as_ref().map_or_else(String::new, |blueprint| format!("  agent of {blueprint}"));
        say(&format!("  {}  {}{agent}", app.client_id, app.name))?;
    }
    say("\nUsers")?;
    for user in &directory.users {
        say(&format!("  {}  {}", user.object_id, user.upn))?;
    }
    let speaker = directory.apps.iter().find(|app| !app.secrets.is_empty());
    if let Some(app) = speaker {
        say("\nappsettings.json\n")?;
        say(&emulator.appsettings(&app.client_id))?;
    }
    if let Some([user, scopes]) = options.user_token.as_deref() {
        anyhow::ensure!(directory.user(user).is_some(), "the directory has no user {user}");
        say(&format!("\n{user}'s token\n{}", emulator.user_token(user, scopes)))?;
    }
    say("\nRequests")?;
    Ok(())
}

/// A line to standard output; a reader that has gone is an error, not a panic.
fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}
