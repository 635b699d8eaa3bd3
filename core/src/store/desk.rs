//! What the writer has at hand: programme, clock, randomness, documents in memory.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use alongside_domain::{
    form::{MergePolicy, expr::Surroundings},
    ids::{ActorId, GroupId, RecordId},
    programme::Programme,
    record::Circumstances,
    time::Millis,
};
use rand::{Rng, RngExt};

use super::documents::Documents;
use crate::{clock::Clock, media::vault::Vault};

/// What the writer thread owns beside its connection.
pub(crate) struct Desk {
    pub(crate) programme: Arc<Programme>,
    pub(crate) documents: Documents,
    clock: Arc<dyn Clock>,
    rng: Box<dyn Rng + Send>,
    zone: String,
    offline: Arc<AtomicBool>,
    actor: ActorId,
    vault: Arc<Vault>,
}

impl Desk {
    pub(crate) fn new(
        programme: Arc<Programme>,
        clock: Arc<dyn Clock>,
        mut rng: Box<dyn Rng + Send>,
        zone: String,
        offline: Arc<AtomicBool>,
        vault: Arc<Vault>,
    ) -> Self {
        let actor = ActorId::random(rng.random());
        Self { programme, documents: Documents::default(), clock, rng, zone, offline, actor, vault }
    }

    /// The actor of a new installation.
    pub(crate) fn first_actor(&self) -> ActorId {
        self.actor
    }

    /// The files of attachments.
    pub(crate) fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    pub(crate) fn new_actor(&mut self) -> ActorId {
        ActorId::random(self.rng.random())
    }

    /// What an installation is known again by.
    pub(crate) fn new_mark(&mut self) -> [u8; 16] {
        self.rng.random()
    }

    pub(crate) fn new_record(&mut self) -> RecordId {
        RecordId::new(self.now(), self.rng.random())
    }

    /// A token for a form session that the core itself begins.
    pub(crate) fn new_token(&mut self) -> [u8; 16] {
        self.rng.random()
    }

    pub(crate) fn new_group(&mut self) -> GroupId {
        GroupId::random(self.rng.random())
    }

    /// What the expressions of a form see around a record that is written now.
    pub(crate) fn around(&mut self) -> Surroundings {
        Surroundings::new(self.now().timestamp(), self.programme.time_zone(), self.rng.random())
    }

    /// The circumstances of something written now.
    pub(crate) fn circumstances(&self, actor: ActorId, reason: Option<String>) -> Circumstances {
        Circumstances {
            actor,
            at: self.now(),
            zone: self.zone.clone(),
            offline: self.offline.load(Ordering::Relaxed),
            reason,
        }
    }

    /// The merge policy of a key of this form; that of a form which the programme does not know is
    /// to keep every value.
    pub(crate) fn policy<'a>(programme: &'a Programme, form: &str) -> impl Fn(&str) -> MergePolicy + 'a {
        let form = programme.forms.get(form);
        move |key| form.map(|form| form.merge_policy(key)).unwrap_or_default()
    }
}
