//! What the metadata service may answer when it is asked for the region, and where the token is then
//! asked for: nobody listens there, and the error names the host.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use entra_abstractions::{AcquireToken, Environment, HttpSettings};
use entra_token_acquisition::Application;
use tracing_subscriber::fmt;

use crate::{
    kit::{Kit, ORDERS, as_app, builder},
    wiretap::{Does, Wiretap, json, reply},
};

const GLOBAL: &str = "login.microsoftonline.com";
const REGIONAL: &str = "westeurope.login.microsoft.com";

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The host that was asked for the token, how often the metadata service was asked, and the log.
async fn asked(script: Vec<Does>) -> (String, usize, String) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _listening = tracing::subscriber::set_default(subscriber);
    let service = Wiretap::that(script).await;
    let nobody = "127.0.0.1:9".parse().unwrap();
    let http = HttpSettings::default()
        .connect_timeout(Duration::from_secs(1))
        .resolve(GLOBAL, nobody)
        .resolve(REGIONAL, nobody);
    let kit = Kit::new();
    let application = Application::builder()
        .tenant("contoso.example")
        .client_id("client")
        .secret("s3cret?%G&=")
        .detect_region();
    let environment = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", service.url.clone())];
    let tokens = builder(application.build().unwrap(), Arc::clone(&kit.clock) as Arc<_>)
        .http(http)
        .environment(Environment::from_pairs(environment))
        .build()
        .unwrap();
    let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (error.exchange().unwrap().host().to_owned(), service.heard().len(), logged)
}

fn found() -> Does {
    json(r#"{"location":"WestEurope"}"#)
}

#[tokio::test]
async fn a_regional_failure_names_its_region() {
    let (host, asked, _) = asked(vec![found()]).await;
    assert_eq!((host.as_str(), asked), (REGIONAL, 1));
}

#[tokio::test]
async fn an_older_service_is_asked_in_its_own_version() {
    let no_such = || reply("400 Bad Request", "", "");
    let versions = reply("400 Bad Request", "", r#"{"newest-versions":["2020-06-01"]}"#);
    let (host, asked_for, _) = asked(vec![no_such(), versions, found()]).await;
    assert_eq!((host.as_str(), asked_for), (REGIONAL, 3));
    for useless in [r#"{"newest-versions":[]}"#, "{}", r#"{"newest-versions":["x&y=z"]}"#] {
        let (host, asked_for, _) = asked(vec![no_such(), reply("400 Bad Request", "", useless)]).await;
        assert_eq!((host.as_str(), asked_for), (GLOBAL, 2), "{useless}");
    }
}

#[tokio::test]
async fn a_service_that_is_busy_is_asked_again_and_no_other() {
    let status = |status: &str| reply(status, "", "");
    for (script, expected) in [
        (vec![status("500 Internal Server Error"), found()], (REGIONAL, 2)),
        (vec![status("500 Internal Server Error")], (GLOBAL, 4)),
        (vec![status("404 Not Found"), found()], (GLOBAL, 1)),
        (vec![status("408 Request Timeout"), found()], (GLOBAL, 1)),
    ] {
        let (host, asked, logged) = asked(script).await;
        assert_eq!((host.as_str(), asked), expected);
        assert_eq!(logged.contains("the region cannot be detected"), host == GLOBAL, "{logged}");
    }
}

#[tokio::test]
async fn an_answer_without_a_region_means_the_global_endpoint_and_says_so() {
    for useless in ["{}", "[]", "<html>", r#"{"location":""}"#, r#"{"location":"west.evil.example/"}"#] {
        let (host, _, logged) = asked(vec![json(useless)]).await;
        assert_eq!(host, GLOBAL, "{useless}");
        assert!(logged.contains("tokens come from the global endpoint"), "{logged}");
    }
}
