//! An evaluator at the board of a survey: asks, sees how far they are, reminds, reads, takes away.

use std::{path::Path, sync::Arc, time::Duration};

use alongside_domain::time::Millis;
use alongside_server::{
    people::{self, NewPerson},
    surveys::DAY_MS,
};
use anyhow::{Context as _, ensure};
use fantoccini::{Client, Locator};

use crate::{
    chrome,
    fixture::{TODAY, World},
    hand::{focused, heading, point_at, says, write},
    judge::Judge,
};

/// Who is asked, and in which area.
pub(crate) const ASKED: [(&str, &str); 2] =
    [("SEN lead of Durham", "840"), ("SEN lead of Darlington", "841")];

/// The address that signs an evaluator in.
pub(crate) fn sign_in(world: &World, address: &str) -> String {
    let store = &world.state.store;
    let partner = people::partner(store, TODAY, "The Evaluators").unwrap();
    let known = people::list(store).unwrap().into_iter().find(|row| row.name == "Edda Vale");
    let edda = known.map_or_else(
        || {
            let new = NewPerson {
                name: "Edda Vale".to_owned(),
                role: "EVALUATOR".to_owned(),
                partner,
                areas: Vec::new(),
            };
            people::add_person(store, TODAY, &world.programme, &new).unwrap()
        },
        |row| row.id,
    );
    format!("{address}/sign-in/{}", world.link(edda))
}

/// Opens the survey and asks two; gives the addresses of their links, and that of the board.
pub(crate) async fn ask(
    client: Client,
    judge: Judge,
    sign_in: String,
) -> anyhow::Result<(Vec<String>, String)> {
    enter(&client, &sign_in).await?;
    judge.look(&client, "surveys").await?;
    client.find(Locator::Css("#survey")).await?.select_by_value("SURV_LA").await?;
    write(&client, "name", "Round 2").await?;
    point_at(&client, ".invite button").await?;
    heading(&client, "Round 2").await?;
    judge.look(&client, "board-empty").await?;
    let board = client.current_url().await?.to_string();
    let mut links = Vec::new();
    for (label, area) in ASKED {
        invite(&client, label, area).await?;
        let link = client.wait().for_element(Locator::Css(".link-once")).await?.text().await?;
        links.push(link);
        if links.len() == 1 {
            judge.look(&client, "board-link").await?;
            // The same again is refused, and the way to put it right is shown.
            invite(&client, label, area).await?;
            client.wait().for_element(Locator::Css(".error-summary")).await?;
            ensure!(focused(&client).await?.attr("class").await?.as_deref() == Some("error-summary"));
            judge.look(&client, "board-problem").await?;
            point_at(&client, ".error-summary a").await?;
            ensure!(focused(&client).await?.attr("id").await?.as_deref() == Some("label"));
        }
        client.goto(&board).await?;
        ensure!(!client.source().await?.contains(&links[links.len() - 1]), "the link is shown once");
    }
    says(&client, &["0 answered, 0 started, 2 not started.", "County Durham", "Round 2"]).await?;
    Ok((links, board))
}

async fn enter(client: &Client, sign_in: &str) -> anyhow::Result<()> {
    client.goto(sign_in).await?;
    point_at(client, "main button").await?;
    heading(client, "Surveys").await
}

async fn invite(client: &Client, label: &str, area: &str) -> anyhow::Result<()> {
    write(client, "label", label).await?;
    client.find(Locator::Css("#says-area")).await?.select_by_value(area).await?;
    client.find(Locator::Css("#says-round")).await?.select_by_value("R2").await?;
    point_at(client, ".invite button").await?;
    Ok(())
}

/// What each of those asked is said to have done.
pub(crate) async fn stands(
    client: Client,
    sign_in: String,
    board: String,
    counts: String,
) -> anyhow::Result<()> {
    enter(&client, &sign_in).await?;
    client.goto(&board).await?;
    says(&client, &[&counts]).await
}

/// After 14 days: one is read, the other reminded, the answers are taken away.
pub(crate) async fn reap(
    client: Client,
    judge: Judge,
    (sign_in, board): (String, String),
    downloads: std::path::PathBuf,
) -> anyhow::Result<()> {
    enter(&client, &sign_in).await?;
    judge.look(&client, "surveys-due").await?;
    says(&client, &["1 of 2", "1 due"]).await?;
    client.goto(&board).await?;
    judge.look(&client, "board-due").await?;
    says(&client, &["1 answered, 1 started, 0 not started. 1 to remind.", "Due now", "1 of 9 questions"])
        .await?;
    point_at(&client, "form[action$='/reminded'] button").await?;
    client
        .wait()
        .for_element(Locator::XPath("//td[contains(., '1 reminder, last on 30 March 2015')]"))
        .await?;

    client.find(Locator::LinkText("Read them one by one")).await?.click().await?;
    heading(&client, "SEN lead of Durham").await?;
    judge.look(&client, "answer").await?;
    says(&client, &["County Durham", "Timeliness", "Much better", "Fewer appeals", "Willing"]).await?;

    client.goto(&board).await?;
    client.find(Locator::LinkText("Answers as a table (CSV)")).await?.click().await?;
    let csv = kept(&downloads, "surv_la-answers.csv").await?;
    let rows: Vec<&str> = csv.lines().collect();
    ensure!(rows.len() == 2 && rows[0].starts_with("record,respondent,form_version,area,round,"), "{csv}");
    ensure!(
        rows[1].contains("SEN lead of Durham") && rows[1].ends_with("840,R2,4,5,4,3,NK,4,Fewer appeals,5,"),
        "{csv}"
    );
    client.find(Locator::LinkText("with its codebook (JSON)")).await?.click().await?;
    let book: serde_json::Value = serde_json::from_str(&kept(&downloads, "surv_la-codebook.json").await?)?;
    ensure!(book.to_string().contains("Much better"), "the codebook has no labels");
    Ok(())
}

/// A file that the browser keeps, once it is whole.
async fn kept(downloads: &Path, name: &str) -> anyhow::Result<String> {
    let path = downloads.join(name);
    for _ in 0..100 {
        if path.exists() && !downloads.join(format!("{name}.crdownload")).exists() {
            return Ok(std::fs::read_to_string(&path)?);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(anyhow::anyhow!("the browser did not keep it")).with_context(|| name.to_owned())
}

/// Two weeks on.
pub(crate) fn wait_two_weeks(world: &World) {
    Arc::clone(&world.clock).set(Millis(TODAY.0 + 14 * DAY_MS));
}

/// Where this story's browser keeps files.
pub(crate) fn downloads(profile: &Path) -> std::path::PathBuf {
    chrome::downloads(profile)
}
