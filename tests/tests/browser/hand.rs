//! What a hand does on a page: points, types, and goes from stop to stop with the keyboard alone.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use fantoccini::{Client, Locator, elements::Element, key::Key};

/// Most stops of the keyboard between two things on a page.
const MOST_STOPS: usize = 120;

/// Does it again while what it has found is gone already, because another page came meanwhile.
async fn steady<T, F: Future<Output = anyhow::Result<T>>>(mut doing: impl FnMut() -> F) -> anyhow::Result<T> {
    for _ in 0..50 {
        match doing().await {
            Err(error) if is_gone(&error) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            done => return done,
        }
    }
    doing().await
}

/// The driver has two ways to say it.
fn is_gone(error: &anyhow::Error) -> bool {
    let said = format!("{error:#}");
    ["stale element", "does not belong to the document"].iter().any(|words| said.contains(words))
}

pub(crate) async fn point_at(client: &Client, css: &str) -> anyhow::Result<()> {
    steady(|| async move {
        let element = client.find(Locator::Css(css)).await.with_context(|| format!("there is no `{css}`"))?;
        element.click().await.with_context(|| format!("`{css}` cannot be pointed at"))?;
        Ok(())
    })
    .await
}

/// Points at the label of an answer, as a thumb does.
pub(crate) async fn choose(client: &Client, key: &str, code: &str) -> anyhow::Result<()> {
    steady(|| async move {
        let input = client
            .find(Locator::Css(&format!("input[name='{key}'][value='{code}']")))
            .await
            .with_context(|| format!("`{key}` has no answer `{code}`"))?;
        let id = input.attr("id").await?.context("an answer has no id")?;
        let label = client.find(Locator::Css(&format!("label[for='{id}']"))).await?;
        label.click().await?;
        ensure!(input.is_selected().await?, "`{code}` is not chosen after its label was touched");
        Ok(())
    })
    .await
}

pub(crate) async fn write(client: &Client, name: &str, text: &str) -> anyhow::Result<()> {
    steady(|| async move {
        let box_ = client
            .find(Locator::Css(&format!("[name='{name}']")))
            .await
            .with_context(|| format!("there is no box `{name}`"))?;
        box_.clear().await?;
        box_.send_keys(text).await?;
        Ok(())
    })
    .await
}

/// Presses a button of the form by what it sends, and waits until the page has gone: whatever is looked for next
/// is on the next one.
pub(crate) async fn press(client: &Client, go: &str) -> anyhow::Result<()> {
    let page = client.find(Locator::Css("html")).await?;
    point_at(client, &format!(".go button[name=go][value='{go}'], .remove button[value='{go}']")).await?;
    for _ in 0..200 {
        if page.is_displayed().await.is_err() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the page is still there after `{go}` was pressed")
}

/// Waits until the page says this in its heading.
pub(crate) async fn heading(client: &Client, says: &str) -> anyhow::Result<()> {
    let found = client
        .wait()
        .at_most(Duration::from_secs(20))
        .for_element(Locator::XPath(&format!("//h1[contains(., \"{says}\")]")))
        .await;
    if found.is_err() {
        bail!("no heading says `{says}` on {}: {}", client.current_url().await?, text(client).await?);
    }
    Ok(())
}

/// What the page says.
pub(crate) async fn text(client: &Client) -> anyhow::Result<String> {
    steady(|| async { Ok(client.find(Locator::Css("body")).await?.text().await?) }).await
}

pub(crate) async fn says(client: &Client, words: &[&str]) -> anyhow::Result<()> {
    let page = text(client).await?;
    for said in words {
        ensure!(page.contains(said), "the page does not say `{said}`: {page}");
    }
    Ok(())
}

/// Where the keyboard is.
pub(crate) async fn focused(client: &Client) -> anyhow::Result<Element> {
    Ok(Element::from_element_id(client.clone(), client.active_element().await?.element_id()))
}

/// Presses a key where the keyboard is.
pub(crate) async fn key(client: &Client, key: &str) -> anyhow::Result<()> {
    Ok(focused(client).await?.send_keys(key).await?)
}

/// Goes on with the tabulator to what has this attribute, which has to show that the keyboard is there.
pub(crate) async fn tab_to(client: &Client, attribute: &str, value: &str) -> anyhow::Result<Element> {
    for _ in 0..MOST_STOPS {
        key(client, &Key::Tab).await?;
        let there = focused(client).await?;
        if there.attr(attribute).await?.as_deref() == Some(value) {
            let outline = there.css_value("outline-style").await?;
            let shadow = there.css_value("box-shadow").await?;
            ensure!(outline != "none" || shadow != "none", "the focus does not show on {attribute}={value}");
            return Ok(there);
        }
    }
    bail!("the keyboard does not come to {attribute}={value} on {}", client.current_url().await?)
}

/// The summary of what is wrong has the keyboard, and its first line leads to what is wrong: the keyboard is
/// there, or its next stop is.
pub(crate) async fn summary_leads(client: &Client, key_of: &str) -> anyhow::Result<()> {
    client.wait().for_element(Locator::Css(".error-summary")).await?;
    let there = focused(client).await?;
    ensure!(
        there.attr("class").await?.as_deref() == Some("error-summary"),
        "the summary has not the keyboard, but {}",
        there.html(false).await?
    );
    ensure!(client.title().await?.starts_with("Error: "), "the title does not say that something is wrong");
    key(client, &Key::Tab).await?;
    let link = focused(client).await?;
    ensure!(link.tag_name().await? == "a", "no link follows the summary");
    link.send_keys(&Key::Enter).await?;
    let is_of = |element: Element| async move {
        let name = element.attr("name").await?.unwrap_or_default();
        Ok::<_, anyhow::Error>(name.split('~').next() == Some(key_of))
    };
    if !is_of(focused(client).await?).await? {
        key(client, &Key::Tab).await?;
        let there = focused(client).await?;
        let html = there.html(false).await?;
        ensure!(is_of(there).await?, "the summary's link does not lead to `{key_of}`, but to {html}");
    }
    Ok(())
}
