//! What exchanges cost in bytes, with a real phone and the real server. `--nocapture` tells the figures.

use alongside_core::{Phone, SaveRequest, clock::Clock as _};
use alongside_domain::{
    ids::{GroupId, RecordId},
    record::Edit,
    time::Millis,
    value::Value,
};

use crate::lab::{Exchange, World, contact, edit, open_case, sync};

const NOTES: [&str; 6] = [
    "Talked through the draft plan, section F. Mum will write down what she wants changed.",
    "School has not sent the advice yet. Rang the SENCO and left a message.",
    "Went with the family to the meeting. The council will look again at the hours of therapy.",
    "Explained how long the council has, and what happens if it says no.",
    "Helped to write the parents' views. Sam drew what he likes about school.",
    "Dad asked about transport. Sent him the policy and the form.",
];

/// No two are alike.
fn note(number: usize) -> String {
    let words = NOTES[number * 5 % 6].split(' ').cycle().skip(number % 7).take(5 + number % 9);
    let words: Vec<&str> = words.collect();
    format!("{} {} {}", NOTES[number % 6], words.join(" "), number * 7_919 % 1_000)
}

/// Time passes, as between two things that somebody writes.
fn later(world: &World, number: usize) {
    let at = world.clock.now().0 + 40_000 + (number * 104_729 % 900_000) as i64;
    world.clock.set(Millis(at));
}

/// A contact as somebody fills it in.
fn full_contact(world: &World, phone: &Phone, group: GroupId, number: usize) -> RecordId {
    later(world, number);
    let text = |key: &str, text: &str| Edit { key: key.to_owned(), value: text.into() };
    let chosen = |key: String| Edit { key, value: Value::Bool(true) };
    let minutes = [15, 30, 20, 45, 60, 10][number % 6];
    let at = Millis((world.clock.now().0 - (number * 17 % 90) as i64 * 60_000) / 300_000 * 300_000);
    let answers = vec![
        Edit { key: "occurred_at".to_owned(), value: Value::Instant(at) },
        Edit { key: "duration_min".to_owned(), value: Value::Integer(minutes) },
        text("mode", ["PHONE", "EMAIL", "VISIT_HOME", "PHONE"][number % 4]),
        chosen(format!("with_whom/{}", ["PARENT_MOTHER", "CHILD"][number % 2])),
        text("purpose", ["INTRO", "INFO_PROC", "VIEWS_PAR"][number % 3]),
        text("level", ["1", "2", "3"][number % 3]),
        text("attended", "HELD"),
        text("note", &note(number)),
    ];
    let form = "contact".to_owned();
    let request = SaveRequest { record: None, group, form, answers, reason: None, token: None };
    phone.records().save(request).unwrap().root.id
}

/// These records as JSON lines with their ids, compressed as far as zstd goes: the yardstick.
fn as_json(phone: &Phone, records: &[RecordId]) -> usize {
    let lines = records.iter().map(|record| {
        let view = phone.records().record(*record).unwrap().view;
        let mut line = serde_json::Map::from_iter([("id".to_owned(), record.to_string().into())]);
        for (key, field) in view.fields {
            let value = match field.shown.value {
                Value::Text(text) => text.into(),
                Value::Integer(number) => number.into(),
                Value::Instant(at) => at.timestamp().to_string().into(),
                _ => true.into(),
            };
            line.insert(key, value);
        }
        serde_json::to_string(&line).unwrap() + "\n"
    });
    zstd::bulk::compress(lines.collect::<String>().as_bytes(), 19).unwrap().len()
}

fn one(mut seen: Vec<Exchange>) -> Exchange {
    assert_eq!(seen.len(), 1, "one round trip");
    seen.remove(0)
}

fn median(mut values: Vec<usize>) -> usize {
    values.sort_unstable();
    values[values.len() / 2]
}

#[tokio::test]
async fn exchanges_stay_within_their_budgets() {
    let world = World::new().await;
    let ann = world.phone("Ann").await;
    let cases: Vec<GroupId> = (0..8).map(|number| open_case(&ann, number)).collect();
    let records: Vec<(GroupId, RecordId)> = (0..100)
        .map(|number| (cases[number % 8], full_contact(&world, &ann, cases[number % 8], number)))
        .collect();
    sync(&ann).await;
    world.middle.seen();

    sync(&ann).await;
    let nothing = one(world.middle.seen());
    println!("no-op: {} + {} bytes", nothing.request.len(), nothing.answer.len());
    assert!(nothing.request.len() + nothing.answer.len() <= 300);

    let (mut packs, mut bodies) = (Vec::new(), Vec::new());
    for (number, (group, record)) in records.iter().enumerate().take(25) {
        let fields = [("level", "4"), ("note", &note(number + 200)), ("attended", "DNA_FAMILY")];
        later(&world, number);
        edit(&ann, *group, *record, &[fields[number % 3]]);
        sync(&ann).await;
        let exchange = one(world.middle.seen());
        packs.push(exchange.asked().push.unwrap().body.len());
        bodies.push(exchange.request.len());
    }
    let (pack, body) = (median(packs), median(bodies));
    println!("one changed field: pack {pack}, request body {body} bytes (medians)");
    assert!(pack <= 90 && body <= 200, "{pack} {body}");

    for (number, (group, record)) in records.iter().enumerate() {
        let fields = [
            ("level", ["1", "2", "3", "4"][number % 4]),
            ("note", &note(number + 300)),
            ("attended", "CANCELLED_IS"),
        ];
        later(&world, number);
        edit(&ann, *group, *record, &fields[..1 + number % 3]);
    }
    sync(&ann).await;
    let hundred = one(world.middle.seen());
    println!("100 edits: request body {} bytes", hundred.request.len());
    assert!(hundred.request.len() <= 3_700, "{}", hundred.request.len());

    let contacts: Vec<RecordId> =
        (0..20).map(|number| full_contact(&world, &ann, cases[number % 8], number + 103)).collect();
    sync(&ann).await;
    let day = one(world.middle.seen());
    let (request, answer, json) = (day.request.len(), day.answer.len(), as_json(&ann, &contacts));
    println!("a day, 20 contacts in 8 cases: request {request}, answer {answer}, JSON {json} bytes");
    assert!(request * 2 <= json * 3, "{request} {json}");

    // Of another phone, from nothing.
    let ben = world.phone("Ben").await;
    for case in &cases {
        world.grant(ben.sync().person().unwrap(), *case).await;
    }
    sync(&ben).await;
    let cold = one(world.middle.seen());
    println!("cold, 144 records with 225 changes on top of 8 cases: answer {} bytes", cold.answer.len());
    contact(&ann, cases[0], NOTES[0]);
    sync(&ann).await;
    world.middle.seen();
    sync(&ben).await;
    let pulled = one(world.middle.seen());
    println!("one contact pulled: answer {} bytes", pulled.answer.len());
}
