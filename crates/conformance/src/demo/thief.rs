//! Somebody who has a bound token from a log, and shows it in each way that is left to them.

use anyhow::{Context, Result};
use entra_abstractions::Binding;
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use url::Url;

use super::stage::Stage;
use crate::{
    http,
    pki::{binding, self_signed, strangers},
};

/// One way to show the token, and what the API said.
pub(crate) struct Attempt {
    pub(crate) how: &'static str,
    pub(crate) status: u16,
    pub(crate) said: String,
}

/// Shows the token that the API overheard last.
pub(crate) async fn steal(stage: &Stage) -> Result<Vec<Attempt>> {
    let header = stage.partner.overheard();
    let (_, token) = header.split_once(' ').context("nothing was overheard")?;
    let (own, another) = (binding(&self_signed())?, binding(&strangers("thief.example")?)?);
    let bearer = format!("Bearer {token}");
    let mut attempts = Vec::new();
    for (how, shown, certificate) in [
        ("without a certificate", &header, None),
        ("with the thief's certificate", &header, Some(&another)),
        ("as a bearer token", &bearer, None),
        // Beside the owner's connection, as a proxy that forwards headers would.
        ("as a bearer token over the owner's connection", &bearer, Some(&own)),
    ] {
        attempts.push(show(stage, how, shown, certificate).await?);
    }
    Ok(attempts)
}

async fn show(
    stage: &Stage,
    how: &'static str,
    header: &str,
    certificate: Option<&Binding>,
) -> Result<Attempt> {
    let url = Url::parse(&stage.partner.orders())?;
    let client = match certificate {
        Some(certificate) => stage.clients.of(certificate, &url)?.client().clone(),
        None => http::client(&stage.http)?,
    };
    let answer = client.get(url).header(AUTHORIZATION, header).send().await?;
    let challenge = answer.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    let said =
        challenge.and_then(|challenge| challenge.split_once("error_description=\"")?.1.split('"').next());
    Ok(Attempt { how, status: answer.status().as_u16(), said: said.unwrap_or_default().to_owned() })
}
