//! Who may see and write what. Pure: every fact is an argument, nothing inside a document grants
//! access. The rules are those of the roles table (domain.md 1.1) and the sensitivity classes
//! (domain.md 2.0).

use crate::{
    form::Sensitivity,
    programme::{Count, GroupKind, Reach, RecordKind, Role},
    wire::Refusal,
};

pub mod media;

/// How a person stands to a group of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// The group was granted to the person: an own case, or one that the person covers.
    Granted,
    /// It belongs to the person's partner, in one of the person's areas.
    PartnerArea,
    /// Neither.
    Stranger,
}

/// Whether a role reaches the records of a group at all. A local authority role reaches none, not even
/// one granted by mistake (the independence rule, domain.md 1.1).
#[must_use]
pub fn may_read(role: &Role, standing: Standing) -> bool {
    match role.sees {
        Reach::Nothing => false,
        Reach::Granted => standing == Standing::Granted,
        Reach::PartnerAreas => standing != Standing::Stranger,
    }
}

/// Whether a role may write records of a group. Writing reaches no further than reading.
#[must_use]
pub fn may_write(role: &Role, standing: Standing) -> bool {
    role.writes && may_read(role, standing)
}

/// Whether a role may read a field of a group that it reaches: up to the class that the programme
/// gives the role (domain.md 2.0: restricted values are for the safeguarding lead and the named
/// worker).
#[must_use]
pub fn may_read_field(role: &Role, standing: Standing, sensitivity: Sensitivity) -> bool {
    may_read(role, standing) && sensitivity <= role.reads
}

/// Why something that a phone sent does not go into the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// It is not acceptable, whoever looks at it.
    Refused(Refusal),
    /// It would have been acceptable, and comes too late: a coordinator decides.
    Review(Refusal),
}

/// What is known of a pushed change that passed the guard.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, established elsewhere")]
pub struct PushFacts<'a> {
    /// The author's role; `None` where the programme does not know it.
    pub role: Option<&'a Role>,
    /// Whether the device was revoked.
    pub device_revoked: bool,
    /// Whether the actor belongs to another device.
    pub actor_of_another: bool,
    /// Kind of the group; `None` where the group does not exist.
    pub group_kind: Option<&'a str>,
    /// How the author stands to the group; where access was withdrawn, how they stood before.
    pub standing: Standing,
    /// Whether the author's access to the group was withdrawn before the change arrived, and the time
    /// for late work is over.
    pub withdrawn: bool,
    /// How records of the form live; `None` where the programme does not know the form.
    pub record_kind: Option<&'a RecordKind>,
    /// Whether the programme lets the author's role write such records.
    pub open_to_role: bool,
    /// Whether the change holds a restricted answer and its group is not restricted.
    pub tells_restricted: bool,
    /// Whether the change starts its record.
    pub starts_record: bool,
    /// Whether it changes an answer that the record's id follows from, or starts a record whose id does not.
    pub breaks_key: bool,
}

/// Decides on a pushed change that passed the guard. What would be refused in time is refused late as
/// well; the rest of what comes late, or from a revoked device, is for a coordinator.
///
/// # Errors
/// Why it does not go into the feed.
pub fn decide_push(facts: &PushFacts<'_>) -> Result<(), Denial> {
    acceptable(facts).map_err(Denial::Refused)?;
    late(facts.device_revoked, facts.withdrawn)
}

fn late(device_revoked: bool, withdrawn: bool) -> Result<(), Denial> {
    if device_revoked {
        Err(Denial::Review(Refusal::RevokedDevice))
    } else if withdrawn {
        Err(Denial::Review(Refusal::AfterWithdrawal))
    } else {
        Ok(())
    }
}

fn acceptable(facts: &PushFacts<'_>) -> Result<(), Refusal> {
    if facts.actor_of_another {
        return Err(Refusal::ForeignActor);
    }
    let group_kind = facts.group_kind.ok_or(Refusal::UnknownGroup)?;
    let role = facts.role.ok_or(Refusal::NotEntitled)?;
    if !may_write(role, facts.standing) {
        return Err(Refusal::NotEntitled);
    }
    let record_kind = facts.record_kind.ok_or(Refusal::UnknownForm)?;
    if !record_kind.lives_in(group_kind) {
        return Err(Refusal::UnknownForm);
    }
    if !facts.open_to_role {
        return Err(Refusal::NotEntitled);
    }
    if facts.tells_restricted {
        return Err(Refusal::Restricted);
    }
    if record_kind.immutable && !facts.starts_record {
        return Err(Refusal::Immutable);
    }
    if facts.breaks_key {
        return Err(Refusal::KeyFixed);
    }
    Ok(())
}

/// What is known of a group that a phone opened.
#[derive(Debug, Clone, Copy)]
pub struct OpeningFacts<'a> {
    /// The author's role; `None` where the programme does not know it.
    pub role: Option<&'a Role>,
    /// Whether the device was revoked.
    pub device_revoked: bool,
    /// The kind asked for; `None` where the programme does not know it.
    pub kind: Option<&'a GroupKind>,
    /// The groups it is to be linked to.
    pub parents: &'a [ParentFacts<'a>],
}

/// What is known of a group that a new group is to be linked to.
#[derive(Debug, Clone, Copy)]
pub struct ParentFacts<'a> {
    /// Its kind; `None` where it does not exist (nor is opened by the same request).
    pub kind: Option<&'a str>,
    /// How the author stands to it; where access was withdrawn, how they stood before.
    pub standing: Standing,
    /// Whether the author's access to it was withdrawn, or its own opening waits for a coordinator.
    pub late: bool,
}

/// Decides on the opening of a group: a kind that phones open, linked to groups of exactly the kinds
/// that the programme names, all of which the author may write to. Beside a group that is no longer the
/// author's it is for a coordinator at once: somebody has to say who is to have the new group.
///
/// # Errors
/// Why it is not opened.
pub fn decide_opening(facts: &OpeningFacts<'_>) -> Result<(), Denial> {
    openable(facts).map_err(Denial::Refused)?;
    late(facts.device_revoked, facts.parents.iter().any(|parent| parent.late))
}

fn openable(facts: &OpeningFacts<'_>) -> Result<(), Refusal> {
    let role = facts.role.ok_or(Refusal::NotEntitled)?;
    // Who opens a group is granted it.
    if !may_write(role, Standing::Granted) {
        return Err(Refusal::NotEntitled);
    }
    let kind = facts.kind.filter(|kind| kind.opened_on_phone).ok_or(Refusal::BadOpening)?;
    let mut kinds = Vec::with_capacity(facts.parents.len());
    for parent in facts.parents {
        kinds.push(parent.kind.ok_or(Refusal::UnknownGroup)?);
        if !may_write(role, parent.standing) {
            return Err(Refusal::NotEntitled);
        }
    }
    let mut asked: Vec<_> = kind.parents.iter().map(String::as_str).collect();
    asked.sort_unstable();
    kinds.sort_unstable();
    if kinds == asked { Ok(()) } else { Err(Refusal::BadOpening) }
}

/// Whether a further record of this kind may be started in a group that holds this many: a group
/// holds at most one of a singleton. Two phones may both start one offline; both are then kept, so
/// this is asked where a record is started, never where it arrives.
#[must_use]
pub fn may_start_record(kind: &RecordKind, present: usize) -> bool {
    kind.count == Count::Many || present == 0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn role(sees: Reach, reads: Sensitivity, writes: bool) -> Role {
        Role { title: String::new(), sees, reads, writes }
    }

    /// The roles of domain.md 1.1 that differ from one another.
    fn roles() -> [(&'static str, Role); 5] {
        [
            ("supporter", role(Reach::Granted, Sensitivity::X, true)),
            ("coordinator", role(Reach::PartnerAreas, Sensitivity::C, true)),
            ("safeguarding lead", role(Reach::PartnerAreas, Sensitivity::X, true)),
            ("data protection lead", role(Reach::PartnerAreas, Sensitivity::I, false)),
            // As wrong as a package can make it: an authority's role that may write and read all.
            ("authority link", role(Reach::Nothing, Sensitivity::X, true)),
        ]
    }

    #[test]
    fn the_table_of_who_sees_and_writes() {
        use Standing::{Granted, PartnerArea, Stranger};
        // Role, standing: reads the group, writes it, reads personal, special category, restricted.
        let table = [
            ("supporter", Granted, [true, true, true, true, true]),
            ("supporter", PartnerArea, [false, false, false, false, false]),
            ("supporter", Stranger, [false, false, false, false, false]),
            ("coordinator", Granted, [true, true, true, true, false]),
            ("coordinator", PartnerArea, [true, true, true, true, false]),
            ("coordinator", Stranger, [false, false, false, false, false]),
            ("safeguarding lead", PartnerArea, [true, true, true, true, true]),
            ("safeguarding lead", Stranger, [false, false, false, false, false]),
            ("data protection lead", PartnerArea, [true, false, true, false, false]),
            ("authority link", Granted, [false, false, false, false, false]),
            ("authority link", PartnerArea, [false, false, false, false, false]),
            ("authority link", Stranger, [false, false, false, false, false]),
        ];
        for (name, standing, expected) in table {
            let (_, role) = roles().into_iter().find(|(known, _)| *known == name).unwrap();
            let field = |class| may_read_field(&role, standing, class);
            let found = [
                may_read(&role, standing),
                may_write(&role, standing),
                field(Sensitivity::P),
                field(Sensitivity::S),
                field(Sensitivity::X),
            ];
            assert_eq!(found, expected, "{name}, {standing:?}");
        }
    }

    #[test]
    fn a_local_authority_role_reads_no_class_of_any_group() {
        let (_, authority) = &roles()[4];
        for standing in [Standing::Granted, Standing::PartnerArea, Standing::Stranger] {
            for class in [
                Sensitivity::NotPersonal,
                Sensitivity::P,
                Sensitivity::I,
                Sensitivity::S,
                Sensitivity::C,
                Sensitivity::X,
            ] {
                assert!(!may_read_field(authority, standing, class));
            }
        }
    }

    fn contact() -> RecordKind {
        RecordKind {
            group: "case".to_owned(),
            count: Count::Many,
            at: None,
            title: Vec::new(),
            search: Vec::new(),
            immutable: false,
            references: BTreeMap::new(),
            key: None,
            restricted: Some("case_restricted".to_owned()),
            written_by: Vec::new(),
            retention: None,
        }
    }

    fn refused(refusal: Refusal) -> Result<(), Denial> {
        Err(Denial::Refused(refusal))
    }

    fn review(refusal: Refusal) -> Result<(), Denial> {
        Err(Denial::Review(refusal))
    }

    #[test]
    fn a_pushed_change_is_refused_for_the_first_reason_that_holds() {
        let [(_, supporter), .., (_, authority)] = roles();
        let (kind, immutable) = (contact(), RecordKind { immutable: true, ..contact() });
        let good = PushFacts {
            role: Some(&supporter),
            device_revoked: false,
            actor_of_another: false,
            group_kind: Some("case"),
            standing: Standing::Granted,
            withdrawn: false,
            record_kind: Some(&kind),
            open_to_role: true,
            tells_restricted: false,
            starts_record: false,
            breaks_key: false,
        };
        let table = [
            ("good", good, Ok(())),
            ("revoked device", PushFacts { device_revoked: true, ..good }, review(Refusal::RevokedDevice)),
            (
                "revoked device, late",
                PushFacts { device_revoked: true, withdrawn: true, ..good },
                review(Refusal::RevokedDevice),
            ),
            ("late", PushFacts { withdrawn: true, ..good }, review(Refusal::AfterWithdrawal)),
            (
                "actor of another device",
                PushFacts { actor_of_another: true, ..good },
                refused(Refusal::ForeignActor),
            ),
            ("no such group", PushFacts { group_kind: None, ..good }, refused(Refusal::UnknownGroup)),
            ("unknown role", PushFacts { role: None, ..good }, refused(Refusal::NotEntitled)),
            ("authority", PushFacts { role: Some(&authority), ..good }, refused(Refusal::NotEntitled)),
            (
                "not granted",
                PushFacts { standing: Standing::PartnerArea, ..good },
                refused(Refusal::NotEntitled),
            ),
            (
                "not granted, from a revoked device",
                PushFacts { standing: Standing::Stranger, device_revoked: true, ..good },
                refused(Refusal::NotEntitled),
            ),
            ("unknown form", PushFacts { record_kind: None, ..good }, refused(Refusal::UnknownForm)),
            (
                "form of another kind of group",
                PushFacts { group_kind: Some("family"), ..good },
                refused(Refusal::UnknownForm),
            ),
            (
                "restricted part, in the group beside",
                PushFacts { group_kind: Some("case_restricted"), ..good },
                Ok(()),
            ),
            (
                "restricted answer where all of the case's readers see it",
                PushFacts { tells_restricted: true, ..good },
                refused(Refusal::Restricted),
            ),
            (
                "form that the role does not write",
                PushFacts { open_to_role: false, ..good },
                refused(Refusal::NotEntitled),
            ),
            (
                "edit of an immutable record",
                PushFacts { record_kind: Some(&immutable), ..good },
                refused(Refusal::Immutable),
            ),
            (
                "edit of an immutable record, late",
                PushFacts { record_kind: Some(&immutable), withdrawn: true, ..good },
                refused(Refusal::Immutable),
            ),
            ("another key", PushFacts { breaks_key: true, ..good }, refused(Refusal::KeyFixed)),
            (
                "another key, late",
                PushFacts { breaks_key: true, withdrawn: true, ..good },
                refused(Refusal::KeyFixed),
            ),
            (
                "start of an immutable record",
                PushFacts { record_kind: Some(&immutable), starts_record: true, ..good },
                Ok(()),
            ),
        ];
        for (name, facts, expected) in table {
            assert_eq!(decide_push(&facts), expected, "{name}");
        }
    }

    #[test]
    fn a_group_is_opened_only_as_the_programme_links_it() {
        let [(_, supporter), .., (_, authority)] = roles();
        let kind = |parents: &[&str], opened_on_phone| GroupKind {
            title: String::new(),
            parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
            opened_on_phone,
            beside: None,
        };
        let (case, workspace) = (kind(&["child", "family"], true), kind(&[], false));
        let parent = |kind, standing| ParentFacts { kind, standing, late: false };
        let family = parent(Some("family"), Standing::Granted);
        let child = parent(Some("child"), Standing::Granted);
        let parents = [family, child];
        let good = OpeningFacts {
            role: Some(&supporter),
            device_revoked: false,
            kind: Some(&case),
            parents: &parents,
        };
        assert_eq!(decide_opening(&good), Ok(()));
        let revoked = OpeningFacts { device_revoked: true, ..good };
        assert_eq!(decide_opening(&revoked), review(Refusal::RevokedDevice));
        let late = [ParentFacts { late: true, ..family }, child];
        assert_eq!(
            decide_opening(&OpeningFacts { parents: &late, ..good }),
            review(Refusal::AfterWithdrawal)
        );
        for (facts, expected) in [
            (OpeningFacts { role: Some(&authority), ..good }, Refusal::NotEntitled),
            (OpeningFacts { kind: None, ..good }, Refusal::BadOpening),
            (OpeningFacts { kind: Some(&workspace), parents: &[], ..good }, Refusal::BadOpening),
            (OpeningFacts { parents: &[family], ..good }, Refusal::BadOpening),
            (OpeningFacts { parents: &[family, family], ..good }, Refusal::BadOpening),
            (
                OpeningFacts { parents: &[family, parent(None, Standing::Granted)], ..good },
                Refusal::UnknownGroup,
            ),
            (
                OpeningFacts { parents: &[family, parent(Some("child"), Standing::Stranger)], ..good },
                Refusal::NotEntitled,
            ),
        ] {
            assert_eq!(decide_opening(&facts), refused(expected));
            let revoked = OpeningFacts { device_revoked: true, ..facts };
            assert_eq!(decide_opening(&revoked), refused(expected), "a revoked device changes nothing");
        }
    }

    #[test]
    fn a_singleton_is_started_once() {
        let one = RecordKind { count: Count::One, ..contact() };
        assert!(may_start_record(&one, 0) && !may_start_record(&one, 1));
        assert!(may_start_record(&contact(), 7));
    }
}
