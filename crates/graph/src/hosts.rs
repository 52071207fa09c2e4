//! Where Microsoft Graph is in each cloud of Entra, and what its tokens are for there.

use entra_abstractions::{Cloud, Misconfigured, Scopes, is_identity_scope};
use url::Url;

/// The host of Microsoft Graph in a cloud.
/// <https://learn.microsoft.com/graph/deployments>
///
/// ```
/// use entra_abstractions::Cloud;
///
/// assert_eq!(entra_graph::graph_host(Cloud::UsGovernment), "graph.microsoft.us");
/// ```
pub const fn graph_host(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Public => "graph.microsoft.com",
        Cloud::China => "microsoftgraph.chinacloudapi.cn",
        Cloud::UsGovernment => "graph.microsoft.us",
        Cloud::Bleu => "graph.svc.sovcloud.fr",
        Cloud::Delos => "graph.svc.sovcloud.de",
        Cloud::GovSg => "graph.svc.sovcloud.sg",
    }
}

/// Further hosts that are a resource of their own: the department of defence's Graph.
const OTHERS: &[&str] = &["dod-graph.microsoft.us"];

/// What tokens for a Graph at this base are for, where the host is one that is known.
pub(crate) fn resource(base: &Url) -> Option<String> {
    let host = base.host_str()?;
    let is_known =
        Cloud::ALL.into_iter().map(graph_host).chain(OTHERS.iter().copied()).any(|known| known == host);
    is_known.then(|| format!("https://{host}"))
}

/// Delegated scopes as a Graph at this resource wants them: outside the public cloud a scope such as
/// `User.Read` must name its resource, else it is the public Graph's.
pub(crate) fn qualified(scopes: &[String], resource: Option<&str>) -> Result<Scopes, Misconfigured> {
    let public = format!("https://{}", graph_host(Cloud::Public));
    let qualify = |scope: &String| match resource {
        Some(resource) if resource != public && !scope.contains('/') && !is_identity_scope(scope) => {
            format!("{resource}/{scope}")
        }
        _ => scope.clone(),
    };
    Scopes::new(scopes.iter().map(qualify))
}

/// The scope of the application's own token.
// Unlike .NET: there it is the public Graph's, whichever cloud is called.
pub(crate) fn default_scope(resource: Option<&str>, scopes: &Scopes) -> Result<Scopes, Misconfigured> {
    match resource {
        Some(resource) => Scopes::new([format!("{resource}/.default")]),
        // Behind a proxy, or a test's Graph: the scopes say whose token it takes.
        None => scopes.to_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(host: &str) -> Url {
        Url::parse(&format!("https://{host}/v1.0")).unwrap()
    }

    #[test]
    fn each_cloud_has_a_graph_of_its_own() {
        for cloud in Cloud::ALL {
            let host = graph_host(cloud);
            let resource = resource(&url(host)).unwrap();
            let scopes = qualified(&["User.Read".to_owned(), "openid".to_owned()], Some(&resource)).unwrap();
            let named = if cloud == Cloud::Public {
                "User.Read".to_owned()
            } else {
                format!("https://{host}/User.Read")
            };
            assert_eq!(scopes.as_str(), format!("{named} openid"));
            let default = default_scope(Some(&resource), &scopes).unwrap();
            assert_eq!(default.as_str(), format!("https://{host}/.default"));
        }
        assert_eq!(
            resource(&url("dod-graph.microsoft.us")).as_deref(),
            Some("https://dod-graph.microsoft.us")
        );
    }

    #[test]
    fn elsewhere_the_scopes_say_whose_token_it_takes() {
        assert_eq!(resource(&url("graph.microsoft.com.evil.example")), None);
        let scopes = qualified(&["User.Read".to_owned()], None).unwrap();
        assert_eq!(default_scope(None, &scopes).unwrap().as_str(), "https://graph.microsoft.com/.default");
        let own = Scopes::try_from("api://proxy/read").unwrap();
        assert_eq!(default_scope(None, &own).unwrap().as_str(), "api://proxy/.default");
    }
}
