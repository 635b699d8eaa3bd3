//! The control of each question, and what it sends, read back.

use alongside_domain::{
    form::{
        Question, QuestionKind,
        expr::{Scalar, Surroundings},
        session::Session,
    },
    media::MediaRef,
    programme::entry::Answer,
};
use jiff::civil::Date;

use super::posted::Posted;

/// What questions are drawn and read with.
pub(in crate::console) struct Asking<'a> {
    pub(in crate::console) session: &'a Session,
    pub(in crate::console) language: &'a str,
    /// The seed of lists that are shuffled.
    pub(in crate::console) order: i64,
    pub(in crate::console) around: &'a Surroundings,
}

/// Lists longer than this are a box to choose from, not a row of buttons each.
const LONGEST_LIST: usize = 30;
/// Scales longer than this are typed.
const LONGEST_SCALE: i64 = 12;

/// A choice on the page.
pub(in crate::console) struct Pick {
    pub(in crate::console) code: String,
    pub(in crate::console) label: String,
    pub(in crate::console) is_chosen: bool,
}

/// What a question is answered with.
pub(in crate::console) enum Control {
    /// Nothing: it is read.
    Note,
    /// Nothing: its value is shown.
    Fixed(String),
    Text {
        value: String,
        mode: &'static str,
    },
    Long {
        value: String,
    },
    /// The parts of a date that are asked, and a time where that is asked as well.
    Date {
        day: Option<String>,
        month: Option<String>,
        year: String,
        time: Option<String>,
    },
    One {
        picks: Vec<Pick>,
        scale: bool,
    },
    Box {
        picks: Vec<Pick>,
    },
    Many {
        picks: Vec<Pick>,
    },
    /// One box for each place.
    Places {
        places: Vec<Vec<Pick>>,
    },
    Tick {
        is_ticked: bool,
    },
    File {
        accept: &'static str,
        has: String,
    },
    Point {
        latitude: String,
        longitude: String,
    },
}

/// The control of a question as it stands; with what was typed where that was not taken.
pub(in crate::console) fn control(
    asking: &Asking<'_>,
    key: &str,
    question: &Question,
    typed: Option<&Posted>,
) -> Control {
    let zone = &asking.around.zone;
    let value = asking.session.value_of(key).cloned().unwrap_or(Scalar::Empty);
    let text = value.text(zone);
    let sent = |part: &str| typed.and_then(|posted| posted.one(&format!("{key}{part}"))).map(str::to_owned);
    let looks = |word: &str| {
        question.appearance.as_deref().unwrap_or_default().split_whitespace().any(|had| had == word)
    };
    let is_fixed = asking.session.state(key, asking.around).is_some_and(|state| state.read_only);
    if question.kind != QuestionKind::Note && is_fixed {
        return Control::Fixed(text);
    }
    match &question.kind {
        QuestionKind::Note => Control::Note,
        QuestionKind::SelectOne(_) => {
            let picks = picks(asking, key, &[text.as_str()]);
            if looks("minimal") || picks.len() > LONGEST_LIST {
                Control::Box { picks }
            } else {
                Control::One { picks, scale: false }
            }
        }
        QuestionKind::SelectMultiple(_) => {
            Control::Many { picks: picks(asking, key, &text.split_whitespace().collect::<Vec<_>>()) }
        }
        QuestionKind::Rank(_) => {
            let ranked: Vec<String> = match typed {
                Some(posted) => {
                    let count = picks(asking, key, &[]).len();
                    (1..=count)
                        .map(|place| posted.one(&format!("{key}~{place}")).unwrap_or_default().to_owned())
                        .collect()
                }
                None => text.split_whitespace().map(str::to_owned).collect(),
            };
            let count = picks(asking, key, &[]).len();
            let places = (0..count).map(|place| {
                let chosen = ranked.get(place).map(String::as_str).unwrap_or_default();
                picks(asking, key, &[chosen])
            });
            Control::Places { places: places.collect() }
        }
        QuestionKind::Range => match scale(question) {
            Some(steps) => {
                let picks = steps.into_iter().map(|step| {
                    let code = step.to_string();
                    Pick { label: code.clone(), is_chosen: text == code, code }
                });
                Control::One { picks: picks.collect(), scale: true }
            }
            None => Control::Text { value: sent("").unwrap_or(text), mode: "decimal" },
        },
        QuestionKind::Acknowledge => Control::Tick { is_ticked: !text.is_empty() },
        QuestionKind::Integer => Control::Text { value: sent("").unwrap_or(text), mode: "numeric" },
        QuestionKind::Decimal => Control::Text { value: sent("").unwrap_or(text), mode: "decimal" },
        QuestionKind::Time => {
            let short = text.get(..5).unwrap_or(&text).to_owned();
            Control::Text { value: sent("").unwrap_or(short), mode: "text" }
        }
        QuestionKind::Date | QuestionKind::DateTime => {
            let wall = match &value {
                Scalar::Date(date) => Some((*date, String::new())),
                Scalar::Instant(at) => {
                    let wall = zone.to_datetime(*at);
                    Some((wall.date(), wall.strftime("%H:%M").to_string()))
                }
                _ => None,
            };
            let part = |of: fn(Date) -> i16| wall.as_ref().map(|(date, _)| of(*date).to_string());
            let or = |had: Option<String>, name: &str| sent(name).or(had).unwrap_or_default();
            let (has_month, has_day) = (!looks("year"), !looks("year") && !looks("month-year"));
            let time = wall.as_ref().map(|(_, time)| time.clone());
            Control::Date {
                day: has_day.then(|| or(part(|date| date.day().into()), "~day")),
                month: has_month.then(|| or(part(|date| date.month().into()), "~month")),
                year: or(part(Date::year), "~year"),
                time: (question.kind == QuestionKind::DateTime).then(|| or(time, "~time")),
            }
        }
        QuestionKind::Media(kind) => Control::File {
            accept: match kind.as_str() {
                "image" => "image/*",
                "audio" => "audio/*",
                "video" => "video/*",
                _ => "",
            },
            has: text.parse::<MediaRef>().map(|media| media.in_words()).unwrap_or_default(),
        },
        QuestionKind::Standard(kind) if kind == "geopoint" => {
            let mut parts = text.split_whitespace().map(str::to_owned);
            Control::Point {
                latitude: sent("~lat").or(parts.next()).unwrap_or_default(),
                longitude: sent("~lon").or(parts.next()).unwrap_or_default(),
            }
        }
        QuestionKind::Standard(kind) if kind != "barcode" => {
            Control::Long { value: sent("").unwrap_or_else(|| text.replace(';', "\n")) }
        }
        QuestionKind::Text if looks("multiline") => Control::Long { value: sent("").unwrap_or(text) },
        _ => {
            let mode = if looks("numbers") { "numeric" } else { "text" };
            Control::Text { value: sent("").unwrap_or(text), mode }
        }
    }
}

/// The choices of a question that are in use today, and those that were chosen.
fn picks(asking: &Asking<'_>, key: &str, chosen: &[&str]) -> Vec<Pick> {
    // The same order on every page of the same link.
    let order = asking.order;
    let today = asking.around.wall().date();
    asking
        .session
        .choices(key, order, asking.around)
        .into_iter()
        .map(|choice| (chosen.contains(&choice.name.as_str()), choice))
        .filter(|(is_chosen, choice)| *is_chosen || choice.is_valid_on(today))
        .map(|(is_chosen, choice)| Pick {
            code: choice.name.clone(),
            label: choice.label.get(asking.language).unwrap_or(&choice.name).to_owned(),
            is_chosen,
        })
        .collect()
}

/// The steps of a scale that is short enough to show.
fn scale(question: &Question) -> Option<Vec<i64>> {
    let number = |name: &str| question.parameters.get(name).and_then(|text| text.parse::<i64>().ok());
    let (start, end, step) = (number("start")?, number("end")?, number("step").unwrap_or(1));
    let count = (end.checked_sub(start)?).checked_div(step)?;
    (step != 0 && (0..LONGEST_SCALE).contains(&count))
        .then(|| (0..=count).map(|at| start + at * step).collect())
}

/// What was answered: `None` leaves the answer as it is.
///
/// # Errors
/// What is wrong with it, in a sentence for who wrote it.
pub(in crate::console) fn read(
    asking: &Asking<'_>,
    key: &str,
    question: &Question,
    posted: &Posted,
) -> Result<Option<Answer>, String> {
    let part = |name: &str| posted.one(&format!("{key}{name}")).unwrap_or_default().trim().to_owned();
    let text = |text: String| Some(if text.is_empty() { Answer::Cleared } else { Answer::Text(text) });
    let offered = || picks(asking, key, &[]).into_iter().map(|pick| pick.code).collect::<Vec<_>>();
    let known = |codes: &[String]| {
        let had = asking.session.value_of(key).map(|value| value.text(&asking.around.zone));
        let had: Vec<&str> = had.as_deref().unwrap_or_default().split_whitespace().collect();
        let offered = offered();
        let is_known = |code: &String| offered.contains(code) || had.contains(&code.as_str());
        if codes.iter().all(is_known) { Ok(()) } else { Err("Choose one of the answers below".to_owned()) }
    };
    Ok(match &question.kind {
        QuestionKind::Note => None,
        QuestionKind::SelectOne(_) => {
            let codes: Vec<String> =
                posted.all(key).iter().filter(|code| !code.is_empty()).cloned().collect();
            known(&codes)?;
            match codes.as_slice() {
                [] => Some(Answer::Cleared),
                [code] => Some(Answer::Text(code.clone())),
                _ => return Err("Choose one answer only".to_owned()),
            }
        }
        QuestionKind::SelectMultiple(_) => {
            let codes = posted.all(key).to_vec();
            known(&codes)?;
            Some(if codes.is_empty() { Answer::Cleared } else { Answer::Codes(codes) })
        }
        QuestionKind::Rank(_) => {
            let places = (1..=offered().len()).map(|place| part(&format!("~{place}")));
            let codes: Vec<String> = places.filter(|code| !code.is_empty()).collect();
            known(&codes)?;
            let mut once = codes.clone();
            once.sort();
            once.dedup();
            if once.len() < codes.len() {
                return Err("Choose each answer for one place only".to_owned());
            }
            Some(if codes.is_empty() { Answer::Cleared } else { Answer::Codes(codes) })
        }
        QuestionKind::Acknowledge => {
            Some(if posted.all(key).is_empty() { Answer::Cleared } else { Answer::Text("OK".to_owned()) })
        }
        QuestionKind::Integer | QuestionKind::Decimal => text(number(&part(""))),
        QuestionKind::Range => {
            let written = number(&part(""));
            in_range(question, &written)?;
            text(written)
        }
        QuestionKind::Time => {
            let written = part("");
            if written.is_empty() { Some(Answer::Cleared) } else { text(time(&written)?) }
        }
        QuestionKind::Date | QuestionKind::DateTime => {
            let looks = |word: &str| {
                question.appearance.as_deref().unwrap_or_default().split_whitespace().any(|had| had == word)
            };
            let (day, month, year, clock) = (part("~day"), part("~month"), part("~year"), part("~time"));
            if [&day, &month, &year, &clock].into_iter().all(String::is_empty) {
                return Ok(Some(Answer::Cleared));
            }
            let day = if looks("year") || looks("month-year") { "1".to_owned() } else { day };
            let month = if looks("year") { "1".to_owned() } else { month };
            let date = date(&day, &month, &year)?;
            if question.kind == QuestionKind::Date {
                text(date.to_string())
            } else {
                text(format!("{date}T{}", time(&clock)?))
            }
        }
        QuestionKind::Media(_) => (posted.one(&format!("{key}~remove")).is_some()).then_some(Answer::Cleared),
        QuestionKind::Standard(kind) if kind == "geopoint" => {
            let (latitude, longitude) = (part("~lat"), part("~lon"));
            if latitude.is_empty() && longitude.is_empty() {
                return Ok(Some(Answer::Cleared));
            }
            let within = |text: &str, most: f64| {
                text.parse::<f64>().is_ok_and(|degrees| degrees.is_finite() && degrees.abs() <= most)
            };
            if !within(&latitude, 90.0) || !within(&longitude, 180.0) {
                return Err(
                    "Write the latitude from -90 to 90 and the longitude from -180 to 180, such as 54.77 and -1.57"
                        .to_owned(),
                );
            }
            text(format!("{latitude} {longitude} 0 0"))
        }
        QuestionKind::Standard(kind) if kind != "barcode" => {
            let lines: Vec<String> =
                part("").lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
            text(lines.join(";"))
        }
        _ => text(part("")),
    })
}

fn in_range(question: &Question, written: &str) -> Result<(), String> {
    let number = |name: &str| question.parameters.get(name).and_then(|text| text.parse::<f64>().ok());
    if written.is_empty() {
        return Ok(());
    }
    let (Some(start), Some(end)) = (number("start"), number("end")) else { return Ok(()) };
    let step = number("step").unwrap_or(1.0).abs();
    let is_step = written.parse::<f64>().is_ok_and(|value| {
        let steps = (value - start) / step;
        (start.min(end)..=start.max(end)).contains(&value) && (steps - steps.round()).abs() < 1e-6
    });
    if is_step { Ok(()) } else { Err(format!("Choose a number from {start} to {end}")) }
}

/// A number as people write it: without the pound sign, and without commas between thousands.
fn number(text: &str) -> String {
    let text = text.trim().trim_start_matches('£').trim();
    let (whole, rest) = text.split_once('.').map_or((text, ""), |(whole, rest)| (whole, rest));
    let groups: Vec<&str> = whole.split(',').collect();
    let is_grouped = groups.len() > 1
        && groups[0].trim_start_matches('-').len() <= 3
        && groups[1..].iter().all(|group| group.len() == 3);
    if !is_grouped {
        return text.to_owned();
    }
    let whole = groups.concat();
    if rest.is_empty() { whole } else { format!("{whole}.{rest}") }
}

fn date(day: &str, month: &str, year: &str) -> Result<Date, String> {
    for (part, name) in [(day, "a day"), (month, "a month"), (year, "a year")] {
        if part.is_empty() {
            return Err(format!("The date must include {name}"));
        }
    }
    let read = || {
        if year.len() != 4 {
            return None;
        }
        Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
    };
    read().ok_or_else(|| "Enter a real date, such as 27 3 2015".to_owned())
}

/// `9:30` as `09:30`.
fn time(text: &str) -> Result<String, String> {
    let wrong = || "Enter a time from 00:00 to 23:59, such as 14:30".to_owned();
    let (hours, minutes) = text.split_once([':', '.']).ok_or_else(wrong)?;
    let (hours, minutes): (u8, u8) =
        (hours.trim().parse().map_err(|_| wrong())?, minutes.trim().parse().map_err(|_| wrong())?);
    if hours > 23 || minutes > 59 { Err(wrong()) } else { Ok(format!("{hours:02}:{minutes:02}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_dates_and_times_are_read_as_people_write_them() {
        assert_eq!(number(" £12,500.50 "), "12500.50");
        assert_eq!(
            number("1,2"),
            "1,2",
            "this may be one and two tenths: the form says that it is no number"
        );
        assert_eq!(time("9:30"), Ok("09:30".to_owned()));
        assert!(time("24:00").is_err() && time("noon").is_err());
        assert_eq!(date("29", "2", "2016").map(|date| date.to_string()), Ok("2016-02-29".to_owned()));
        assert!(date("29", "2", "2015").is_err() && date("1", "1", "15").is_err());
        assert_eq!(date("", "1", "2015"), Err("The date must include a day".to_owned()));
    }
}
