//! Partners and the people who work for them.

use alongside_domain::ids::{PartnerId, PersonId};

use super::{Chance, Partner, Person, names};

/// Partners with a coordinator and a safeguarding lead each, and enough supporters for 18 open cases a head.
pub(super) fn people(chance: &mut Chance, cases: usize) -> (Vec<Partner>, Vec<Person>) {
    let mut partners = Vec::new();
    let mut people = Vec::new();
    let areas: usize = names::PARTNERS.iter().map(|(_, areas)| areas.len()).sum();
    for (index, (name, partner_areas)) in names::PARTNERS.iter().enumerate() {
        let areas_of_partner: Vec<String> = partner_areas.iter().map(|area| (*area).to_owned()).collect();
        partners.push(Partner {
            id: PartnerId([0; 16]),
            name: (*name).to_owned(),
            areas: areas_of_partner.clone(),
        });
        people.push(person(chance, &people, "COORDINATOR", index, areas_of_partner.clone()));
        people.push(person(chance, &people, "DSL", index, areas_of_partner));
        for area in *partner_areas {
            // About 55 in 100 cases are open at once.
            let supporters = (cases * 55).div_ceil(areas * 100 * 18).max(2);
            for _ in 0..supporters {
                people.push(person(chance, &people, "SUPPORTER", index, vec![(*area).to_owned()]));
            }
        }
    }
    (partners, people)
}

fn person(
    chance: &mut Chance,
    people: &[Person],
    role: &'static str,
    partner: usize,
    areas: Vec<String>,
) -> Person {
    let name = loop {
        let name = format!("{} {}", chance.one(names::ADULT), chance.one(names::FAMILY));
        if people.iter().all(|other| other.name != name) {
            break name;
        }
    };
    Person { id: PersonId([0; 16]), name, role, partner, areas }
}
