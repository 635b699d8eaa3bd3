//! A device that was enrolled in order and means no good.

use alongside_domain::{
    guard::chunk,
    ids::{ActorId, GroupId, PersonId, RecordId},
    record::{Circumstances, Document, Edit},
    tally::{
        Commitment, EntryName,
        heads::{GroupHead, PublicKey, SignedHeads},
    },
    time::Millis,
    value::Value,
    wire::{
        Cursor, FeedEntry, GroupOpening, PROTOCOL, PushedChange, Refusal, SyncAnswer, SyncRequest, Verdict,
        decode_message, encode, features,
        pack::{Pack, pack_rows},
        repair::{Proof, RepairRequest},
    },
};
use anyhow::{Context, Result, anyhow, bail};
use axum::http::StatusCode;
use ed25519_dalek::SigningKey;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};

use super::plot::Sim;

/// The device.
pub(super) struct Hostile {
    pub(super) person: PersonId,
    pub(super) actor: ActorId,
    pub(super) token: String,
}

impl Sim<'_> {
    /// Takes a record that it is granted and pushes something it should not.
    pub(super) fn attack(&mut self) -> Result<()> {
        let (person, own) = (self.hostile.person, self.hostile.actor);
        let granted = self.server.granted()?.remove(&person).unwrap_or_default();
        let everything = self.server.records()?;
        let foreign = everything.values().map(|at| at.group).find(|group| !granted.contains(group));
        let records: Vec<_> = everything.into_iter().filter(|(_, at)| granted.contains(&at.group)).collect();
        if records.is_empty() {
            return Ok(());
        }
        let (record, at) = &records[self.rng.random_range(0..records.len())];
        let changes = at.document.changes();
        let some = changes[self.rng.random_range(0..changes.len())].clone();
        let last = changes.last().context("a record has changes")?;
        // A change of its own whose actor was tampered with may have been taken: that one is its own, too.
        let is_anothers = at.who.get(&last.hash).is_none_or(|who| who.author != person);
        let last = last.actor;
        if self.rng.random_bool(0.3) {
            let fresh = ActorId(self.rng.random());
            let bytes = self.edit(&at.document, fresh)?;
            return self.forge_a_relay(*record, at.group, bytes);
        }
        let (name, group, bytes) = match self.rng.random_range(0..6) {
            0 => ("a change tampered with", at.group, self.tampered(&some.bytes)),
            1 => {
                let fresh = self.edit(&at.document, own)?;
                ("an own change tampered with", at.group, self.tampered(&fresh))
            }
            2 => ("a change in another's name", at.group, self.edit(&at.document, last)?),
            3 => (
                "a change cut short",
                at.group,
                some.bytes[..self.rng.random_range(0..some.bytes.len())].to_vec(),
            ),
            4 => (
                "a change in a group of others",
                foreign.unwrap_or(GroupId([1; 16])),
                self.edit(&at.document, own)?,
            ),
            _ => {
                let mut without =
                    Document::load(changes.iter().take(1).map(|change| change.bytes.as_slice()))?;
                let first = self.edit(&without, own)?;
                without.apply([first.as_slice()])?;
                ("a change without what it stands on", at.group, self.edit(&without, own)?)
            }
        };
        let verdicts = self.push(&[PushedChange { group, record: *record, bytes }])?;
        self.story.fault("hostile push", &format!("{name}: {verdicts:?}"));
        if verdicts.is_empty() {
            return Ok(());
        }
        let accepted = matches!(verdicts.first(), Some(Verdict::Accepted(_)));
        let in_anothers_name = name == "a change in another's name" && is_anothers;
        let never = in_anothers_name || name == "a change in a group of others";
        if accepted && never {
            bail!("{name} was accepted");
        }
        if in_anothers_name {
            let refused = Some(&Verdict::Refused(Refusal::ForeignActor));
            if verdicts.first() != refused {
                bail!("{name} was answered with {verdicts:?}");
            }
        }
        Ok(())
    }

    fn push(&mut self, changes: &[PushedChange]) -> Result<Vec<Verdict>> {
        let request = self.request(Some(pack_rows(changes)));
        Ok(self.post(&request)?.map(|answer| answer.verdicts).unwrap_or_default())
    }

    fn request(&self, push: Option<Pack>) -> SyncRequest {
        let openings: Vec<GroupOpening> = Vec::new();
        SyncRequest {
            protocol: PROTOCOL,
            features: 0,
            cursor: Cursor::default(),
            seen: None,
            backfills: Vec::new(),
            own_high: 0,
            actor: self.hostile.actor,
            openings,
            push,
            limit: 0,
            dictionary: None,
            waiting: 0,
            tally: None,
            needs_key: false,
            asks_relatives: false,
            repair: None,
        }
    }

    /// `None` where the server's disk is full.
    fn post(&self, request: &SyncRequest) -> Result<Option<SyncAnswer>> {
        let (status, body) = self.server.post("/v1/sync", Some(&self.hostile.token), encode(request))?;
        if status == StatusCode::SERVICE_UNAVAILABLE && self.server.is_full() {
            return Ok(None);
        }
        if !status.is_success() {
            bail!("a hostile push upset the server: {status}");
        }
        Ok(Some(decode_message(&body)?))
    }

    /// Relays a change that nobody wrote, in another's name, under a head that only this device signed.
    fn forge_a_relay(&mut self, record: RecordId, group: GroupId, bytes: Vec<u8>) -> Result<()> {
        let author = self.people[0];
        let hash = chunk::parse(&bytes).map_err(|_| anyhow!("a good change"))?.header.hash;
        let name = EntryName::of(group, record, &hash, author, None);
        let commitment = Commitment::default().with([&name]).context("a commitment")?;
        let head = GroupHead { group, count: 1, commitment, sum: name.short() };
        let key = SigningKey::from_bytes(&self.rng.random());
        let signed = SignedHeads::sign(vec![head], &key).and_then(|heads| heads.open(&PublicKey::of(&key)));
        let signed = signed.context("a head")?.remove(0);
        let entry = FeedEntry::Change {
            seq: 1,
            group,
            record,
            author,
            device: None,
            received_at: Millis(self.now),
            bytes,
        };
        let repair = RepairRequest {
            proofs: vec![Proof { signed, names: name.0.to_vec() }],
            relayed: Some(pack_rows(&[entry])),
            ..RepairRequest::default()
        };
        let mut request = self.request(None);
        request.features = features::REPAIR;
        request.repair = Some(Box::new(repair));
        if let Some(mutant) = self.story.mutant {
            mutant.request(&mut request, &self.server)?;
        }
        let Some(answer) = self.post(&request)? else { return Ok(()) };
        let verdicts = answer.repair.context("an answer to a repair")?.verdicts;
        self.story.fault("forged relay", &format!("{verdicts:?}"));
        if verdicts != [Verdict::Refused(Refusal::NotCovered)] {
            bail!("a relay that the server never signed was answered with {verdicts:?}");
        }
        Ok(())
    }

    /// A good change of the record as this actor.
    fn edit(&mut self, document: &Document, actor: ActorId) -> Result<Vec<u8>> {
        let changes = document.changes();
        let mut copy = Document::load(changes.iter().map(|change| change.bytes.as_slice()))?;
        self.number += 1;
        let value = Value::Text(format!("hostile{}", self.number));
        let circumstances = Circumstances {
            actor,
            at: Millis(self.now),
            zone: "Europe/London".to_owned(),
            offline: false,
            reason: None,
        };
        let change = copy
            .edit(&[Edit { key: "note".to_owned(), value }], &circumstances)?
            .context("a new value is a change")?;
        Ok(change.bytes)
    }

    /// Some bytes changed, and the checksum made to fit.
    fn tampered(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..self.rng.random_range(1..4) {
            let place = self.rng.random_range(9..bytes.len());
            bytes[place] ^= 1 << self.rng.random_range(0..8);
        }
        let digest = Sha256::digest(&bytes[8..]);
        bytes[4..8].copy_from_slice(&digest[..4]);
        bytes
    }
}
