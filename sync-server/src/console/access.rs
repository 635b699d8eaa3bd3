//! What the signed-in person may see. Every page asks here, and only here.

use alongside_domain::{
    form::{Choice, Question, Sensitivity},
    ids::PersonId,
    policy::{self, Standing},
    programme::{Programme, Reach, RecordKind, Role},
};
use rusqlite::Connection;

use crate::{
    read_model::{
        ReadModelError, case,
        list::{Scope, UnitLine},
    },
    store::Principal,
};

/// The signed-in person and how far their role sees.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) principal: &'a Principal,
    role: Option<&'a Role>,
    /// How they stand to what is shown.
    standing: Standing,
}

impl<'a> Reader<'a> {
    pub(super) fn new(programme: &'a Programme, principal: &'a Principal) -> Self {
        let role = programme.roles.get(&principal.role);
        let standing = match role.map_or(Reach::Nothing, |role| role.sees) {
            Reach::Nothing => Standing::Stranger,
            Reach::PartnerAreas => Standing::PartnerArea,
            Reach::Granted => Standing::Granted,
        };
        Self { principal, role, standing }
    }

    /// How far the role sees: an unknown role sees nothing.
    pub(super) fn reach(&self) -> Reach {
        self.role.map_or(Reach::Nothing, |role| role.sees)
    }

    /// The role's name in words.
    pub(super) fn role_title(&self) -> &'a str {
        self.role.map_or("Unknown role", |role| role.title.as_str())
    }

    /// Whose units this person may list in an area; `None` where the area is not theirs.
    pub(super) fn scope<'s>(&self, area: &'s str) -> Option<Scope<'s>> {
        let partner = self.principal.partner;
        match self.reach() {
            Reach::Nothing => None,
            Reach::PartnerAreas => self.principal.areas.iter().any(|own| own == area).then_some(Scope {
                partner,
                area,
                granted_to: None,
            }),
            Reach::Granted => Some(Scope { partner, area, granted_to: Some(self.person()) }),
        }
    }

    /// The areas this person finds units in.
    pub(super) fn areas(&self, connection: &Connection) -> Result<Vec<String>, ReadModelError> {
        match self.reach() {
            Reach::Nothing => Ok(Vec::new()),
            Reach::PartnerAreas => Ok(self.principal.areas.clone()),
            Reach::Granted => case::granted_areas(connection, self.person(), self.principal.partner),
        }
    }

    /// The person as they stand to this unit; `None` where they may not see it.
    pub(super) fn at(
        &self,
        connection: &Connection,
        unit: &UnitLine,
    ) -> Result<Option<Self>, ReadModelError> {
        let Some(role) = self.role.filter(|_| unit.partner == self.principal.partner) else {
            return Ok(None);
        };
        let standing = if case::is_granted(connection, self.person(), unit.group)? {
            Standing::Granted
        } else if self.principal.areas.contains(&unit.area) {
            Standing::PartnerArea
        } else {
            Standing::Stranger
        };
        Ok(policy::may_read(role, standing).then_some(Self { standing, ..*self }))
    }

    /// Whether this person may read an answer of this class: the role's own limit, and the policy's
    /// for where they stand.
    pub(super) fn may_read(&self, class: Sensitivity) -> bool {
        self.role
            .is_some_and(|role| class <= role.reads && policy::may_read_field(role, self.standing, class))
    }

    /// Whether this person may write records of this form here.
    pub(super) fn may_write(&self, kind: &RecordKind) -> bool {
        self.may_write_here() && kind.is_open_to(&self.principal.role)
    }

    /// Whether this person may write anything here.
    pub(super) fn may_write_here(&self) -> bool {
        self.role.is_some_and(|role| policy::may_write(role, self.standing))
    }

    /// Whether this person may read the answers to a question.
    pub(super) fn may_read_answer(&self, question: &Question) -> bool {
        self.may_read(question.sensitivity)
    }

    /// Whether this person may read that this code was chosen.
    pub(super) fn may_read_code(&self, choice: &Choice) -> bool {
        choice.sensitivity.is_none_or(|class| self.may_read(class))
    }

    pub(super) fn person(&self) -> PersonId {
        self.principal.person
    }
}
