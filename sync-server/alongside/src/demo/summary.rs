//! What happened, for people and for programs.

use std::fmt;

use serde::Serialize;

use super::{checks::Check, surveys::SurveyFigures};

/// The outcome of one demo.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    /// Seed it followed from.
    pub(crate) seed: u64,
    /// Size, as a multiple of about 600 cases.
    pub(crate) scale: f64,
    /// The world.
    pub(crate) world: WorldFigures,
    /// The week.
    pub(crate) week: WeekFigures,
    /// What travelled.
    pub(crate) sync: SyncFigures,
    /// What was asked by link.
    pub(crate) surveys: SurveyFigures,
    /// How long the parts took, in milliseconds.
    pub(crate) took_ms: Took,
    /// What must hold.
    pub(crate) checks: Vec<Check>,
    /// Whether all of it does.
    pub(crate) every_check_holds: bool,
}

/// The world as generated.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct WorldFigures {
    pub(crate) areas: usize,
    pub(crate) partners: usize,
    pub(crate) people: usize,
    pub(crate) families: usize,
    pub(crate) cases: usize,
    pub(crate) records: usize,
}

/// What the phones did offline.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct WeekFigures {
    pub(crate) phones: usize,
    pub(crate) saves: u32,
    pub(crate) families_opened_offline: u32,
    pub(crate) records_changed_by_two_phones: usize,
    pub(crate) collisions: usize,
    pub(crate) conflicts_shown: u64,
    pub(crate) conflicts_to_decide: u64,
}

/// What travelled between phones and server.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct SyncFigures {
    pub(crate) cold_round_trips: u64,
    pub(crate) cold_bytes_received: u64,
    pub(crate) cold_changes_received: u64,
    pub(crate) week_round_trips: u64,
    pub(crate) week_failures: u64,
    pub(crate) dropped_connections: u64,
    pub(crate) week_bytes_sent: u64,
    pub(crate) week_bytes_received: u64,
    pub(crate) changes_accepted: u64,
    pub(crate) changes_received: u64,
    pub(crate) changes_refused: u64,
    pub(crate) feed_entries: u64,
    pub(crate) no_op_round_trips: u64,
    pub(crate) no_op_bytes: u64,
}

/// Durations in milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Took {
    pub(crate) generate: u64,
    pub(crate) ingest: u64,
    pub(crate) cold_sync: u64,
    pub(crate) week: u64,
    pub(crate) checks: u64,
    pub(crate) all: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { world, week, sync, surveys, took_ms, .. } = self;
        writeln!(
            f,
            "\nThe world    {} areas, {} partners, {} people, {} families, {} cases, {} records",
            world.areas, world.partners, world.people, world.families, world.cases, world.records
        )?;
        writeln!(f, "             written to the server in {}", seconds(took_ms.ingest))?;
        writeln!(
            f,
            "First sync   {} phones received {} changes in {} round trips, {}, {}",
            week.phones,
            sync.cold_changes_received,
            sync.cold_round_trips,
            bytes(sync.cold_bytes_received),
            seconds(took_ms.cold_sync)
        )?;
        writeln!(
            f,
            "The week     {} saves with no signal, {} families opened on the doorstep",
            week.saves, week.families_opened_offline
        )?;
        writeln!(
            f,
            "             {} answers given differently by two people on {} records",
            week.collisions, week.records_changed_by_two_phones
        )?;
        writeln!(
            f,
            "Sync         {} changes accepted, {} received, {} refused",
            sync.changes_accepted, sync.changes_received, sync.changes_refused
        )?;
        writeln!(
            f,
            "             {} round trips, {} sent, {} received; {} connections dropped on the way, {} requests without an answer",
            sync.week_round_trips,
            bytes(sync.week_bytes_sent),
            bytes(sync.week_bytes_received),
            sync.dropped_connections,
            sync.week_failures
        )?;
        writeln!(
            f,
            "             nothing new: {} round trip, {} both ways together (mean of all phones)",
            sync.no_op_round_trips,
            bytes(sync.no_op_bytes)
        )?;
        writeln!(
            f,
            "Conflicts    {} fields show both answers; {} of them ask somebody to decide",
            week.conflicts_shown, week.conflicts_to_decide
        )?;
        writeln!(
            f,
            "Surveys      {} asked by link in {} surveys: {} answered, {} begun; {} to remind",
            surveys.asked, surveys.runs, surveys.answered, surveys.begun, surveys.reminders_due
        )?;
        writeln!(f, "\nWhat must hold")?;
        for check in &self.checks {
            writeln!(
                f,
                "  {}  {} ({})",
                if check.holds { "holds" } else { "FAILS" },
                check.name,
                check.detail
            )?;
        }
        writeln!(f, "\nTook {} in all.", seconds(took_ms.all))
    }
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1_000.0)
}

fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} bytes"),
        10_000..10_000_000 => format!("{:.0} kB", count as f64 / 1_000.0),
        _ => format!("{:.1} MB", count as f64 / 1_000_000.0),
    }
}
