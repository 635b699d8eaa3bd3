//! Taking a page in: its answers, then where its button leads.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    form::QuestionKind,
    media::{self, MediaRef},
    programme::entry::Answer,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};

use super::{Visit, controls, posted::Posted, show, steps};
use crate::{
    blobs,
    console::error::PageError,
    surveys::answer::{self, Filling},
};

/// Most questions of one page.
const MOST_ASKED: usize = 2_000;
/// Most files behind one link.
const MOST_FILES: usize = 20;
/// The consent under which a file comes that somebody attaches by their own hand.
const SCOPE: &str = "SURVEY";

/// Takes a page in. `None` where another page of the same link was saved meanwhile: once more, then.
pub(super) fn page(visit: &Visit<'_>, posted: &Posted) -> Result<Option<Response>, PageError> {
    let asked: BTreeSet<&str> = posted.all("asked").iter().map(String::as_str).collect();
    if asked.len() > MOST_ASKED {
        return Err(PageError::TooMuch);
    }
    for name in posted.names() {
        let key = name.split('~').next().unwrap_or(name);
        if !["go", "page", "asked"].contains(&name) && !asked.contains(key) {
            return Err(PageError::NotOfForm);
        }
    }
    let mut filling = visit.filling()?;
    let at = posted.one("page").ok_or(PageError::NotOfForm)?.to_owned();
    let go = posted.one("go").unwrap_or("next");
    let before = steps::pages(visit, &filling);
    let shown: BTreeSet<String> = steps::find(&before, &at)
        .and_then(|at| before.get(at))
        .map(|page| page.questions.iter().cloned().collect())
        .unwrap_or_default();

    let mut errors = BTreeMap::new();
    for key in &asked {
        let question = steps::question(visit.form, key).ok_or(PageError::NotOfForm)?;
        let may_answer = answer::is_shown(&question.kind)
            && question.kind != QuestionKind::Note
            && !visit.survey.leaves_out(&question.name);
        if !may_answer {
            return Err(PageError::NotOfForm);
        }
        let Some(state) = filling.session.state(key, &visit.around) else {
            // A row that was taken away in another window.
            if key.contains('/') {
                continue;
            }
            return Err(PageError::NotOfForm);
        };
        if state.read_only {
            return Err(PageError::NotOfForm);
        }
        let read = match file(visit, &filling, key, &question.kind, posted)? {
            Some(read) => read.map(Some),
            None => controls::read(&visit.asking(&filling), key, question, posted),
        };
        match read {
            Ok(None) => {}
            Ok(Some(answer)) => {
                if let Err(error) = filling.session.answer(key, &answer, &visit.around) {
                    errors.insert((*key).to_owned(), error.to_string());
                }
            }
            Err(error) => {
                errors.insert((*key).to_owned(), error);
            }
        }
    }

    let pages = steps::pages(visit, &filling);
    // The first question of the page may not be asked any more.
    let here = steps::find(&pages, &at)
        .or_else(|| asked.iter().find_map(|key| steps::find(&pages, key)))
        .or_else(|| steps::find(&pages, &filling.at));
    if let Some(page) = here.and_then(|here| pages.get(here)) {
        filling.at = steps::anchor(page);
        if go == "next" {
            for key in &page.questions {
                let trouble = filling.session.state(key, &visit.around).and_then(|state| state.trouble);
                // What was not on the page yet cannot be missing.
                if let Some(trouble) = trouble.filter(|_| shown.contains(key)) {
                    errors.entry(key.clone()).or_insert(trouble.message);
                }
            }
        }
    }
    if !errors.is_empty() {
        if !visit.save(&filling)? {
            return Ok(None);
        }
        let page = show::page(visit, &filling, &errors, Some(posted), StatusCode::UNPROCESSABLE_ENTITY)?;
        return Ok(Some(page));
    }

    let to = lead(visit, &mut filling, &pages, here, &shown, go)?;
    if let Some(language) = go.strip_prefix("language:") {
        filling = filling.speak(&visit.compiled, language, &visit.around)?;
    }
    if !visit.save(&filling)? {
        return Ok(None);
    }
    if go == "save" {
        return show::saved(visit).map(Some);
    }
    Ok(Some(Redirect::to(&visit.address(&to)).into_response()))
}

/// Where the button leads, and what it does on the way.
fn lead(
    visit: &Visit<'_>,
    filling: &mut Filling,
    pages: &[alongside_domain::form::session::Page],
    here: Option<usize>,
    shown: &BTreeSet<String>,
    go: &str,
) -> Result<String, PageError> {
    let (action, what) = go.split_once(':').unwrap_or((go, ""));
    match action {
        "next" => {
            let page = here.and_then(|here| pages.get(here));
            // Answers may have opened more questions on the same page.
            let opened = page.and_then(|page| page.questions.iter().find(|key| !shown.contains(*key)));
            if let Some(opened) = opened {
                return Ok(format!("/page#{}", show::id(opened)));
            }
            match here.and_then(|here| pages.get(here + 1)) {
                Some(next) => {
                    filling.at = steps::anchor(next);
                    Ok("/page".to_owned())
                }
                None => Ok("/check".to_owned()),
            }
        }
        "back" => match here.and_then(|here| here.checked_sub(1)).and_then(|before| pages.get(before)) {
            Some(before) => {
                filling.at = steps::anchor(before);
                Ok("/page".to_owned())
            }
            None => Ok(String::new()),
        },
        "add" => {
            let is_here = here
                .and_then(|here| pages.get(here))
                .is_some_and(|page| page.rows.iter().any(|repeat| repeat == what));
            if !is_here {
                return Err(PageError::NotOfForm);
            }
            let (within, repeat) = match what.rsplit_once('/') {
                Some((within, repeat)) => (Some(within), repeat),
                None => (None, what),
            };
            let (row, _) =
                filling.session.add_row(repeat, within, &visit.around).map_err(|_| PageError::TooMuch)?;
            let pages = steps::pages(visit, filling);
            let of_row = format!("{row}/");
            let first = pages.iter().flat_map(|page| &page.questions).find(|key| key.starts_with(&of_row));
            if let Some(first) = first {
                let page = steps::find(&pages, first).and_then(|at| pages.get(at));
                filling.at = page.map(steps::anchor).unwrap_or_default();
                return Ok(format!("/page#{}", show::id(first)));
            }
            Ok("/page".to_owned())
        }
        "remove" => {
            filling.session.remove_row(what, &visit.around).map_err(|_| PageError::NotOfForm)?;
            // The page may be gone: that where rows are added is the nearest.
            let pages = steps::pages(visit, filling);
            if steps::find(&pages, &filling.at).is_none() {
                let repeat = what.rsplit_once('/').map_or(what, |(repeat, _)| repeat);
                filling.at = format!("+{repeat}");
            }
            Ok("/page".to_owned())
        }
        "save" => Ok(String::new()),
        "language" => {
            let lists = &visit.console.programme.code_lists;
            let offered = super::language::offered(visit.form, lists, "");
            if offered.iter().any(|offered| offered.name == what) {
                Ok("/page".to_owned())
            } else {
                Err(PageError::NotOfForm)
            }
        }
        _ => Err(PageError::NotOfForm),
    }
}

/// The file of a question, kept; `None` where none came.
fn file(
    visit: &Visit<'_>,
    filling: &Filling,
    key: &str,
    kind: &QuestionKind,
    posted: &Posted,
) -> Result<Option<Result<Answer, String>>, PageError> {
    let (QuestionKind::Media(kind), Some(file)) = (kind, posted.file(key)) else { return Ok(None) };
    let media_type = file.media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let fits = kind == "file" || media_type.starts_with(&format!("{kind}/"));
    if !fits || media::check_labels(&media_type, SCOPE).is_err() {
        let wanted = match kind.as_str() {
            "image" => "a picture",
            "audio" => "a recording",
            "video" => "a film",
            _ => "a file of a known kind",
        };
        return Ok(Some(Err(format!("Choose {wanted}"))));
    }
    let pages = filling.session.pages();
    let held = pages.iter().flat_map(|page| page.questions.clone()).filter(|other| {
        let is_file = steps::question(visit.form, other)
            .is_some_and(|question| matches!(question.kind, QuestionKind::Media(_)));
        let value = filling.session.value_of(other).map(|value| value.text(&visit.around.zone));
        is_file && other != key && value.is_some_and(|value| !value.is_empty())
    });
    if held.count() >= MOST_FILES {
        return Ok(Some(Err(format!("There are {MOST_FILES} files already: take one away first"))));
    }
    let console = visit.console;
    let kept = blobs::local::keep(
        &console.store,
        visit.link.group,
        &file.bytes,
        blobs::MOST_GROUP_BYTES,
        console.clock.now(),
    )?;
    let Some(hash) = kept else {
        return Ok(Some(Err(
            "There is no room for this file: send a smaller one, or leave it out".to_owned()
        )));
    };
    let reference = MediaRef::new(hash, file.bytes.len() as u64, &media_type, SCOPE);
    Ok(Some(match reference {
        Ok(reference) => Ok(Answer::Text(reference.to_string())),
        Err(error) => Err(error.to_string()),
    }))
}
