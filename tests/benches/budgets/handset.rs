//! Phones: real profiles in temporary folders, with a clock set by hand.

use std::{path::Path, sync::Arc};

use alongside_core::{Key, Phone, Profile, SaveRequest, clock::ManualClock, sync::Sent};
use alongside_domain::{
    ids::{ChangeHash, DeviceId, GroupId, PartnerId, PersonId, RecordId},
    programme::Programme,
    record::{Edit, RecordView},
    time::Millis,
    wire::{ControlEvent, Cursor, EnrolAnswer, FeedEntry, PROTOCOL, SyncAnswer, pack},
};
use anyhow::{Context, Result};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    corpus::{Device, Generator, MEASURED, Written},
    store_rows::PhoneFile,
};

/// 1 June 2016, 09:00 in London: after everything that is generated.
pub(crate) const TODAY: Millis = Millis(1_464_768_000_000);
const KEY: [u8; 32] = [7; 32];
const PARTNER: PartnerId = PartnerId([5; 16]);
/// Entries that a phone is given at once where no server is asked.
const AT_ONCE: usize = 4_000;

/// A phone and the clock it goes by.
pub(crate) struct Handset {
    pub(crate) phone: Phone,
    pub(crate) clock: Arc<ManualClock>,
}

/// A family, a child and a case, in this order.
pub(crate) type Groups = [GroupId; 3];

impl Handset {
    /// A new phone in this folder, not enrolled.
    pub(crate) fn create(folder: &Path, programme: &Arc<Programme>, seed: u64) -> Result<Self> {
        let clock = Arc::new(ManualClock::new(TODAY));
        Ok(Self { phone: Phone::create(profile(folder, programme, &clock, seed))?, clock })
    }

    /// A phone in this folder that holds this work of one supporter, as a server would have sent it.
    pub(crate) fn holding(
        folder: &Path,
        programme: &Arc<Programme>,
        supporter: PersonId,
        groups: &[Groups],
        written: &[Written],
    ) -> Result<Self> {
        let handset = Self::create(folder, programme, 1)?;
        let enrolment = EnrolAnswer {
            protocol: PROTOCOL,
            device: DeviceId([2; 16]),
            token: "not shown to anybody".to_owned(),
            person: supporter,
            name: "Ada".to_owned(),
            role: "SUPPORTER".to_owned(),
            partner: PARTNER,
            programme: (programme.id.clone(), ChangeHash(programme.hash)),
            key: None,
        };
        handset.phone.sync().accept_enrolment("http://127.0.0.1:9", &enrolment)?;
        let mut entries = Vec::new();
        for [family, child, case] in groups {
            let links = [("family", *family, vec![]), ("child", *child, vec![*family])];
            let case = ("case", *case, vec![*child, *family]);
            for (kind, group, parents) in links.into_iter().chain([case]) {
                let kind = kind.to_owned();
                entries.push(ControlEvent::Group { group, kind, partner: PARTNER, parents });
                entries.push(ControlEvent::Grant { person: supporter, group });
            }
        }
        let mut entries: Vec<FeedEntry> = (1..)
            .zip(entries)
            .map(|(seq, event)| FeedEntry::Control { seq, at: written[0].received_at, event })
            .collect();
        let seq = entries.len() as u64 + 1;
        entries.extend((seq..).zip(written).map(|(seq, written)| written.entry(seq)));
        for part in entries.chunks(AT_ONCE) {
            let seq = part.last().map_or(0, FeedEntry::seq);
            let answer = SyncAnswer {
                protocol: PROTOCOL,
                features: 0,
                dictionary: None,
                openings: Vec::new(),
                verdicts: Vec::new(),
                pull: Some(pack::pack_rows(part)),
                cursor: Cursor { seq, chain: [4; 16] },
                head: None,
                backfills: Vec::new(),
                start_again: false,
                revoked: false,
                more: false,
                server_time: TODAY,
                tally: None,
                heads: None,
                key: None,
                to_repair: false,
                relatives: None,
                repair: None,
            };
            handset.phone.sync().apply(&Sent::default(), &answer)?;
        }
        handset.phone.pause()?;
        Ok(handset)
    }

    /// Saves a new contact; gives its view.
    pub(crate) fn save(&self, request: SaveRequest) -> Result<RecordView> {
        Ok(self.phone.records().save(request)?)
    }
}

/// How a profile is opened again.
pub(crate) fn profile(
    folder: &Path,
    programme: &Arc<Programme>,
    clock: &Arc<ManualClock>,
    seed: u64,
) -> Profile {
    let rng = Box::new(StdRng::seed_from_u64(seed));
    Profile::new(folder.to_owned(), Key::new(KEY), Arc::clone(programme), clock.clone(), rng)
}

/// The phone's file, read beside it.
pub(crate) fn file(folder: &Path) -> Result<PhoneFile> {
    PhoneFile::open(&folder.join("alongside.db"), KEY).context("the phone's file could not be read")
}

/// A new record with these answers, saved with a token as an app does.
pub(crate) fn new_record(group: GroupId, form: &str, answers: Vec<Edit>, rng: &mut StdRng) -> SaveRequest {
    let token = Some(rng.random());
    SaveRequest { record: None, group, form: form.to_owned(), answers, reason: None, token }
}

/// Answers to a record that is there.
pub(crate) fn edit(group: GroupId, form: &str, record: RecordId, answers: Vec<Edit>) -> SaveRequest {
    let record = Some(record);
    SaveRequest { record, group, form: form.to_owned(), answers, reason: None, token: None }
}

/// A caseload of one supporter: each case with the records that its pages are made from, and contacts.
pub(crate) fn caseload(seed: u64, cases: usize, contacts: usize) -> (Device, Vec<Groups>, Vec<Written>) {
    let mut generator = Generator::new(seed, MEASURED);
    let device = generator.device();
    generator.supporter = Some(device.person);
    let mut groups = Vec::with_capacity(cases);
    let mut written = Vec::new();
    // The latest stays before today.
    let begin = TODAY.0 - 400 * 86_400_000;
    for case in 0..cases {
        let three: Groups = std::array::from_fn(|_| GroupId(generator.device().actor.0));
        let opened = begin + case as i64 * 1_000_003 % (200 * 86_400_000);
        let share = contacts / cases + usize::from(case < contacts % cases);
        let about = [("family", 0), ("child", 1), ("case", 2), ("ehc_event", 2)];
        let forms = about.into_iter().chain(std::iter::repeat_n(("contact", 2), share));
        for (at, (form, group)) in forms.enumerate() {
            let at = opened + (at as i64 * 777_767) % (190 * 86_400_000);
            written.push(generator.create(form, three[group], device, at).1);
        }
        groups.push(three);
    }
    (device, groups, written)
}
