//! Forms by link, as people without an account fill them in: on a small phone, without a script, with the
//! keyboard alone, in the dark, from right to left.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use alongside_server::surveys::{self, Invitation};
use anyhow::{Context as _, ensure};
use fantoccini::{Client, Locator, key::Key};

use crate::{
    DESKTOP, NARROW, board,
    chrome::{self, Driver, Look},
    every_kind,
    fixture::{TODAY, World},
    hand::{choose, focused, heading, key, point_at, press, says, summary_leads, tab_to, text, write},
    judge::Judge,
    serve,
};

/// The smallest phone that people have.
const PHONE: Look = Look { screen: Some((320, 640)), ..DESKTOP };

/// Runs one story in a browser of its own, which is closed even when a check fails.
fn tell<T: Send + 'static, F: Future<Output = anyhow::Result<T>> + Send + 'static>(
    (world, driver): (&World, &Driver),
    (profile, look): (&Path, Look),
    name: &str,
    story: impl FnOnce(Client) -> F,
) -> T {
    world.runtime.block_on(async {
        let client = driver.browser(profile, look).await.unwrap();
        let outcome = tokio::spawn(story(client.clone())).await;
        client.close().await.unwrap();
        outcome.unwrap().with_context(|| format!("in the story `{name}`")).unwrap()
    })
}

#[test]
fn two_answer_by_link_and_an_evaluator_reads_it() {
    let Some(driver) = Driver::start().unwrap() else { return };
    let world = World::new(0);
    world.project();
    let scratch = tempfile::tempdir().unwrap();
    let axe = chrome::axe_script(scratch.path());
    let address = world.runtime.block_on(serve(&world)).unwrap();
    let whole = (&world, &driver);
    let profile = |name: &str| scratch.path().join(name);

    let narrow = Judge::new("narrow", NARROW, axe.clone());
    let link = board::sign_in(&world, &address);
    let (links, board) =
        tell(whole, (&profile("asks"), NARROW), "asks", |client| board::ask(client, narrow.clone(), link));
    let links: Vec<String> = links.iter().map(|link| format!("{address}{link}")).collect();
    let [first, second] = &links[..] else { panic!("{links:?}") };

    // Without a script, on a phone; and on with the same link in another browser.
    let plain = Look { script: false, ..PHONE };
    tell(whole, (&profile("begins"), plain), "begins", |client| begin_without_script(client, first.clone()));
    let link = board::sign_in(&world, &address);
    let begun = "0 answered, 1 started, 1 not started.".to_owned();
    tell(whole, (&profile("looks"), DESKTOP), "looks", |client| {
        board::stands(client, link, board.clone(), begun)
    });
    tell(whole, (&profile("ends"), plain), "ends", |client| end_without_script(client, first.clone()));
    tell(whole, (&profile("keys"), DESKTOP), "keys", |client| begin_with_keys(client, second.clone()));

    board::wait_two_weeks(&world);
    let link = board::sign_in(&world, &address);
    let downloads = board::downloads(&profile("reaps"));
    let place = (link, board);
    tell(whole, (&profile("reaps"), NARROW), "reaps", |client| {
        board::reap(client, narrow.clone(), place, downloads)
    });
    narrow.verdict().unwrap();
}

async fn begin_without_script(client: Client, link: String) -> anyhow::Result<()> {
    client.goto("data:text/html,<body>before<script>document.body.textContent='ran'</script>").await?;
    ensure!(client.source().await?.contains("before"), "scripts run in this browser");
    client.goto(&link).await?;
    heading(&client, "Local authority survey").await?;
    says(&client, &["You answer for", "County Durham", "It takes about 5 minutes"]).await?;
    point_at(&client, "button[value=start]").await?;
    heading(&client, "What has Independent Support changed in your area?").await?;
    press(&client, "next").await?;
    summary_leads(&client, "effect_timeliness").await?;
    choose(&client, "effect_timeliness", "5").await?;
    press(&client, "save").await?;
    heading(&client, "Your answers are saved").await?;
    Ok(())
}

async fn end_without_script(client: Client, link: String) -> anyhow::Result<()> {
    client.goto(&link).await?;
    heading(&client, "Local authority survey").await?;
    let go_on = client.find(Locator::Css("button[value=start]")).await?;
    ensure!(go_on.text().await? == "Go on");
    go_on.click().await?;
    heading(&client, "What has Independent Support changed").await?;
    let kept = client.find(Locator::Css("input[name=effect_timeliness][value='5']")).await?;
    ensure!(kept.is_selected().await?, "what was answered before is there");
    for (name, code) in [
        ("effect_timeliness", "4"),
        ("effect_disputes", "5"),
        ("effect_plan_quality", "4"),
        ("effect_workload", "3"),
        ("effect_cost", "NK"),
        ("effect_culture", "3"),
    ] {
        choose(&client, name, code).await?;
    }
    press(&client, "next").await?;
    heading(&client, "Tell us more").await?;
    write(&client, "effect_text", "Fewer appeals").await?;
    press(&client, "next").await?;
    heading(&client, "Funding").await?;
    choose(&client, "willing_to_fund", "5").await?;
    press(&client, "next").await?;
    heading(&client, "Check your answers").await?;
    says(&client, &["Much better", "Not known", "Fewer appeals", "Willing", "No answer"]).await?;
    // One is put right from there.
    point_at(&client, "#q-effect_culture .change").await?;
    heading(&client, "What has Independent Support changed").await?;
    choose(&client, "effect_culture", "4").await?;
    press(&client, "next").await?;
    client.goto(&format!("{link}/check")).await?;
    press(&client, "send").await?;
    heading(&client, "Your answers were sent").await?;
    client.back().await?;
    client.goto(&format!("{link}/page")).await?;
    says(&client, &["sent already"]).await
}

/// Nothing but the keyboard: one answer, then it is saved.
async fn begin_with_keys(client: Client, link: String) -> anyhow::Result<()> {
    client.goto(&link).await?;
    heading(&client, "Local authority survey").await?;
    tab_to(&client, "value", "start").await?.send_keys(&Key::Enter).await?;
    heading(&client, "What has Independent Support changed").await?;
    tab_to(&client, "value", "next").await?.send_keys(&Key::Enter).await?;
    summary_leads(&client, "effect_timeliness").await?;
    ensure!(focused(&client).await?.attr("name").await?.as_deref() == Some("effect_timeliness"));
    key(&client, " ").await?;
    key(&client, &Key::Down).await?;
    let chosen = client.find(Locator::Css("input[name=effect_timeliness]:checked")).await?;
    ensure!(chosen.attr("value").await?.as_deref() == Some("2"), "the arrows go from answer to answer");
    tab_to(&client, "value", "save").await?.send_keys(&Key::Enter).await?;
    heading(&client, "Your answers are saved").await
}

#[test]
fn every_kind_of_question_can_be_answered_everywhere() {
    let Some(driver) = Driver::start().unwrap() else { return };
    let world = World::of(every_kind::programme(), 0);
    let scratch = tempfile::tempdir().unwrap();
    let axe = chrome::axe_script(scratch.path());
    let address = world.runtime.block_on(serve(&world)).unwrap();
    let whole = (&world, &driver);
    let run =
        surveys::open(&world.state.store, TODAY, &world.programme, "ALL", "Spring", world.partner).unwrap();
    let dark = Look { dark: true, ..NARROW };
    for (name, look) in [("every-narrow", NARROW), ("every-dark", dark), ("every-desktop", DESKTOP)] {
        let invitation = Invitation { label: name.to_owned(), ..Invitation::default() };
        let (_, token) =
            surveys::invite(&world.state.store, TODAY, &world.programme, run.id, &invitation).unwrap();
        let link = format!("{address}/f/{}", token.reveal());
        let judge = Judge::new(name, look, axe.clone());
        tell(whole, (&scratch.path().join(name), look), name, |client| {
            answer_everything(client, judge.clone(), link)
        });
        judge.verdict().unwrap();
    }
    let links = surveys::links(&world.state.store, run.id).unwrap();
    assert!(links.len() == 3 && links.iter().all(|link| link.finished), "{links:?}");
}

/// Every page of a form of every kind, as it comes, with mistakes, and put right.
async fn answer_everything(client: Client, judge: Judge, link: String) -> anyhow::Result<()> {
    client.goto(&link).await?;
    judge.look(&client, "start").await?;
    point_at(&client, "button[value=start]").await?;
    heading(&client, "What are you called?").await?;
    judge.look(&client, "text").await?;
    press(&client, "next").await?;
    summary_leads(&client, "who").await?;
    judge.look(&client, "text-wrong").await?;
    write(&client, "who", "Kit").await?;
    // Enter in a box goes on, as the button that comes first in the eye.
    key_in(&client, "who", &Key::Enter).await?;
    heading(&client, "Numbers and days").await?;
    judge.look(&client, "numbers").await?;
    for (name, text) in [("years", "four"), ("when~day", "31"), ("when~month", "2"), ("when~year", "2015")] {
        write(&client, name, text).await?;
    }
    press(&client, "next").await?;
    summary_leads(&client, "years").await?;
    judge.look(&client, "numbers-wrong").await?;
    for (name, text) in [("years", "12"), ("cost", "£1,250.50"), ("when~day", "27"), ("clock", "9:30")] {
        write(&client, name, text).await?;
    }
    choose(&client, "score", "4").await?;
    press(&client, "next").await?;
    heading(&client, "Choices").await?;
    choose(&client, "liked", "no").await?;
    choose(&client, "fruits", "apple").await?;
    judge.look(&client, "lists").await?;
    press(&client, "next").await?;
    // The answer opened another question on the same page, which the browser is led to.
    client.wait().for_element(Locator::Css("#q-why_not")).await?;
    judge.look(&client, "lists-more").await?;
    choose(&client, "liked", "yes").await?;
    press(&client, "next").await?;
    heading(&client, "Visit").await?;
    judge.look(&client, "rows").await?;
    press(&client, "add:visit").await?;
    heading(&client, "Visit 1").await?;
    let place = client.find(Locator::Css("input[name$='/place']")).await?;
    let name = place.attr("name").await?.context("a box has no name")?;
    write(&client, &name, "At home").await?;
    judge.look(&client, "row").await?;
    key_in(&client, &name, &Key::Enter).await?;
    says(&client, &["Visit"]).await?;
    while text(&client).await?.contains("Add: Visit") {
        press(&client, "next").await?;
    }
    heading(&client, "Nearly done, Kit.").await?;
    judge.look(&client, "note").await?;
    press(&client, "next").await?;
    heading(&client, "Where are you?").await?;
    judge.look(&client, "place").await?;
    write(&client, "spot~lat", "54.77").await?;
    write(&client, "spot~lon", "-1.57").await?;
    press(&client, "next").await?;
    heading(&client, "A picture").await?;
    judge.look(&client, "picture").await?;
    press(&client, "next").await?;
    client.wait().for_element(Locator::Css("#q-agreed")).await?;
    judge.look(&client, "tick").await?;
    press(&client, "next").await?;
    summary_leads(&client, "agreed").await?;
    judge.look(&client, "tick-wrong").await?;
    choose(&client, "agreed", "OK").await?;
    point_at(&client, ".languages button[lang=ar]").await?;
    client.wait().for_element(Locator::Css("[dir=rtl]")).await?;
    judge.look(&client, "right-to-left").await?;
    client.goto(&format!("{link}/page?at=liked")).await?;
    judge.look(&client, "right-to-left-lists").await?;
    client.goto(&format!("{link}/check")).await?;
    heading(&client, "Check your answers").await?;
    judge.look(&client, "check").await?;
    says(&client, &["27 February 2015", "1250.50", "At home", "54.77 -1.57"]).await?;
    press(&client, "send").await?;
    heading(&client, "Your answers were sent").await?;
    judge.look(&client, "sent").await
}

/// Presses a key in a box.
async fn key_in(client: &Client, name: &str, pressed: &str) -> anyhow::Result<()> {
    Ok(client.find(Locator::Css(&format!("[name='{name}']"))).await?.send_keys(pressed).await?)
}

#[test]
fn every_page_of_the_programmes_surveys_fits_a_small_phone() {
    let Some(driver) = Driver::start().unwrap() else { return };
    let world = World::new(0);
    let scratch = tempfile::tempdir().unwrap();
    let axe = chrome::axe_script(scratch.path());
    let address = world.runtime.block_on(serve(&world)).unwrap();
    let programme = Arc::clone(&world.programme);
    let store = &world.state.store;
    let mut tours = Vec::new();
    for survey in programme.surveys.values() {
        let run = surveys::open(store, TODAY, &programme, &survey.code, "Spring", world.partner).unwrap();
        let form = &programme.forms[&survey.form];
        let says = survey.says.iter().map(|name| {
            let choices = programme.choices(form, form.question(name).unwrap());
            (name.clone(), choices.map_or("Families Together", |choices| &choices[0].name).to_owned())
        });
        let invitation = Invitation {
            label: "Somebody".to_owned(),
            says: says.collect(),
            group: run.group.is_none().then_some(world.case),
            days: None,
        };
        let (_, token) = surveys::invite(store, TODAY, &programme, run.id, &invitation).unwrap();
        let questions: Vec<String> = form.questions().map(|question| question.name.clone()).collect();
        tours.push((survey.code.clone(), format!("{address}/f/{}", token.reveal()), questions));
    }
    let judge = Judge::new("tour", NARROW, axe);
    tell((&world, &driver), (&scratch.path().join("tour"), NARROW), "tour", |client| {
        tour(client, judge.clone(), tours)
    });
    judge.verdict().unwrap();
}

/// Looks at each page of each form once.
async fn tour(client: Client, judge: Judge, tours: Vec<(String, String, Vec<String>)>) -> anyhow::Result<()> {
    for (code, link, questions) in tours {
        client.goto(&link).await?;
        judge.look(&client, &format!("{code}-start")).await?;
        let mut seen = BTreeSet::new();
        for question in questions {
            client.goto(&format!("{link}/page?at={question}")).await?;
            let page = client.find(Locator::Css("input[name=page]")).await?.attr("value").await?;
            if seen.insert(page.clone()) {
                judge.look(&client, &format!("{code}-{}", page.unwrap_or_default())).await?;
            }
        }
        ensure!(!seen.is_empty(), "{code} has no page");
    }
    Ok(())
}
