//! Lets clients that nobody here wrote get tokens from the emulator, and our own client from an
//! authorization server that nobody here wrote; each with its own validation on.
//!
//! In: the network, once, to fetch them by their names. Out: a table, and 0 only if all of it holds.

mod apache;
mod authorization_server;
mod azure_identity;
mod azurite;
mod claims;
mod mtls_provider;
mod probe;
mod program;
mod screen;
mod setting;
mod side_by_side;
mod toolbox;
mod verdict;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use entra_emulator::{Consent, Emulator};

use probe::Probe;
use screen::Screen;
use setting::Setting;
use toolbox::Toolbox;
use verdict::{Verdict, Verdicts};

/// What to play, and from where.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these peers; all of them when none is named.
    #[arg(value_enum)]
    peers: Vec<Peer>,
    /// Fetches everything again, even what is kept from an earlier run.
    #[arg(long)]
    fresh: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Peer {
    MsalPython,
    AzureIdentityPython,
    MsalNode,
    AzureIdentityJs,
    AzureIdentityRust,
    /// Our credential beside that of `azure_identity`, where tokens are slow or Entra is away.
    SideBySide,
    /// Azure Storage's emulator, with the Azure SDK's client and our credential.
    Azurite,
    /// The authorization server that our own client meets.
    OidcProvider,
    /// The same, where it knows clients by their certificates, and binds tokens to them.
    OidcProviderMtls,
    /// An API that takes tokens which are bound to certificates.
    ApacheOauth2,
}

/// Plays every peer, one after the other, and tells how it went.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let chosen = match &*arguments.peers {
        [] => Peer::value_variants(),
        named => named,
    };
    let screen = Screen::new();
    let toolbox = Toolbox::new(home()?);
    if arguments.fresh {
        toolbox.empty()?;
    }
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let emulator = Emulator::builder().https(true).start().await?;
    // Whoever may open it must still step up.
    emulator.edit(|directory| {
        directory.consents.push(Consent::scopes("shop-api", "safe", ["open"]));
        directory.consents.push(Consent::scopes("shop-api", "azure-storage", ["user_impersonation"]));
    });
    let setting = Setting::write(&emulator, folder.path())?;

    let mut verdicts = Verdicts::default();
    for peer in chosen {
        emulator.log().clear();
        let before = verdicts.flaws();
        peer.play(&setting, folder.path(), &toolbox, &screen, &mut verdicts).await?;
        if verdicts.flaws() > before {
            let entries = emulator.log().entries();
            let refused = entries.iter().filter(|entry| entry.aadsts.is_some());
            refused.for_each(|entry| screen.say(&format!("  the emulator refused {entry}")));
        }
    }
    let servers = [Peer::OidcProvider, Peer::OidcProviderMtls];
    if chosen.iter().any(|peer| !servers.contains(peer)) {
        verdicts.add(&screen, every_path_is_served(&emulator));
    }
    screen.say(&verdicts.table());
    Ok(if verdicts.flaws() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Peer {
    async fn play(
        self,
        setting: &Setting,
        folder: &Path,
        toolbox: &Toolbox,
        screen: &Screen,
        verdicts: &mut Verdicts,
    ) -> Result<()> {
        let probe = match self {
            Self::MsalPython => Probe::python(toolbox.python(screen).await?, "msal_python.py"),
            Self::AzureIdentityPython => {
                Probe::python(toolbox.python(screen).await?, "azure_identity_python.py")
            }
            Self::MsalNode => Probe::node(toolbox.node(screen).await?, "msal_node.mjs"),
            Self::AzureIdentityJs => Probe::node(toolbox.node(screen).await?, "azure_identity_js.mjs"),
            Self::AzureIdentityRust => return azure_identity::play(setting, screen, verdicts).await,
            Self::SideBySide => return side_by_side::play(screen, verdicts).await,
            Self::Azurite => {
                let packages = toolbox.node(screen).await?;
                return azurite::play(&packages, folder, setting, screen, verdicts).await;
            }
            Self::OidcProvider => {
                let packages = toolbox.node(screen).await?;
                return authorization_server::play(&packages, folder, screen, verdicts).await;
            }
            Self::ApacheOauth2 => return apache::play(folder, setting, screen, verdicts).await,
            Self::OidcProviderMtls => {
                let packages = toolbox.node(screen).await?;
                return mtls_provider::play(&packages, folder, screen, verdicts).await;
            }
        };
        probe.play(setting, screen, verdicts).await
    }
}

/// Where fetched clients are kept between runs: beside what cargo builds.
fn home() -> Result<PathBuf> {
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let target = program.ancestors().nth(2).context("this program lies in no target folder")?;
    Ok(target.join("peers"))
}

/// A client that asks for a path which Entra has and the emulator does not would go unnoticed where
/// it carries on without an answer.
fn every_path_is_served(emulator: &Emulator) -> Verdict {
    let unserved = emulator.log().unserved();
    Verdict {
        client: "entra-emulator".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: "every path that a client asked for is served".to_owned(),
        flaw: (!unserved.is_empty()).then(|| unserved.join(", ")),
    }
}
