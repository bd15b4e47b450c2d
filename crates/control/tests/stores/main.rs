//! What a control store promises, held against both databases.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod alerts;
mod budgets;
mod leases;
mod ledger;
mod occurrences;
mod store;
mod tokens;

/// A test for each database from each function.
macro_rules! suite {
    ($($module:ident: $($name:ident)*;)*) => {
        mod sqlite {
            $($(#[tokio::test(flavor = "multi_thread")] async fn $name() { crate::$module::$name(&crate::store::Store::sqlite()).await; })*)*
        }
        mod postgres {
            $($(#[tokio::test(flavor = "multi_thread")] async fn $name() { crate::$module::$name(&crate::store::Store::postgres().await).await; })*)*
        }
    };
}

suite! {
    leases:
        one_run_has_the_lease_until_it_gives_it_back
        a_run_that_is_late_or_gone_is_taken_over
        of_many_that_ask_at_once_one_gets_it;
    ledger:
        a_run_is_found_by_what_is_known_of_it
        a_run_that_is_not_heard_of_was_interrupted
        old_entries_and_too_many_are_forgotten;
    budgets:
        many_at_once_take_no_more_than_there_is
        what_one_learns_all_know;
    alerts:
        of_many_that_raise_and_send_at_once_one_sends
        an_alert_outlives_who_raised_it
        a_ceiling_holds_for_all_who_send;
    tokens:
        tokens_come_back_and_are_not_readable
        one_at_a_time_renews
        a_renewal_that_was_broken_off_is_told
        another_key_opens_nothing;
    occurrences:
        of_many_schedulers_and_runs_one_begins
        a_dead_scheduler_and_a_dead_run_are_taken_over
        a_schedule_is_looked_at_once_and_listed
        old_occurrences_are_forgotten_and_open_ones_are_not;
}
