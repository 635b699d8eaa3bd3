//! What is not in order is refused, and what a form does not show is said.

use std::collections::BTreeMap;

use super::{
    corpus::{Case, gather, headings},
    run::faults,
};

const HEADINGS: &str = "## part | Part\n### first | First\n### second | Second\n## other | Other\n";

/// What is wrong with chapters, of which the one given is the first.
fn refused(part: &str) -> Vec<String> {
    let other = "[[clause]]\nid = 'other'\nhole = 'Nothing is done.'\n";
    let files = [("part".to_owned(), part.to_owned()), ("other".to_owned(), other.to_owned())];
    gather(&headings(HEADINGS), &BTreeMap::from(files)).1
}

const GOOD: &str = "
[[clause]]
id = 'part'
not_applicable = 'It is a title.'
[[clause]]
id = 'first'
[[clause.case]]
what = 'a text'
form = '| survey |'
problems = ['error - - - x']
[[clause]]
id = 'second'
hole = 'It is not done.'
";

#[test]
fn chapters_that_are_not_in_order_are_refused() {
    assert_eq!(refused(GOOD), Vec::<String>::new());
    let without = |from: &str, to: &str| refused(&GOOD.replace(from, to)).join("\n");
    assert_eq!(
        without("hole = 'It is not done.'", ""),
        "part: second: it has no case, no hole and no reason not to apply"
    );
    assert_eq!(without("problems = ['error - - - x']", ""), "part: first: nothing is expected of `a text`");
    assert_eq!(
        without("problems = ['error - - - x']", "script = 'say a = 1'"),
        "part: first: nothing is expected of `a text`"
    );
    assert_eq!(
        without("id = 'second'", "id = 'third'"),
        "part: the clauses are not in the order of the headings\npart: there is no clause third\nnothing is said of second"
    );
    assert_eq!(
        without("id = 'second'", "id = 'first'"),
        "part: first stands twice\nnothing is said of second"
    );
    assert_eq!(
        without("id = 'second'", "id = 'other'"),
        "part: other belongs to other\npart: other stands twice\nnothing is said of second"
    );
    assert!(without("what = 'a text'", "what = ''").contains("does not say what it shows"));
    assert!(without("what = 'a text'", "waht = 'a text'").contains("unknown field `waht`"));
    assert!(
        without("id = 'first'", "id = 'first'\nnot_applicable = 'No.'").contains("neither cases nor holes")
    );
    let twice = format!("{HEADINGS}### first | Again\n");
    assert!(
        gather(&headings(&twice), &BTreeMap::new())
            .1
            .contains(&"two headings have the anchor first".to_owned())
    );
}

const FORM: &str = "
| survey |
| | type | name | label | constraint | constraint_message | relevant | read_only |
| | integer | age | How old? | . < 26 | Below 26. | | |
| | select_one yes_no | school | At school? | | | ${age} > 4 | |
| | begin repeat | child | Child | | | | |
| | text | called | Name | | | | |
| | end repeat | | | | | | |
| choices |
| | list_name | name | label |
| | yes_no | y | Yes |
| | yes_no | n | No |
";

fn case(script: &str) -> Case {
    Case { what: "a test".to_owned(), form: FORM.to_owned(), script: script.to_owned(), ..Case::default() }
}

#[test]
fn what_is_as_it_is_said_is_no_fault() {
    let case = case(
        "say age = 30
         age is 30
         age trouble constraint: Below 26.
         refuse age = x: not_an_integer
         school asked
         school choices y, n
         school label At school?
         pages age, school
         add child
         rows child is 1
         say child[1]/called = Ann
         pages age, school, child[1]/called
         sent <child><called>Ann</called></child>
         not sent <child><called>Bo</called></child>
         next
         page school
         remove child[1]
         rows child is 0
         say age =
         age fine
         school not asked
         reopen
         age is",
    );
    let case = Case {
        structure: vec!["<bind nodeset='/data/age' type='int' constraint='*'/>".to_owned()],
        absent: vec!["<bind nodeset='/data/age' required='*'/>".to_owned()],
        ..case
    };
    assert_eq!(faults(&case), Vec::<String>::new());
}

#[test]
fn what_is_not_as_it_is_said_is_a_fault() {
    let lines = [
        ("age is 3", "it is ``"),
        ("age required", "it is optional"),
        ("age read-only", "it is editable"),
        ("age trouble constraint", "it is fine"),
        ("school asked", "it is not asked"),
        ("school choices y", "it is `y, n`"),
        ("age label How?", "it is `How old?`"),
        ("age shines", "this line means nothing"),
        ("nothing is 1", "there is no `nothing`"),
        ("pages age, school", "it is `age`"),
        ("rows child is 1", "it is `0`"),
        ("child[1]/called is", "there are 0 rows"),
        ("refuse age = 4: not_an_integer", "it is taken"),
        ("refuse age = x: not_a_date", "it is `not_an_integer`"),
        ("sent <age>3</age>", "there is no <age>3</age>\n      but <age/>"),
        ("not sent <age/>", "there is <age/>"),
    ];
    for (line, wanted) in lines {
        // A line alone may be a step; something is expected besides.
        let said = faults(&case(&format!("{line}\nage optional")));
        assert_eq!(said, [format!("script line 1, `{line}`: {wanted}")]);
    }
    let wrong = Case {
        problems: vec!["error survey 2 name bad_name".to_owned()],
        structure: vec!["<bind nodeset='/data/age' type='string'/>".to_owned(), "<nowhere/>".to_owned()],
        absent: vec!["<bind nodeset='/data/age'/>".to_owned()],
        notes: vec!["a note".to_owned()],
        ..case("")
    };
    let said = faults(&wrong);
    assert_eq!(said.len(), 5, "{said:#?}");
    assert!(said[0].starts_with("the problems are"), "{}", said[0]);
    assert!(said[1].contains("but <bind") && said[1].contains("type=\"int\""), "{}", said[1]);
    assert_eq!(said[2], "there is no <nowhere/>");
    assert!(said[3].starts_with("there is <bind"), "{}", said[3]);
    assert!(said[4].starts_with("the notes are"), "{}", said[4]);
}
