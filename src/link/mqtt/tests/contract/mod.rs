//! The contract, against a broker that does everything wrong that brokers and networks are known to do. Each behaviour holds in both versions.

mod limits;
mod sessions;
mod troubles;
mod words;

/// Every behaviour, in 3.1.1 and in 5.
macro_rules! contract {
    ($($topic:ident: $($behaviour:ident)+;)+) => {
        mod v3 { $($(
            #[tokio::test]
            async fn $behaviour() {
                super::$topic::$behaviour(crate::link::mqtt::Version::V3).await;
            }
        )+)+ }
        mod v5 { $($(
            #[tokio::test]
            async fn $behaviour() {
                super::$topic::$behaviour(crate::link::mqtt::Version::V5).await;
            }
        )+)+ }
    };
}

contract! {
    sessions:
        a_lost_session_is_subscribed_to_again
        many_filters_are_asked_for_in_packets_of_eight
        acknowledgements_go_out_in_order_of_arrival
        an_acknowledgement_never_crosses_to_another_connection
        what_acknowledges_for_a_link_that_is_gone_does_not_for_the_next
        a_message_of_an_old_session_at_qos_2_is_taken_once_and_ended
        messages_just_before_the_broker_hangs_up_are_heard
        what_comes_before_the_answer_to_a_subscription_is_heard
        the_status_is_left_as_last_will_and_told_at_start_and_end
        a_status_that_is_known_from_later_is_outdone
        messages_that_come_together_are_handed_on_together;
    limits:
        a_payload_beyond_the_limit_is_reported_and_the_connection_goes_on
        a_huge_message_that_is_kept_at_the_broker_does_not_come_for_ever
        no_more_than_max_unacked_is_taken
        a_reader_that_is_behind_ends_the_connection_instead_of_missing_pings
        a_reader_that_is_slow_keeps_the_connection
        a_publish_that_is_not_acknowledged_fails_and_renews_the_connection
        packet_ids_of_publishes_are_free_again_on_the_next_connection
        too_many_publishes_are_refused_at_once;
    troubles:
        a_broker_that_hangs_up_is_not_hammered
        a_broker_that_never_answers_is_left
        a_broker_that_answers_no_ping_is_given_up
        a_broker_that_takes_nothing_is_given_up
        a_broker_that_drips_is_understood
        rubbish_instead_of_an_answer_is_no_broker
        what_is_no_websocket_says_so
        rubbish_ends_the_connection_and_the_next_one_is_fine
        a_subscription_that_is_never_confirmed_ends_the_connection
        answers_to_nothing_change_nothing
        a_stop_is_quick_whatever_the_broker_does;
    words:
        a_refused_login_says_so
        a_refused_client_id_says_so
        a_broker_of_the_other_version_says_so
        a_refused_subscription_is_reported
        less_than_was_asked_for_is_reported
        clients_that_replace_each_other_are_recognised;
}
