//! Every sentence of the contract of a warehouse, held against every destination that keeps rows.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod backfill;
mod cleaning;
mod contract;
mod destination;
mod drift;
mod faults;
mod first_loads;
mod history;
mod merges;
mod quarantine;
mod reconciliation;
mod refresh;
mod rows;
mod snapshots;
mod values;
mod views;

/// A test for each destination from each function.
macro_rules! suite {
    ($($module:ident: $($name:ident)*;)*) => {
        mod sqlite {
            $($(#[tokio::test(flavor = "multi_thread")] async fn $name() { crate::$module::$name(&crate::destination::Destination::sqlite().await).await; })*)*
        }
        mod postgres {
            $($(#[tokio::test(flavor = "multi_thread")] async fn $name() { crate::$module::$name(&crate::destination::Destination::postgres().await).await; })*)*
        }
    };
}

suite! {
    cleaning:
        what_cleaning_did_adds_up_over_the_loads_of_a_run
        a_load_that_fails_counts_nothing
        keys_of_a_reconciliation_count_nothing;
    contract:
        a_load_is_one_transaction
        an_unchanged_row_changes_nothing
        a_stale_row_changes_nothing
        the_last_of_two_rows_with_one_key_wins
        a_tombstone_marks_a_row_and_an_upsert_brings_it_back
        a_taken_over_run_commits_nothing
        states_come_back_and_a_broken_one_is_an_error
        runs_are_listed_newest_first
        rejected_records_are_kept_once_and_fixed_later
        a_load_that_is_dropped_leaves_nothing
        columns_of_others_stay_and_unknown_ones_are_cleared
        a_columns_reading_keeps_the_flags_of_other_columns
        a_columns_reading_touches_no_other_column;
    drift:
        descriptions_come_back_and_changes_are_written_down
        a_description_is_accepted_by_hand
        a_table_is_complete_up_to_the_earliest_of_its_streams
        a_reading_of_columns_settles_no_quarantine;
    faults:
        loads_of_two_streams_into_one_new_table_both_arrive
        a_constraint_of_somebody_else_loses_no_row
        a_run_that_begins_again_finds_its_place;
    first_loads:
        the_index_of_a_first_load_comes_at_the_end_or_when_it_is_needed
        a_load_that_has_no_turn_writes_nothing
        rows_that_were_made_ready_early_suit_what_they_find;
    quarantine:
        the_quarantine_is_listed_decided_and_purged
        a_table_of_an_older_version_gets_its_new_columns;
    history:
        any_sequence_of_versions_is_told_as_it_was
        history_follows_its_table_when_columns_come_and_widen
        a_table_that_had_no_history_keeps_it_from_then_on
        only_tables_that_are_named_keep_history
        what_was_known_and_what_is_known_are_told_apart
        the_statements_of_the_schema_make_the_tables_of_loads;
    merges:
        children_of_a_merged_row_are_brought_to_the_winner
        merges_are_followed_in_any_order
        a_first_reading_follows_merges_at_its_end
        a_row_that_the_source_brings_back_is_live_again
        loads_beside_a_merge_leave_no_child_at_the_loser
        a_reading_by_parents_replaces_what_belongs_to_them;
    backfill:
        a_window_keeps_its_checkpoint_and_counts_and_no_live_state_moves
        a_window_goes_on_where_it_was_and_may_be_read_again
        windows_are_counted_by_the_time_of_change
        a_record_in_quarantine_counts_once_for_its_window
        a_live_run_and_a_backfill_hold_fences_of_their_own
        a_pause_is_asked_for_from_elsewhere
        an_older_row_of_a_backfill_changes_nothing_whoever_comes_first
        loads_of_a_run_and_of_windows_at_once_leave_the_newest_rows;
    snapshots:
        what_a_complete_snapshot_lacks_becomes_a_tombstone
        a_snapshot_deletes_only_rows_of_its_constants
        a_mass_deletion_stops_the_load_unless_allowed
        each_deletion_says_by_which_means_it_was_known;
    reconciliation:
        keys_tell_what_is_missing_extra_and_stale
        a_table_that_is_not_there_lacks_everything;
    refresh:
        a_refresh_is_seen_when_it_is_complete
        a_refresh_that_lacks_rows_changes_nothing
        a_refresh_asks_before_it_deletes_most_rows
        a_refresh_leaves_rows_of_others_and_of_its_own_time
        a_refresh_of_a_taken_over_run_changes_nothing
        a_refresh_may_fill_a_new_table_and_widen_an_old_one;
    values:
        every_type_and_odd_text_is_stored_exactly
        a_column_widens_from_integer_to_decimal_to_text
        every_type_widens_to_text_without_loss
        pages_of_one_load_may_differ_in_columns
        hostile_names_are_only_names
        too_many_columns_are_told_clearly
        what_no_calendar_holds_is_null;
    views:
        the_most_restrictive_word_of_a_person_counts
        properties_are_told_by_time;
}
