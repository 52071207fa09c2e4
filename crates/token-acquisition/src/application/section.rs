//! Reads an application out of a section of the configuration, with the keys of
//! Microsoft.Identity.Web; every fault is told at once.

use std::sync::Arc;

use entra_abstractions::{Authority, Faults, Misconfigured, Section, TenantId, section::known};
use url::Url;

use super::{Application, Inner, check_region, client_id, home_tenant};
use crate::credential::CredentialDescription;

pub(super) fn read(section: &Section) -> Result<Application, Misconfigured> {
    if section.is_absent() {
        return Err(Misconfigured::new("the section is missing")
            .at(section.path())
            .hint("it describes the application: Instance, TenantId, ClientId and ClientCredentials"));
    }
    let mut faults = Faults::default();
    section.check_keys(known::APPLICATION, &mut faults);
    let authority = Authority::from_section(section, &mut faults);
    let client_id = client_id(section.text("ClientId", &mut faults).as_deref());
    let client_id = faults.take(client_id.map_err(|fault| fault.at(section.path_of("ClientId"))));
    let app_home_tenant = app_home_tenant(section, &mut faults);
    let capabilities = section.words("ClientCapabilities", &mut faults).unwrap_or_default();
    let query_parameters = query_parameters(section, &mut faults);
    let region = region(section, &mut faults);
    let send_x5c = section.flag("SendX5C", &mut faults).unwrap_or(false);
    let credentials = CredentialDescription::all_from_section(section, &mut faults);
    match (authority, client_id) {
        (Some(authority), Some(client_id)) => faults.into_result(Application(Arc::new(Inner {
            path: section.path().to_owned(),
            authority,
            client_id,
            app_home_tenant,
            capabilities,
            query_parameters,
            region,
            send_x5c,
            credentials,
        }))),
        _ => Err(faults.into_error()),
    }
}

fn app_home_tenant(section: &Section, faults: &mut Faults) -> Option<TenantId> {
    let tenant = section.text("AppHomeTenantId", faults)?;
    let at = section.path_of("AppHomeTenantId");
    faults.take(home_tenant(&tenant).map_err(|fault| fault.at(at)))
}

/// `ExtraQueryParameters`, and the query that an `Authority` may carry; a name that stands in both
/// has the value of the former.
fn query_parameters(section: &Section, faults: &mut Faults) -> Vec<(String, String)> {
    let mut parameters = section.pairs("ExtraQueryParameters", faults);
    // Whether the authority is one has been judged already.
    let authority = section.text("Authority", &mut Faults::default());
    if let Some(authority) = authority.and_then(|authority| Url::parse(authority.trim()).ok()) {
        for (name, value) in authority.query_pairs().into_owned() {
            if parameters.iter().all(|(known, _)| *known != name) {
                parameters.push((name, value));
            }
        }
    }
    parameters
}

fn region(section: &Section, faults: &mut Faults) -> Option<String> {
    let region = section.text("AzureRegion", faults)?;
    faults.take(check_region(&region).map_err(|fault| fault.at(section.path_of("AzureRegion"))))
}
