//! Drawing a page of a form, what was answered so far, and what was saved.

use std::collections::BTreeMap;

use alongside_domain::form::{QuestionKind, expr::Scalar};
use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse as _, Redirect, Response},
};

use super::{
    SaidPage, Visit,
    controls::{self, Control},
    language,
    posted::Posted,
    steps,
};
use crate::{
    console::{error::PageError, frame::Frame, words},
    surveys::answer::Filling,
};

/// One question on the page.
pub(in crate::console) struct Field {
    pub(in crate::console) key: String,
    pub(in crate::console) id: String,
    pub(in crate::console) label: String,
    pub(in crate::console) hint: String,
    pub(in crate::console) guidance: String,
    pub(in crate::console) optional: bool,
    pub(in crate::console) error: Option<String>,
    pub(in crate::console) control: Control,
    /// The headings that begin here.
    pub(in crate::console) headings: Vec<String>,
    /// The row that ends with this question: its key, and what it is called.
    pub(in crate::console) ends: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "form_page.html")]
struct QuestionPage {
    frame: Frame,
    form_title: String,
    title: String,
    /// Whether the page asks one question, which is its heading then.
    single: bool,
    number: usize,
    pages: usize,
    at: String,
    fields: Vec<Field>,
    has_errors: bool,
    has_files: bool,
    /// Repeats that can grow here: key and label.
    grow: Vec<(String, String)>,
    languages: Vec<language::Offered>,
    speech: language::Speech,
    action: String,
}

/// The id of a question in the page.
pub(in crate::console) fn id(key: &str) -> String {
    format!("q-{}", key.replace('/', "-"))
}

/// A page of the form; the answers that were not taken as they were written.
pub(super) fn page(
    visit: &Visit<'_>,
    filling: &Filling,
    errors: &BTreeMap<String, String>,
    posted: Option<&Posted>,
    status: StatusCode,
) -> Result<Response, PageError> {
    let pages = steps::pages(visit, filling);
    let at = steps::find(&pages, &filling.at).unwrap_or(0);
    let Some(page) = pages.get(at) else {
        return Ok(Redirect::to(&visit.address("/check")).into_response());
    };
    let lang = filling.language.as_str();
    let mut before: Vec<String> = Vec::new();
    let mut fields: Vec<Field> = Vec::new();
    for (place, key) in page.questions.iter().enumerate() {
        let Some(question) = steps::question(visit.form, key) else { continue };
        let Some(state) = filling.session.state(key, &visit.around) else { continue };
        let all = with_rows(visit, filling, key);
        let same = before.iter().zip(&all).take_while(|(one, other)| one == other).count();
        let headings = all[same..].to_vec();
        before = all;
        let error = errors.get(key).cloned();
        let typed = posted.filter(|_| error.is_some());
        let row = key.rsplit_once('/').map(|(row, _)| row.to_owned());
        let next = page.questions.get(place + 1);
        let ends = row.filter(|row| next.is_none_or(|next| !next.starts_with(&format!("{row}/"))));
        let ends = ends.filter(|row| {
            let repeat = row.rsplit_once('/').map_or("", |(repeat, _)| repeat);
            pages.iter().any(|page| page.rows.iter().any(|grows| grows == repeat))
        });
        fields.push(Field {
            id: id(key),
            label: spoken(visit, filling, key, &state.label),
            hint: spoken(visit, filling, key, question.hint.get(lang).unwrap_or_default()),
            guidance: question.guidance_hint.get(lang).unwrap_or_default().to_owned(),
            optional: !state.required && question.kind != QuestionKind::Note && !state.read_only,
            error,
            control: controls::control(&visit.asking(filling), key, question, typed),
            headings,
            ends: ends.map(|row| {
                let name = with_rows(visit, filling, key).last().cloned().unwrap_or_default();
                (row, name)
            }),
            key: key.clone(),
        });
    }
    let grow: Vec<(String, String)> = page
        .rows
        .iter()
        .map(|repeat| (repeat.clone(), steps::repeat_label(visit.form, repeat, lang)))
        .collect();
    let single = fields.len() == 1 && grow.is_empty();
    let first_heading = fields.first_mut().and_then(|field| {
        if single {
            field.headings.clear();
            None
        } else if field.headings.is_empty() {
            None
        } else {
            Some(field.headings.remove(0))
        }
    });
    let title = match (single, fields.first(), grow.first()) {
        (true, Some(field), _) => field.label.clone(),
        (_, Some(_), _) => first_heading.unwrap_or_else(|| visit.form.title.clone()),
        (_, None, Some((_, label))) => label.clone(),
        (_, None, None) => visit.form.title.clone(),
    };
    let drawn = QuestionPage {
        frame: visit.frame(),
        form_title: visit.form.title.clone(),
        title,
        single,
        number: at + 1,
        pages: pages.len(),
        at: steps::anchor(page),
        has_errors: !errors.is_empty(),
        has_files: fields.iter().any(|field| matches!(field.control, Control::File { .. })),
        fields,
        grow,
        languages: language::offered(visit.form, &visit.console.programme.code_lists, lang),
        speech: language::speech(visit.form, lang),
        action: visit.address("/page"),
    };
    Ok((status, Html(drawn.render()?)).into_response())
}

/// The headings around a question; rows with their number.
fn with_rows(visit: &Visit<'_>, filling: &Filling, key: &str) -> Vec<String> {
    let mut headings = steps::headings(visit.form, key, &filling.language);
    if let Some((row, _)) = key.rsplit_once('/')
        && let Some((repeat, _)) = row.rsplit_once('/')
    {
        let (within, name) = match repeat.rsplit_once('/') {
            Some((within, name)) => (Some(within), name),
            None => (None, repeat),
        };
        let place = filling.session.row_keys(name, within).iter().position(|known| known == row);
        let label = steps::repeat_label(visit.form, repeat, &filling.language);
        if headings.last() == Some(&label) {
            headings.pop();
        }
        headings.push(format!("{label} {}", place.map_or(1, |place| place + 1)));
    }
    headings
}

/// A text with the answers that it names (`${name}`) in their words.
fn spoken(visit: &Visit<'_>, filling: &Filling, key: &str, text: &str) -> String {
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        said.push_str(before);
        let Some((name, after)) = from.split_once('}') else {
            said.push_str("${");
            rest = from;
            continue;
        };
        // The nearest one: of the same row, or of a row around it, or of the form.
        let mut around = key.rsplit_once('/').map(|(row, _)| row);
        let mut found = None;
        while let Some(row) = around {
            let there = format!("{row}/{name}");
            if filling.session.value_of(&there).is_some() {
                found = Some(there);
                break;
            }
            around = row.rsplit_once('/').and_then(|(repeat, _)| repeat.rsplit_once('/')).map(|(row, _)| row);
        }
        let named = found.unwrap_or_else(|| name.to_owned());
        said.push_str(&in_words(visit, filling, &named));
        rest = after;
    }
    said.push_str(rest);
    said
}

/// An answer as its respondent reads it.
fn in_words(visit: &Visit<'_>, filling: &Filling, key: &str) -> String {
    let Some(value) = filling.session.value_of(key) else { return String::new() };
    let text = value.text(&visit.around.zone);
    let Some(question) = steps::question(visit.form, key) else { return text };
    match (&question.kind, value) {
        (_, Scalar::Date(date)) => words::date(*date),
        (QuestionKind::Acknowledge, Scalar::Text(_) | Scalar::Boolean(true)) => "Yes".to_owned(),
        (QuestionKind::Media(_), _) => {
            text.parse::<alongside_domain::media::MediaRef>().map_or(text.clone(), |media| media.in_words())
        }
        (kind, _) if kind.choices().is_some() => {
            let choices = filling.session.choices(key, 0, &visit.around);
            let label = |code: &str| {
                let choice = choices.iter().find(|choice| choice.name == code);
                choice.and_then(|choice| choice.label.get(&filling.language)).unwrap_or(code).to_owned()
            };
            // The answer of a row may have blanks.
            if matches!(kind, QuestionKind::SelectOne(_)) {
                return label(&text);
            }
            text.split_whitespace().map(label).collect::<Vec<_>>().join(", ")
        }
        _ => text,
    }
}

/// A line of what was answered.
struct Line {
    label: String,
    value: String,
    change: String,
    id: String,
    error: Option<String>,
    headings: Vec<String>,
}

#[derive(Template)]
#[template(path = "form_check.html")]
struct CheckPage {
    frame: Frame,
    form_title: String,
    lines: Vec<Line>,
    has_errors: bool,
    speech: language::Speech,
    back: String,
    action: String,
}

/// What was answered, to be looked over before it is sent; with what is missing where that was tried.
pub(super) fn check(visit: &Visit<'_>, filling: &Filling, tried: bool) -> Result<Response, PageError> {
    let mut before: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for page in steps::pages(visit, filling) {
        for key in &page.questions {
            let Some(state) = filling.session.state(key, &visit.around) else { continue };
            let is_note =
                steps::question(visit.form, key).is_none_or(|question| question.kind == QuestionKind::Note);
            if is_note || state.read_only {
                continue;
            }
            let all = with_rows(visit, filling, key);
            let same = before.iter().zip(&all).take_while(|(one, other)| one == other).count();
            let headings = all[same..].to_vec();
            before = all;
            let mut change = form_urlencoded::Serializer::new(String::new());
            change.append_pair("at", key);
            lines.push(Line {
                label: spoken(visit, filling, key, &state.label),
                value: in_words(visit, filling, key),
                change: visit.address(&format!("/page?{}#{}", change.finish(), id(key))),
                id: id(key),
                error: state.trouble.filter(|_| tried).map(|trouble| trouble.message),
                headings,
            });
        }
    }
    let has_errors = lines.iter().any(|line| line.error.is_some());
    let drawn = CheckPage {
        frame: visit.frame(),
        form_title: visit.form.title.clone(),
        has_errors,
        lines,
        speech: language::speech(visit.form, &filling.language),
        back: visit.address("/page"),
        action: visit.address("/check"),
    };
    let status = if tried { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, Html(drawn.render()?)).into_response())
}

/// What was answered so far is kept.
pub(super) fn saved(visit: &Visit<'_>) -> Result<Response, PageError> {
    let page = SaidPage {
        frame: visit.frame(),
        title: "Your answers are saved",
        lines: vec![
            format!("Come back with the same link until {}. You go on where you stopped.", visit.until()),
            "Keep the link to yourself: whoever has it can read what you wrote so far.".to_owned(),
        ],
        back: Some(visit.address("/page")),
    };
    Ok(Html(page.render()?).into_response())
}
