//! The lines of a list: units of one area, filtered, sorted, by page.

use alongside_domain::{
    ids::{GroupId, PartnerId, PersonId},
    time::Millis,
};
use jiff::civil::Date;
use rusqlite::{Connection, Row, ToSql, named_params};

use super::{ReadModelError, number, signed};

/// Whose units are listed.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The partner that the reader works for.
    pub partner: PartnerId,
    /// Code of the area.
    pub area: &'a str,
    /// Only the units granted to this person; `None` for all of the partner's.
    pub granted_to: Option<PersonId>,
}

/// What a list is narrowed to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Whose units.
    pub supporter: Option<Supporter>,
    /// Code of the status.
    pub status: Option<String>,
    /// Code of the stage.
    pub stage: Option<String>,
    /// When the next deadline falls.
    pub due: Option<DueWindow>,
    /// Only units in which people disagree.
    pub conflicts: bool,
    /// Only units for which the rules found something to put right or explain.
    pub problems: bool,
    /// Part of the reference or of a name.
    pub text: Option<String>,
}

/// A choice of supporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supporter {
    /// Nobody is allocated.
    Nobody,
    /// This person.
    Person(PersonId),
}

/// When the next deadline falls, counted from a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueWindow {
    /// Before the day.
    Overdue,
    /// On the day or at most so many days after it.
    Within(u8),
}

/// The column that a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Reference.
    Reference,
    /// Name.
    Name,
    /// Name of the supporter.
    Supporter,
    /// Stage, in the order of the programme's list.
    Stage,
    /// Status, in the order of the programme's list.
    Status,
    /// Last contact.
    Contact,
    /// Next deadline.
    Deadline,
    /// Number of disagreements.
    Conflicts,
}

impl Sort {
    fn column(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Name => "name",
            Self::Supporter => "supporter_name",
            Self::Stage => "stage_rank",
            Self::Status => "status_rank",
            Self::Contact => "last_contact",
            Self::Deadline => "due",
            Self::Conflicts => "conflicts",
        }
    }
}

/// One line: a unit as lists and page heads show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitLine {
    /// The unit's group.
    pub group: GroupId,
    /// Its partner.
    pub partner: PartnerId,
    /// Code of its area; empty while none is known.
    pub area: String,
    /// Its reference.
    pub reference: String,
    /// Name that the person supported is known by.
    pub name: String,
    /// Their birth date.
    pub birth: Option<Date>,
    /// Code of the status.
    pub status: Option<String>,
    /// Code of the stage.
    pub stage: Option<String>,
    /// The supporter.
    pub supporter: Option<PersonId>,
    /// The supporter's name, where known.
    pub supporter_name: Option<String>,
    /// Time of the last contact.
    pub last_contact: Option<Millis>,
    /// The next open deadline.
    pub due: Option<NextDue>,
    /// Disagreements for information.
    pub shown: u32,
    /// Disagreements that a person has to decide.
    pub decisions: u32,
    /// What the rules found that holds up the area's return.
    pub errors: u32,
    /// What the rules found that is to be put right or explained.
    pub queries: u32,
}

/// The next open deadline of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextDue {
    /// Its date.
    pub due: Date,
    /// What it is.
    pub label: String,
    /// Why this date.
    pub why: String,
}

pub(super) const COLUMNS: &str = "\"group\", partner, area, reference, name, birth, status, stage, supporter,
    supporter_name, last_contact, due, due_label, due_why, shown, decisions,
    COALESCE((SELECT errors FROM unit_finding f WHERE f.\"group\" = unit_row.\"group\"), 0),
    COALESCE((SELECT queries FROM unit_finding f WHERE f.\"group\" = unit_row.\"group\"), 0)";

pub(super) fn unit_line(row: &Row<'_>) -> Result<UnitLine, rusqlite::Error> {
    let date = |text: Option<String>| text.and_then(|text| text.parse::<Date>().ok());
    let due = match date(row.get(11)?) {
        Some(due) => Some(NextDue { due, label: row.get(12)?, why: row.get(13)? }),
        None => None,
    };
    Ok(UnitLine {
        group: GroupId(row.get(0)?),
        partner: PartnerId(row.get(1)?),
        area: row.get(2)?,
        reference: row.get(3)?,
        name: row.get(4)?,
        birth: date(row.get(5)?),
        status: row.get(6)?,
        stage: row.get(7)?,
        supporter: row.get::<_, Option<[u8; 16]>>(8)?.map(PersonId),
        supporter_name: row.get(9)?,
        last_contact: row.get::<_, Option<i64>>(10)?.map(Millis),
        due,
        shown: row.get(14)?,
        decisions: row.get(15)?,
        errors: row.get(16)?,
        queries: row.get(17)?,
    })
}

/// The condition of a list, with every value bound by name.
struct Condition {
    sql: String,
    values: Vec<(&'static str, Box<dyn ToSql>)>,
}

impl Condition {
    fn new(scope: Scope<'_>, filter: &Filter, as_of: Date) -> Self {
        let mut this = Self {
            sql: "partner = :partner AND area = :area".to_owned(),
            values: vec![(":partner", Box::new(scope.partner.0)), (":area", Box::new(scope.area.to_owned()))],
        };
        if let Some(person) = scope.granted_to {
            this.and(
                "\"group\" IN (SELECT \"group\" FROM access WHERE person = :reader)",
                ":reader",
                person.0,
            );
        }
        match filter.supporter {
            Some(Supporter::Nobody) => this.sql.push_str(" AND supporter IS NULL"),
            Some(Supporter::Person(person)) => this.and("supporter = :supporter", ":supporter", person.0),
            None => {}
        }
        if let Some(status) = &filter.status {
            this.and("status = :status", ":status", status.clone());
        }
        if let Some(stage) = &filter.stage {
            this.and("stage = :stage", ":stage", stage.clone());
        }
        match filter.due {
            Some(DueWindow::Overdue) => this.and("due < :today", ":today", as_of.to_string()),
            Some(DueWindow::Within(days)) => {
                let last = as_of.saturating_add(jiff::Span::new().days(days));
                this.and("due >= :today", ":today", as_of.to_string());
                this.and("due <= :last", ":last", last.to_string());
            }
            None => {}
        }
        if filter.conflicts {
            this.sql.push_str(" AND conflicts > 0");
        }
        if filter.problems {
            this.sql.push_str(
                " AND \"group\" IN (SELECT \"group\" FROM unit_finding WHERE errors + queries > 0)",
            );
        }
        if let Some(text) = &filter.text {
            // The search reads the narrow index from end to end, not the rows.
            this.and(
                "\"group\" IN (SELECT \"group\" FROM unit_row
                 WHERE partner = :partner AND area = :area AND instr(search, :text) > 0)",
                ":text",
                text.to_lowercase(),
            );
        }
        this
    }

    fn and(&mut self, sql: &str, name: &'static str, value: impl ToSql + 'static) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.values.push((name, Box::new(value)));
    }

    fn parameters(&self) -> Vec<(&str, &dyn ToSql)> {
        self.values.iter().map(|(name, value)| (*name, value.as_ref())).collect()
    }
}

/// The query of a page. Ties are broken in the direction of the sort, so that one index gives the
/// order both ways; units without a value come last both ways.
///
/// Where the filter leaves few units (one supporter's, or those with a text), reading all in order and
/// passing over most is slower than sorting the few: the plus keeps SQLite from the sort's index.
fn page_query(condition: &str, filter: &Filter, sort: Sort, descending: bool) -> String {
    let few = filter.text.is_some() || matches!(filter.supporter, Some(Supporter::Person(_)));
    let column = format!("{}{}", if few { "+" } else { "" }, sort.column());
    let (first, then) = if descending { ("DESC", "DESC") } else { ("ASC NULLS LAST", "ASC") };
    let ties = match sort {
        Sort::Reference => format!("\"group\" {then}"),
        _ => format!("reference {then}, \"group\" {then}"),
    };
    format!(
        "SELECT {COLUMNS} FROM unit_row WHERE {condition} ORDER BY {column} {first}, {ties} LIMIT {{limit}}"
    )
    .replace("{limit}", ":limit OFFSET :offset")
}

/// How many units there are, and the lines from `offset` on, at most `limit`.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn page(
    connection: &Connection,
    scope: Scope<'_>,
    filter: &Filter,
    (sort, descending): (Sort, bool),
    as_of: Date,
    (limit, offset): (u32, u64),
) -> Result<Vec<UnitLine>, ReadModelError> {
    let condition = Condition::new(scope, filter, as_of);
    let offset = signed(offset);
    let mut parameters = condition.parameters();
    parameters.push((":limit", &limit));
    parameters.push((":offset", &offset));
    let mut statement = connection.prepare_cached(&page_query(&condition.sql, filter, sort, descending))?;
    let lines = statement.query_map(&parameters[..], unit_line)?.collect::<Result<_, _>>()?;
    Ok(lines)
}

/// How many units the filter leaves.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn count(
    connection: &Connection,
    scope: Scope<'_>,
    filter: &Filter,
    as_of: Date,
) -> Result<u64, ReadModelError> {
    let condition = Condition::new(scope, filter, as_of);
    let mut statement =
        connection.prepare_cached(&format!("SELECT COUNT(*) FROM unit_row WHERE {}", condition.sql))?;
    Ok(statement.query_row(&condition.parameters()[..], |row| number(row, 0))?)
}

/// The supporters of an area's units, by name; those whose name is not known come last.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn supporters(
    connection: &Connection,
    scope: Scope<'_>,
) -> Result<Vec<(PersonId, Option<String>)>, ReadModelError> {
    let mut statement = connection.prepare_cached(
        "SELECT supporter, supporter_name FROM unit_row
         WHERE partner = :partner AND area = :area AND supporter IS NOT NULL
         AND (:reader IS NULL OR \"group\" IN (SELECT \"group\" FROM access WHERE person = :reader))
         GROUP BY supporter_name, supporter ORDER BY supporter_name NULLS LAST, supporter",
    )?;
    let people = statement
        .query_map(
            named_params! {
                ":partner": scope.partner.0,
                ":area": scope.area,
                ":reader": scope.granted_to.map(|person| person.0),
            },
            |row| Ok((PersonId(row.get(0)?), row.get(1)?)),
        )?
        .collect::<Result<_, _>>()?;
    Ok(people)
}

/// Figures of one area, for the overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AreaCount {
    /// Units.
    pub units: u64,
    /// Units whose next deadline has passed.
    pub overdue: u64,
    /// Units whose next deadline falls on the day or within seven days after it.
    pub due_soon: u64,
    /// Units in which people disagree.
    pub conflicts: u64,
}

/// The figures of an area, each counted in an index.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn area_count(
    connection: &Connection,
    scope: Scope<'_>,
    as_of: Date,
) -> Result<AreaCount, ReadModelError> {
    let with = |filter: Filter| count(connection, scope, &filter, as_of);
    Ok(AreaCount {
        units: with(Filter::default())?,
        overdue: with(Filter { due: Some(DueWindow::Overdue), ..Filter::default() })?,
        due_soon: with(Filter { due: Some(DueWindow::Within(7)), ..Filter::default() })?,
        conflicts: with(Filter { conflicts: true, ..Filter::default() })?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SORTS: [Sort; 8] = [
        Sort::Reference,
        Sort::Name,
        Sort::Supporter,
        Sort::Stage,
        Sort::Status,
        Sort::Contact,
        Sort::Deadline,
        Sort::Conflicts,
    ];

    fn plan(connection: &Connection, sql: &str, condition: &Condition) -> String {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut parameters = condition.parameters();
        if sql.contains(":limit") {
            parameters.push((":limit", &50));
            parameters.push((":offset", &0));
        }
        let steps: Vec<String> =
            statement.query_map(&parameters[..], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        steps.join("\n")
    }

    fn scope() -> Scope<'static> {
        Scope { partner: PartnerId([1; 16]), area: "840", granted_to: None }
    }

    #[test]
    fn every_sort_reads_an_index_in_order_both_ways() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("schema.sql")).unwrap();
        let condition = Condition::new(scope(), &Filter::default(), jiff::civil::date(2015, 3, 3));
        for sort in SORTS {
            for descending in [false, true] {
                let plan = plan(
                    &connection,
                    &page_query(&condition.sql, &Filter::default(), sort, descending),
                    &condition,
                );
                assert!(
                    plan.contains("USING INDEX") || plan.contains("USING COVERING INDEX"),
                    "{sort:?}: {plan}"
                );
                assert!(!plan.contains("TEMP B-TREE"), "{sort:?} {descending}: {plan}");
            }
        }
    }

    #[test]
    fn every_filter_is_found_by_an_index() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("schema.sql")).unwrap();
        let filters = [
            Filter { supporter: Some(Supporter::Person(PersonId([2; 16]))), ..Filter::default() },
            Filter { supporter: Some(Supporter::Nobody), ..Filter::default() },
            Filter { status: Some("OPEN".into()), ..Filter::default() },
            Filter { stage: Some("DRAFT".into()), ..Filter::default() },
            Filter { due: Some(DueWindow::Overdue), ..Filter::default() },
            Filter { due: Some(DueWindow::Within(7)), ..Filter::default() },
            Filter { conflicts: true, ..Filter::default() },
            Filter { text: Some("taz".into()), ..Filter::default() },
        ];
        for filter in filters {
            let condition = Condition::new(scope(), &filter, jiff::civil::date(2015, 3, 3));
            let sql = format!("SELECT COUNT(*) FROM unit_row WHERE {}", condition.sql);
            let plan = plan(&connection, &sql, &condition);
            assert!(
                plan.contains("USING COVERING INDEX unit_") && !plan.contains("SCAN"),
                "{filter:?}: {plan}"
            );
        }
    }
}
