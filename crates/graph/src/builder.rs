//! Collects what configuration and program say about a [`Graph`].

use std::time::Duration;

use entra_abstractions::{AcquireToken, Cloud, Faults, Misconfigured, Scopes, Section};
use entra_downstream_api::{Api, HttpSettings};
use url::Url;

use crate::{
    Graph,
    graph::Configured,
    hosts::{self, graph_host},
};

/// Describes a Graph. What the program says replaces what a section says; what is wrong is told by
/// [`build`](Self::build), all of it.
///
/// ```no_run
/// # fn example(tokens: impl entra_abstractions::AcquireToken + 'static) -> Result<(), entra_abstractions::Misconfigured> {
/// use entra_abstractions::Cloud;
/// use entra_graph::Graph;
///
/// let graph = Graph::builder().cloud(Cloud::UsGovernment).scopes("User.Read Mail.Read").build(tokens)?;
/// # drop(graph);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a Graph is made by `build`"]
pub struct GraphBuilder {
    section: Option<Section>,
    base_url: Option<String>,
    scopes: Option<Result<Vec<String>, Misconfigured>>,
    cloud: Cloud,
    version: &'static str,
    timeout: Option<Duration>,
    http: HttpSettings,
}

impl Default for GraphBuilder {
    fn default() -> Self {
        Self {
            section: None,
            base_url: None,
            scopes: None,
            cloud: Cloud::Public,
            version: V1,
            timeout: None,
            http: HttpSettings::default(),
        }
    }
}

pub(crate) const V1: &str = "v1.0";
pub(crate) const BETA: &str = "beta";

impl GraphBuilder {
    /// Takes what is configured in a section, such as `GraphBeta`: `BaseUrl`, `Scopes`,
    /// `RequestAppToken` and whatever else a downstream API has.
    pub fn section(mut self, section: &Section) -> Self {
        self.section = Some(section.clone());
        self
    }

    /// Calls the Graph of this cloud, where no base URL is said.
    pub fn cloud(mut self, cloud: Cloud) -> Self {
        self.cloud = cloud;
        self
    }

    /// Calls `beta` instead of version 1.0, where no base URL is said.
    pub fn beta(mut self) -> Self {
        self.version = BETA;
        self
    }

    /// Where Graph is, with its version: `https://graph.microsoft.com/v1.0`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// What users' tokens are asked for; `User.Read` where nothing is said.
    pub fn scopes<S: TryInto<Scopes>>(mut self, scopes: S) -> Self
    where
        Misconfigured: From<S::Error>,
    {
        self.scopes = Some(match scopes.try_into() {
            Ok(scopes) => Ok(scopes.iter().map(str::to_owned).collect()),
            Err(fault) => Err(fault.into()),
        });
        self
    }

    /// The time after which a request is given up; 30 s where nothing is said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Builds its HTTP clients from these settings.
    pub fn http(mut self, settings: HttpSettings) -> Self {
        self.http = settings;
        self
    }

    /// Graph, if nothing is wrong.
    ///
    /// # Errors
    /// [`Misconfigured`] with everything that is wrong, each fault with its path: the developer
    /// must act.
    pub fn build(self, tokens: impl AcquireToken + 'static) -> Result<Graph, Misconfigured> {
        let name = self.section.as_ref().and_then(|section| section.path().rsplit('.').next());
        let mut api = Api::builder(name.filter(|name| !name.is_empty()).unwrap_or("MicrosoftGraph"));
        // Whoever reads the section next tells what is wrong with it.
        let mut told_by_the_api = Faults::default();
        let written = self.section.as_ref();
        let base = self
            .base_url
            .or_else(|| written.and_then(|section| section.text("BaseUrl", &mut told_by_the_api)))
            .unwrap_or_else(|| format!("https://{}/{}", graph_host(self.cloud), self.version));
        let words = match self.scopes {
            Some(scopes) => scopes?,
            None => written
                .and_then(|section| section.words("Scopes", &mut told_by_the_api))
                .filter(|words| !words.is_empty())
                .unwrap_or_else(|| vec!["User.Read".to_owned()]),
        };
        let query = written.map(|section| section.pairs("ExtraQueryParameters", &mut told_by_the_api));
        if let Some(section) = written {
            api = api.section(section);
        }
        let parsed = Url::parse(base.trim()).ok();
        let resource = parsed.as_ref().and_then(hosts::resource);
        let scopes = hosts::qualified(&words, resource.as_deref())?;
        let default_scope = hosts::default_scope(resource.as_deref(), &scopes).ok();
        api = api.base_url(&base).scopes(scopes).http(self.http.clone());
        if let Some(timeout) = self.timeout {
            api = api.timeout(timeout);
        }
        let api = api.build(tokens)?;
        let base = parsed.ok_or_else(|| Misconfigured::new("the base URL is not a URL"))?;
        let query = query.unwrap_or_default().into_iter().map(|(name, _)| name).collect();
        Ok(Configured { api, base, default_scope, query, http: self.http }.into())
    }
}
