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
    account_answer_cut_off
    account_behind_a_proxy
    account_blocked_by_policy
    account_certificate_file
    account_claims_challenge
    account_clock_an_hour_off
    account_consent_then_success
    account_entra_down_and_back
    account_entra_fails_then_serves
    account_loop_breaker
    account_once_more_after_a_failure
    account_once_more_after_a_reset
    account_secret_wrong_then_corrected
    account_throttled_then_served
    account_through_an_outage
    app_aging_and_the_secret_expires
    app_aging_through_an_outage
    app_answer_cut_off
    app_behind_a_proxy
    app_blocked_by_policy
    app_capabilities_and_claims
    app_certificate_base64_after_missing_file
    app_certificate_file
    app_clock_an_hour_off
    app_disabled
    app_entra_down_and_back
    app_entra_fails_twice
    app_fifty_callers_of_a_cold_key
    app_fifty_callers_share_an_error
    app_loop_breaker
    app_once_more_after_a_failure
    app_once_more_after_a_reset
    app_renewed_after_its_end
    app_scopes_of_users
    app_secret_expired
    app_secret_then_cached
    app_secret_wrong_then_corrected
    app_tenant_per_request
    app_throttled_then_served
    app_without_credentials
    assertion_file_missing_then_written
    assertion_file_refused
    assertion_file_stale_then_rewritten
    assertion_from_own_provider
    assertion_from_own_provider_expired
    assertion_from_own_provider_refused
    certificate_base64_damaged
    certificate_base64_expired
    certificate_base64_proves
    certificate_base64_refused
    certificate_file_expired
    certificate_file_missing
    certificate_file_refused
    obo_account_disabled
    obo_answer_cut_off
    obo_behind_a_proxy
    obo_blocked_by_policy
    obo_callers_token_expired
    obo_certificate_file
    obo_claims_challenge_then_success
    obo_clock_an_hour_off
    obo_consent_then_success
    obo_entra_down_and_back
    obo_entra_fails_then_serves
    obo_loop_breaker_leaves_the_token
    obo_no_longer_granted
    obo_once_more_after_a_failure
    obo_once_more_after_a_reset
    obo_one_user_throttled
    obo_secret_wrong_then_corrected
    obo_then_cached
    obo_through_an_outage
    query_parameters_in_place
    refresh_token_taken_over
    renewed_certificate_with_send_x5c
    renewed_certificate_without_send_x5c
    secret_refused_leaves_the_next_alone
    session_a_hundred_workers
    session_aging_through_an_outage
    session_answer_cut_off
    session_asked_for_claims
    session_behind_a_proxy
    session_blocked_by_policy
    session_certificate_file
    session_clock_an_hour_off
    session_consent_missing_for_one_api
    session_ended
    session_entra_down_and_back
    session_entra_fails_then_serves
    session_in_memory_lost_by_a_restart
    session_loop_breaker
    session_never_begun
    session_of_another_user_refused
    session_once_more_after_a_failure
    session_once_more_after_a_reset
    session_outlives_the_callers_token
    session_over_a_restart
    session_revoked
    session_secret_wrong_then_corrected
    session_store_away
    session_then_cached
    session_throttled_then_served
    session_unused_too_long
    sign_in_answer_cut_off
    sign_in_behind_a_proxy
    sign_in_blocked_by_policy
    sign_in_certificate_file
    sign_in_claims_challenge
    sign_in_clock_an_hour_off
    sign_in_consent_missing_for_one_api
    sign_in_entra_down_and_back
    sign_in_entra_fails_then_serves
    sign_in_loop_breaker
    sign_in_no_longer_granted
    sign_in_once_more_after_a_failure
    sign_in_once_more_after_a_reset
    sign_in_secret_wrong_then_corrected
    sign_in_session_revoked
    sign_in_then_refresh
    sign_in_throttled_then_served
}
