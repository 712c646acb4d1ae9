//! Health check of store, base, device and runs, in sentences that can be passed on.

use crate::bases::Bases;
use crate::failure::Result;
use crate::runs::Runs;
use crate::store::bases;
use crate::wire::{DoctorReport, Finding, RunStateName};
use crate::workspace::Workspace;

/// The health check.
pub(crate) struct Doctor<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) bases: &'a Bases,
    pub(crate) runs: &'a Runs,
}

impl Doctor<'_> {
    /// Checks the store, the base, the device and the runs.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn report(&self) -> Result<DoctorReport> {
        let findings = vec![
            self.look_at_store()?,
            self.look_at_base()?,
            self.check_device(),
            self.look_at_runs()?,
        ];
        Ok(DoctorReport { ok: findings.iter().all(|finding| finding.ok), findings })
    }

    fn look_at_store(&self) -> Result<Finding> {
        let store = self.workspace.store();
        let check: String = store.db().query_row("PRAGMA quick_check", [], |row| row.get(0))?;
        let ok = check == "ok";
        let place = self.workspace.folder().root().display();
        Ok(finding(
            "store",
            ok,
            if ok {
                format!("The store in {place} is intact.")
            } else {
                format!(
                    "The store in {place} is damaged. The backups folder holds copies of the last days."
                )
            },
        ))
    }

    fn look_at_base(&self) -> Result<Finding> {
        if bases::in_use(self.workspace.store().db())?.is_none() {
            return Ok(finding("base", false, crate::bases::no_base().message));
        }
        Ok(match self.bases.load_in_use(None) {
            Ok(ghost) => {
                let card = &ghost.base.card;
                finding(
                    "base",
                    true,
                    format!(
                        "The base is {} ({}, {} million parameters).",
                        card.name,
                        card.quantisation,
                        card.parameters / 1_000_000
                    ),
                )
            }
            Err(failure) => finding("base", false, failure.message),
        })
    }

    fn check_device(&self) -> Finding {
        let device = self.workspace.device().info();
        finding("device", true, format!("Computing on {}: {}", device.name, device.reason))
    }

    fn look_at_runs(&self) -> Result<Finding> {
        let runs = self.runs.list()?.runs;
        let failed = runs.first().is_some_and(|run| run.state == RunStateName::Failed);
        Ok(finding(
            "runs",
            !failed,
            match runs.first() {
                None => "There are no runs yet.".into(),
                Some(run) if failed => format!(
                    "The last run failed: {}",
                    run.notes.last().map_or("no reason was recorded.", |note| note)
                ),
                Some(run) => format!(
                    "Runs: {}. The last one started on {}.",
                    runs.len(),
                    &run.started_at[..run.started_at.len().min(10)]
                ),
            },
        ))
    }
}

fn finding(about: &str, ok: bool, sentence: String) -> Finding {
    Finding { about: about.into(), ok, sentence }
}
