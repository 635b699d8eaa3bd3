//! Synthetic records of Independent Support: plausible, seeded, about nobody.
//!
//! Sizes and spreads are those of domain.md 0.3 (contacts per case: median 6, 90th percentile 20;
//! 5 to 120 minutes each; 8 to 25 active cases a supporter) and of its programme dates. Everything
//! follows from the seed.

use alongside_domain::{
    ids::{GroupId, PartnerId, PersonId, RecordId},
    record::Edit,
    time::Millis,
};
use jiff::civil::Date;

mod answers;
mod casework;
mod chance;
mod names;
mod people;
mod process;

pub(crate) use answers::Answers;
pub(crate) use chance::Chance;

/// What the generator makes.
pub(crate) struct World {
    /// Partner organisations.
    pub(crate) partners: Vec<Partner>,
    /// Everybody who works there.
    pub(crate) people: Vec<Person>,
    /// The families supported.
    pub(crate) families: Vec<Family>,
}

/// A partner organisation.
pub(crate) struct Partner {
    /// Its id.
    pub(crate) id: PartnerId,
    /// Its name.
    pub(crate) name: String,
    /// Codes of its areas.
    pub(crate) areas: Vec<String>,
}

/// A person who works for a partner.
pub(crate) struct Person {
    /// The person's id.
    pub(crate) id: PersonId,
    /// Work name.
    pub(crate) name: String,
    /// Role code.
    pub(crate) role: &'static str,
    /// Index of the partner.
    pub(crate) partner: usize,
    /// Codes of the areas the person works in.
    pub(crate) areas: Vec<String>,
}

/// A family with its children.
pub(crate) struct Family {
    /// Its group.
    pub(crate) group: GroupId,
    /// Index of the partner.
    pub(crate) partner: usize,
    /// Records of the family group.
    pub(crate) records: Vec<Draft>,
    /// The children.
    pub(crate) children: Vec<Child>,
}

/// A child or young person.
pub(crate) struct Child {
    /// The group.
    pub(crate) group: GroupId,
    /// Records of the child group.
    pub(crate) records: Vec<Draft>,
    /// Episodes of support.
    pub(crate) cases: Vec<Case>,
}

/// One episode of support.
pub(crate) struct Case {
    /// The group.
    pub(crate) group: GroupId,
    /// Index of the supporter among the people.
    pub(crate) supporter: usize,
    /// Whether it is still open when the simulated week begins.
    pub(crate) open: bool,
    /// Records of the case group.
    pub(crate) records: Vec<Draft>,
}

/// A record before it is written.
pub(crate) struct Draft {
    /// Its id.
    pub(crate) id: RecordId,
    /// The form it answers.
    pub(crate) form: &'static str,
    /// When it was written, by the writer's clock.
    pub(crate) at: Millis,
    /// Index of the writer among the people.
    pub(crate) author: usize,
    /// Its values.
    pub(crate) edits: Vec<Edit>,
}

impl World {
    /// Records in all groups.
    pub(crate) fn records(&self) -> usize {
        self.families
            .iter()
            .map(|family| {
                family.records.len()
                    + family
                        .children
                        .iter()
                        .map(|child| {
                            child.records.len()
                                + child.cases.iter().map(|case| case.records.len()).sum::<usize>()
                        })
                        .sum::<usize>()
            })
            .sum()
    }

    /// Every case with its family and child.
    pub(crate) fn cases(&self) -> impl Iterator<Item = (&Family, &Child, &Case)> {
        self.families.iter().flat_map(|family| {
            family
                .children
                .iter()
                .flat_map(move |child| child.cases.iter().map(move |case| (family, child, case)))
        })
    }
}

/// Makes the partners and people of a world of about this many cases. The server gives people and
/// partners their ids: put them in before [`World::fill`].
pub(crate) fn people(chance: &mut Chance, cases: usize) -> World {
    let (partners, people) = people::people(chance, cases);
    World { partners, people, families: Vec::new() }
}

impl World {
    /// Adds families until there are this many cases, with everything that happened from September
    /// 2014 up to the day before `today`.
    pub(crate) fn fill(&mut self, chance: &mut Chance, cases: usize, today: Date) {
        let mut made = 0;
        while made < cases {
            let number = self.families.len();
            let family = casework::family(chance, self, number, cases - made, today);
            made += family.children.iter().map(|child| child.cases.len()).sum::<usize>();
            self.families.push(family);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generate(seed: u64, cases: usize, today: Date) -> World {
        let mut chance = Chance::from_seed(seed);
        let mut world = people(&mut chance, cases);
        world.fill(&mut chance, cases, today);
        world
    }

    #[test]
    fn the_same_seed_makes_the_same_world() {
        let today = jiff::civil::date(2016, 1, 18);
        let prints = |world: &World| -> Vec<(RecordId, Millis, usize)> {
            world
                .cases()
                .flat_map(|(_, _, case)| {
                    case.records.iter().map(|draft| (draft.id, draft.at, draft.edits.len()))
                })
                .collect()
        };
        assert_eq!(prints(&generate(7, 40, today)), prints(&generate(7, 40, today)));
        assert_ne!(prints(&generate(7, 40, today)), prints(&generate(8, 40, today)));
    }

    #[test]
    fn contacts_per_case_spread_as_the_field_says() {
        let world = generate(1, 600, jiff::civil::date(2016, 1, 18));
        let mut counts: Vec<_> = world
            .cases()
            .map(|(_, _, case)| case.records.iter().filter(|draft| draft.form == "contact").count())
            .collect();
        counts.sort_unstable();
        let (median, ninetieth) = (counts[counts.len() / 2], counts[counts.len() * 9 / 10]);
        assert!((4..=8).contains(&median), "median 6 (domain.md 0.3), here {median}");
        assert!((14..=28).contains(&ninetieth), "90th percentile 20 (domain.md 0.3), here {ninetieth}");
        assert!(world.records() > 6_000);
        let open: usize = world.cases().filter(|(_, _, case)| case.open).count();
        let supporters = world.people.iter().filter(|person| person.role == "SUPPORTER").count();
        assert!((4..=25).contains(&(open / supporters)), "{open} open cases for {supporters} supporters");
    }

    #[test]
    fn every_answer_is_one_that_the_programme_offers() {
        let programme = alongside_domain::programme::builtin::independent_support().unwrap();
        let world = generate(3, 200, jiff::civil::date(2016, 1, 18));
        let mut wrong = std::collections::BTreeSet::new();
        for (family, child, case) in world.cases() {
            for draft in family.records.iter().chain(&child.records).chain(&case.records) {
                let form = &programme.forms[draft.form];
                for Edit { key, value } in &draft.edits {
                    let parts: Vec<&str> = key.split('/').collect();
                    let name = if parts.len() == 3 { parts[2] } else { parts[0] };
                    let Some(question) = form.question(name) else {
                        wrong.insert(format!("{}: no question {name}", draft.form));
                        continue;
                    };
                    let Some(choices) = programme.choices(form, question) else { continue };
                    let codes = match (parts.len(), value.as_text()) {
                        (2, _) => vec![parts[1]],
                        (_, text) => text.unwrap_or_default().split(' ').collect(),
                    };
                    for code in codes.iter().filter(|code| choices.iter().all(|choice| choice.name != **code))
                    {
                        wrong.insert(format!("{}.{name}: no code {code}", draft.form));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
