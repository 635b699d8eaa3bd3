//! Which profiles are open, and for whom: the person who looks at it, background work, or both.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use alongside_domain::ids::ProfileId;

use super::AppError;
use crate::{phone::Phone, store::key::Key};

/// Who uses a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visitor {
    /// The person whose profile it is; one at a time.
    Person,
    /// Work in the background.
    Background,
}

#[derive(Default)]
pub(crate) struct Doors {
    doors: Mutex<BTreeMap<ProfileId, Door>>,
    changed: Condvar,
}

enum Door {
    Open {
        phone: Phone,
        key: Key,
        person: bool,
        background: u32,
    },
    /// Being opened or closed by somebody.
    Busy,
}

impl Doors {
    fn held(&self) -> MutexGuard<'_, BTreeMap<ProfileId, Door>> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the profile for this visitor, with `open` where it is not open yet. Blocks.
    pub(crate) fn enter(
        &self,
        id: ProfileId,
        key: &Key,
        visitor: Visitor,
        open: impl FnOnce() -> Result<Phone, AppError>,
    ) -> Result<Phone, AppError> {
        let mut doors = self.held();
        loop {
            match doors.get_mut(&id) {
                Some(Door::Busy) => {
                    doors = self.changed.wait(doors).unwrap_or_else(PoisonError::into_inner);
                }
                Some(Door::Open { key: known, .. }) if !known.is_same(key) => return Err(AppError::WrongKey),
                Some(Door::Open { phone, person, background, .. }) => {
                    match visitor {
                        Visitor::Person if *person => return Err(AppError::InUse),
                        Visitor::Person => *person = true,
                        Visitor::Background => *background += 1,
                    }
                    return Ok(phone.clone());
                }
                None => break,
            }
        }
        doors.insert(id, Door::Busy);
        drop(doors);
        let opening = Opening { doors: self, id };
        let phone = open()?;
        let (person, background) = match visitor {
            Visitor::Person => (true, 0),
            Visitor::Background => (false, 1),
        };
        let door = Door::Open { phone: phone.clone(), key: key.clone(), person, background };
        self.held().insert(id, door);
        drop(opening);
        Ok(phone)
    }

    /// The visitor goes; the last one closes the profile. Blocks.
    pub(crate) fn leave(&self, id: ProfileId, visitor: Visitor) {
        let mut doors = self.held();
        let Some(Door::Open { phone, person, background, .. }) = doors.get_mut(&id) else { return };
        match visitor {
            Visitor::Person => *person = false,
            Visitor::Background => *background = background.saturating_sub(1),
        }
        if *person || *background > 0 {
            return;
        }
        let phone = phone.clone();
        doors.insert(id, Door::Busy);
        drop(doors);
        let closing = Opening { doors: self, id };
        phone.close();
        drop(closing);
    }

    /// The profiles that are open now.
    pub(crate) fn open(&self) -> Vec<(ProfileId, Phone)> {
        let doors = self.held();
        let open = doors.iter().filter_map(|(id, door)| match door {
            Door::Open { phone, .. } => Some((*id, phone.clone())),
            Door::Busy => None,
        });
        open.collect()
    }

    /// Whether a person has this profile open.
    pub(crate) fn has_person(&self, id: ProfileId) -> bool {
        matches!(self.held().get(&id), Some(Door::Open { person: true, .. }))
    }
}

/// Takes the mark away that somebody opens or closes, however that ends.
struct Opening<'a> {
    doors: &'a Doors,
    id: ProfileId,
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        let mut doors = self.doors.held();
        if matches!(doors.get(&self.id), Some(Door::Busy)) {
            doors.remove(&self.id);
        }
        self.doors.changed.notify_all();
    }
}
