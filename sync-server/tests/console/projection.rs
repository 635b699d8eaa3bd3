//! The read model follows the log, and can be made again from it.

use alongside_domain::{ids::GroupId, time::Millis};
use alongside_server::{
    ingest::LocalWrite,
    read_model::{ReadModel, case},
};

use crate::fixture::{TODAY, World, edit};

#[test]
fn a_rebuilt_read_model_equals_the_one_that_grew_with_the_log() {
    let world = World::new(0);
    let mut projector = world.projector(&world.model);
    projector.catch_up().unwrap();
    // It grows: a supporter leaves, an answer is decided, a phone adds to a record in the cache.
    let phone = world.phone(world.people.asha);
    for (days, note) in [(1, "First thought."), (0, "Second thought.")] {
        let at = Millis(TODAY.0 - days * 1000);
        let change = world.offline(&phone, world.contact, world.case, &[edit("note", note)], at);
        world.push(&phone, change);
        projector.catch_up().unwrap();
    }
    world.write(vec![LocalWrite::Withdraw { person: world.people.ben, group: world.case }]);
    projector.catch_up().unwrap();

    let second = world.fresh_model();
    world.projector(&second).catch_up().unwrap();
    let (grown, rebuilt) = (world.model.dump().unwrap(), second.dump().unwrap());
    assert!(grown.lines().count() > 20);
    assert_eq!(grown, rebuilt);
}

#[test]
fn pages_of_a_log_that_was_restored_are_made_again() {
    let world = World::new(0);
    world.project();
    let before = world.model.dump().unwrap();
    let path = world.folder.path().join("pages.db");
    // The same pages before another log, which is shorter, then longer than what they show.
    let other = World::new(1);
    let model = std::sync::Arc::new(ReadModel::open(&path, &world.programme).unwrap());
    other.projector(&model).catch_up().unwrap();
    other.project();
    assert_eq!(model.dump().unwrap(), other.model.dump().unwrap());
    assert_ne!(model.dump().unwrap(), before);
}

#[test]
fn an_older_file_is_thrown_away_and_filled_again() {
    let world = World::new(0);
    world.project();
    let before = world.model.dump().unwrap();
    let path = world.folder.path().join("pages.db");
    // The same file serves as it is.
    assert_eq!(ReadModel::open(&path, &world.programme).unwrap().dump().unwrap(), before);

    let mut changed = (*world.programme).clone();
    changed.hash = [7; 32];
    let emptied = ReadModel::open(&path, &changed).unwrap();
    assert_eq!(emptied.dump().unwrap(), "position|1|0|00000000000000000000000000000000\n");
}

#[test]
fn a_new_name_of_the_child_reaches_the_case() {
    let world = World::new(0);
    let mut projector = world.projector(&world.model);
    projector.catch_up().unwrap();
    let name = || world.model.read(|connection| case::unit(connection, world.case)).unwrap().unwrap().name;
    assert_eq!(name(), "Taz");
    world.write(vec![LocalWrite::Edit {
        record: world.child,
        edits: vec![edit("known_as", "Tariq the Great")],
        at: TODAY,
        zone: "Europe/London".to_owned(),
        reason: None,
    }]);
    projector.catch_up().unwrap();
    assert_eq!(name(), "Tariq the Great");
}

#[test]
fn the_line_of_a_case_says_what_its_records_say() {
    let world = World::new(0);
    world.project();
    let unit = world.model.read(|connection| case::unit(connection, world.case)).unwrap().unwrap();
    assert_eq!(unit.reference, "840-C-00001");
    assert_eq!(unit.area, "840");
    assert_eq!(unit.supporter_name.as_deref(), Some("Asha Karim"));
    assert_eq!(unit.last_contact, Some(Millis(TODAY.0 - 12 * 24 * 60 * 60 * 1000)));
    assert_eq!((unit.decisions, unit.shown), (1, 1));
    // Comments on the draft plan (domain.md, worked example A2, D05).
    assert_eq!(unit.due.unwrap().due, jiff::civil::date(2015, 3, 16));
    let nobody = GroupId([9; 16]);
    assert_eq!(world.model.read(|connection| case::unit(connection, nobody)).unwrap(), None);
}
