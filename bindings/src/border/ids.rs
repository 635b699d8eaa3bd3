//! Ids, days and times: texts and numbers over there. A text that is none comes back as
//! [`AppError::Invalid`], so every call that takes one returns an [`AppError`].

use alongside_core::app::AppError;
use alongside_domain::{
    ids::{ChangeHash, FormToken, GroupId, PersonId, ProfileId, RecordId},
    media::BlobHash,
    time::Millis,
};
use jiff::civil::Date;

macro_rules! text {
    ($($(#[$doc:meta])* $name:ident: $malformed:ident;)*) => {$(
        uniffi::custom_type!($(#[$doc])* $name, String, {
            remote,
            try_lift: |text| Ok(text.parse().map_err(|_| AppError::$malformed())?),
            lower: |id| id.to_string(),
        });
    )*};
}

text! {
    /// A record, as a UUID.
    RecordId: malformed_id;
    /// A group of records, as a UUID.
    GroupId: malformed_id;
    /// A person, as a UUID.
    PersonId: malformed_id;
    /// A profile on this phone, as a UUID.
    ProfileId: malformed_id;
    /// One filling-in of a form: a UUID that the app makes when it opens the form.
    FormToken: malformed_id;
    /// A change, as 64 hexadecimal digits.
    ChangeHash: malformed_id;
    /// The content of an attachment, as 64 hexadecimal digits.
    BlobHash: malformed_id;
    /// A day, such as `2015-03-16`.
    Date: malformed_date;
}

uniffi::custom_type!(
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Millis, i64, { remote, try_lift: |at| Ok(Millis(at)), lower: |at| at.0 }
);
