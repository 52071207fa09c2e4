//! Every story of an agent by its name. The name tells it; `stage::scenario` plays it.

use std::sync::Arc;

use entra_agent_identities::AgentIdentities;

use crate::stage::scenario::{play, stories};

stories! {
    by |blueprint| Arc::new(AgentIdentities::new(blueprint));
    autonomous_agent_disabled
    autonomous_blueprint_certificate_refused_then_registered
    autonomous_blueprint_certificate_rotated
    autonomous_blueprint_refused
    autonomous_claims_challenge
    autonomous_entra_down_and_back
    autonomous_managed_identity
    autonomous_refreshed
    autonomous_then_cached
    autonomous_throttled_then_served
    autonomous_through_an_outage
    autonomous_vault_certificate
    interactive_agent_disabled
    interactive_blueprint_certificate_refused_then_registered
    interactive_blueprint_certificate_rotated
    interactive_blueprint_refused
    interactive_claims_challenge
    interactive_consent_then_success
    interactive_entra_down_and_back
    interactive_refreshed
    interactive_session_never_begun
    interactive_session_of_another_agent
    interactive_session_outlives_the_callers_token
    interactive_session_over_a_restart
    interactive_session_revoked
    interactive_then_cached
    interactive_throttled_then_served
    interactive_through_an_outage
    user_by_object_id_agent_disabled
    user_by_object_id_blueprint_certificate_refused_then_registered
    user_by_object_id_blueprint_certificate_rotated
    user_by_object_id_blueprint_refused
    user_by_object_id_claims_challenge
    user_by_object_id_consent_then_success
    user_by_object_id_entra_down_and_back
    user_by_object_id_of_a_person_refused
    user_by_object_id_refreshed
    user_by_object_id_session_ended
    user_by_object_id_then_cached
    user_by_object_id_throttled_then_served
    user_by_object_id_through_an_outage
    user_by_object_id_unknown
    user_by_upn_agent_disabled
    user_by_upn_blueprint_certificate_refused_then_registered
    user_by_upn_blueprint_certificate_rotated
    user_by_upn_blueprint_refused
    user_by_upn_claims_challenge
    user_by_upn_consent_then_success
    user_by_upn_entra_down_and_back
    user_by_upn_managed_identity
    user_by_upn_of_a_person_refused
    user_by_upn_refreshed
    user_by_upn_session_ended
    user_by_upn_then_cached
    user_by_upn_throttled_then_served
    user_by_upn_through_an_outage
    user_by_upn_unknown
}
