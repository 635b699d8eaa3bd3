//! A small programme with names of its own: advice on housing. Nothing in the core may depend on the
//! names of the first programme.

use std::collections::BTreeMap;

use alongside_domain::programme::{Programme, package};

const PROGRAMME: &str = r#"
[programme]
id = "housing"
title = "Housing advice"
version = "1"
languages = ["en"]
zone = "Europe/London"

[roles.ADVISER]
title = "Adviser"
sees = "granted"
reads = "X"
writes = true
"#;

const MODEL: &str = r#"
[groups.home]
title = "Home"
opened_on_phone = true
[groups.matter]
title = "Matter"
parents = ["home"]
opened_on_phone = true
[groups.desk]
title = "Desk"

[records.home]
group = "home"
count = "one"
title = ["tenant"]
search = ["tenant"]
[records.matter]
group = "matter"
count = "one"
title = ["number"]
search = ["number"]
[records.call]
group = "matter"
count = "many"
at = "day"
title = ["note"]
search = ["note"]
[records.letter]
group = "matter"
count = "many"
at = "dated"
title = ["sort"]
[records.vow]
group = "matter"
count = "many"
title = ["words"]
search = ["words"]
immutable = true

[parts]
unit = "matter"
unit_words = ["matter", "matters"]
reference = "matter.number"
status = "matter.state"
supporter = "matter.adviser"
area = "home.borough"
subject_name = ["home.tenant"]
contact_at = "call.day"
[parts.event]
kind = "letter.sort"
date = "letter.dated"
outcome = "letter.result"
"#;

/// Type, name, label and merge policy of each question.
const FORMS: [(&str, &str); 5] = [
    ("home", "| text | tenant | The tenant | |\n| text | borough | The borough | |"),
    (
        "matter",
        "| text | number | The number | |\n| select_one states | state | The state | review |\n\
         | text | adviser | The adviser | |",
    ),
    (
        "call",
        "| date | day | The day | |\n| text | note | The note | |\n\
         | select_multiple topics | topics | The topics | set |\n\
         | begin repeat | tasks | Task | |\n| text | task | The task | |\n| end repeat | | | |",
    ),
    (
        "letter",
        "| text | sort | The sort | |\n| date | dated | The date | |\n| text | result | The result | |",
    ),
    ("vow", "| text | words | The words | |"),
];

fn form(id: &str, questions: &str) -> String {
    let choices = match id {
        "matter" => "| states | OPEN | Open |\n| states | SHUT | Shut |",
        "call" => "| topics | RENT | Rent |\n| topics | DAMP | Damp |",
        _ => "",
    };
    let choices = if choices.is_empty() {
        String::new()
    } else {
        format!("# choices\n\n| list_name | name | label |\n| --- | --- | --- |\n{choices}\n\n")
    };
    format!(
        "# survey\n\n| type | name | label | merge |\n| --- | --- | --- | --- |\n{questions}\n\n{choices}\
         # settings\n\n| form_title | form_id | version |\n| --- | --- | --- |\n| A {id} | {id} | 1 |\n"
    )
}

/// The programme.
pub(crate) fn programme() -> Programme {
    read(&files())
}

/// A later version of it: calls are titled, and found, by another field.
pub(crate) fn later() -> Programme {
    let mut files = files();
    let model =
        MODEL.replace("title = [\"note\"]\nsearch = [\"note\"]", "title = [\"day\"]\nsearch = [\"day\"]");
    assert_ne!(model, MODEL);
    files.insert("model.toml".to_owned(), model.into());
    read(&files)
}

fn files() -> BTreeMap<String, Vec<u8>> {
    let deadlines = include_str!("../../programmes/independent-support/deadlines.toml");
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::from([
        ("programme.toml".to_owned(), PROGRAMME.into()),
        ("model.toml".to_owned(), MODEL.into()),
        ("deadlines.toml".to_owned(), deadlines.into()),
    ]);
    for (id, questions) in FORMS {
        files.insert(format!("forms/{id}.md"), form(id, questions).into_bytes());
    }
    files
}

fn read(files: &BTreeMap<String, Vec<u8>>) -> Programme {
    match package::read(files) {
        Ok((programme, _)) => programme,
        Err(problems) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("the test's programme has problems:\n{}", problems.join("\n"));
        }
    }
}
