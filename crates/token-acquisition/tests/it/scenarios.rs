//! Every story by its name. The name tells it; `scenario` plays it.

use crate::scenario::play;

macro_rules! stories {
    ($($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                play(stringify!($name)).await;
            }
        )*

        #[test]
        fn no_story_is_left_untold() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
            let mut found: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            let mut told: Vec<&str> = vec![$(stringify!($name)),*];
            found.sort();
            told.sort_unstable();
            assert_eq!(found, told);
        }
    };
}

stories! {
    app_aging_and_the_secret_expires
    app_aging_through_an_outage
    app_behind_a_proxy
    app_capabilities_and_claims
    app_certificate_base64_after_missing_file
    app_certificate_file
    app_entra_fails_twice
    app_fifty_callers_of_a_cold_key
    app_fifty_callers_share_an_error
    app_once_more_after_a_reset
    app_scopes_of_users
    app_secret_expired
    app_secret_then_cached
    app_secret_wrong_then_corrected
    app_tenant_per_request
    app_throttled_then_served
    app_without_credentials
    assertion_file_stale_then_rewritten
    assertion_from_own_provider
    obo_account_disabled
    obo_callers_token_expired
    obo_claims_challenge_then_success
    obo_consent_then_success
    obo_loop_breaker_leaves_the_token
    obo_one_user_throttled
    obo_then_cached
    query_parameters_in_place
    refresh_token_taken_over
    renewed_certificate_with_send_x5c
    renewed_certificate_without_send_x5c
    session_a_hundred_workers
    session_aging_through_an_outage
    session_asked_for_claims
    session_consent_missing_for_one_api
    session_ended
    session_in_memory_lost_by_a_restart
    session_never_begun
    session_of_another_user_refused
    session_outlives_the_callers_token
    session_over_a_restart
    session_revoked
    session_store_away
    session_unused_too_long
    sign_in_consent_missing_for_one_api
    sign_in_session_revoked
    sign_in_then_refresh
}
