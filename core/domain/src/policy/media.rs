//! Who may send and who may read an attachment.

use super::{Standing, may_read_field, may_write};
use crate::{form::Sensitivity, programme::Role};

/// Whether somebody may read an attachment: who reads one of the fields that name it. `classes` are
/// those of the fields of this group's records that name it; an attachment that nothing names is
/// nobody's to read.
#[must_use]
pub fn may_read_media(
    role: &Role,
    standing: Standing,
    classes: impl IntoIterator<Item = Sensitivity>,
) -> bool {
    classes.into_iter().any(|class| may_read_field(role, standing, class))
}

/// What is known of an attachment that a phone offers.
#[derive(Debug, Clone, Copy)]
pub struct UploadFacts<'a> {
    /// The sender's role; `None` where the programme does not know it.
    pub role: Option<&'a Role>,
    /// Whether the group was erased.
    pub erased: bool,
    /// Whether the group exists.
    pub exists: bool,
    /// How the sender stands to the group; where access was withdrawn, how they stood before. What was
    /// saved before the end of an access may still be sent, as its record may.
    pub standing: Standing,
}

/// Why an attachment is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadDenial {
    /// The group was erased.
    Erased,
    /// There is no such group, or not yet.
    UnknownGroup,
    /// The sender may not write in it.
    NotEntitled,
}

/// Decides whether an attachment may be sent for a group. Whether a record names it is not asked: the
/// record may be on its way, or wait for a coordinator.
///
/// # Errors
/// Why it is not taken.
pub fn decide_upload(facts: &UploadFacts<'_>) -> Result<(), UploadDenial> {
    if facts.erased {
        return Err(UploadDenial::Erased);
    }
    if !facts.exists {
        return Err(UploadDenial::UnknownGroup);
    }
    match facts.role {
        Some(role) if may_write(role, facts.standing) => Ok(()),
        _ => Err(UploadDenial::NotEntitled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programme::Reach;

    fn role(sees: Reach, reads: Sensitivity, writes: bool) -> Role {
        Role { title: String::new(), sees, reads, writes }
    }

    #[test]
    fn the_table_of_who_reads_an_attachment() {
        use Standing::{Granted, PartnerArea, Stranger};
        let supporter = role(Reach::Granted, Sensitivity::X, true);
        let coordinator = role(Reach::PartnerAreas, Sensitivity::C, true);
        let authority = role(Reach::Nothing, Sensitivity::X, true);
        let (special, restricted) = (Sensitivity::S, Sensitivity::X);
        let table: [(&str, &Role, Standing, &[Sensitivity], bool); 9] = [
            ("supporter, own case", &supporter, Granted, &[special], true),
            ("supporter, own case, restricted", &supporter, Granted, &[restricted], true),
            ("supporter, another's case", &supporter, PartnerArea, &[special], false),
            ("nothing names it", &supporter, Granted, &[], false),
            ("coordinator", &coordinator, PartnerArea, &[special], true),
            ("coordinator, restricted", &coordinator, PartnerArea, &[restricted], false),
            ("coordinator, two fields", &coordinator, PartnerArea, &[restricted, special], true),
            ("coordinator, elsewhere", &coordinator, Stranger, &[special], false),
            ("authority", &authority, Granted, &[special], false),
        ];
        for (name, role, standing, classes, expected) in table {
            assert_eq!(may_read_media(role, standing, classes.iter().copied()), expected, "{name}");
        }
    }

    #[test]
    fn the_table_of_who_sends_an_attachment() {
        let supporter = role(Reach::Granted, Sensitivity::X, true);
        let visitor = role(Reach::Granted, Sensitivity::X, false);
        let good =
            UploadFacts { role: Some(&supporter), erased: false, exists: true, standing: Standing::Granted };
        let table = [
            ("good", good, Ok(())),
            ("erased", UploadFacts { erased: true, ..good }, Err(UploadDenial::Erased)),
            (
                "erased, whoever asks",
                UploadFacts { erased: true, exists: false, role: None, ..good },
                Err(UploadDenial::Erased),
            ),
            ("no such group", UploadFacts { exists: false, ..good }, Err(UploadDenial::UnknownGroup)),
            ("unknown role", UploadFacts { role: None, ..good }, Err(UploadDenial::NotEntitled)),
            ("reads only", UploadFacts { role: Some(&visitor), ..good }, Err(UploadDenial::NotEntitled)),
            (
                "not granted",
                UploadFacts { standing: Standing::PartnerArea, ..good },
                Err(UploadDenial::NotEntitled),
            ),
        ];
        for (name, facts, expected) in table {
            assert_eq!(decide_upload(&facts), expected, "{name}");
        }
    }
}
