//! The console in a real browser, as coordinators use it.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]
#![expect(clippy::print_stdout, reason = "a test says why it is skipped")]

use std::sync::Arc;

use alongside_domain::record::Document;
use alongside_server::api;
use anyhow::{Context as _, ensure};
use fantoccini::{Client, Locator, elements::Element, key::Key};

use chrome::{Driver, Look};
use judge::Judge;

mod board;
mod chrome;
#[path = "../../../sync-server/tests/console/every_kind.rs"]
mod every_kind;
#[path = "../../../sync-server/tests/console/fixture.rs"]
#[expect(dead_code, reason = "the handler tests use the rest of it")]
mod fixture;
mod hand;
mod judge;
mod links;

use fixture::World;

const DESKTOP: Look = Look { screen: None, dark: false, script: true };
/// Narrow, and high enough that a picture has the whole page.
const NARROW: Look = Look { screen: Some((320, 2400)), ..DESKTOP };

#[test]
fn a_coordinator_finds_a_case_and_sees_both_sides() {
    let Some(driver) = Driver::start().unwrap() else { return };
    let world = World::new(118);
    let again = world.entered_again();
    let child = world.state.store.changes_of(world.child).unwrap();
    let child = Document::load(child.iter().map(|change| &change.bytes[..])).unwrap().root().unwrap().group;
    let mut pair = [child, again.child];
    pair.sort_unstable();
    let scratch = tempfile::tempdir().unwrap();
    let axe_script = chrome::axe_script(scratch.path());
    let address = world.runtime.block_on(serve(&world)).unwrap();
    let stories: [(&str, Look); 4] = [
        ("desktop", DESKTOP),
        ("narrow", NARROW),
        ("dark", Look { dark: true, ..DESKTOP }),
        ("plain", Look { script: false, ..DESKTOP }),
    ];
    for (name, look) in stories {
        let link = format!("{address}/sign-in/{}", world.link(world.people.cora));
        let visit = Visit {
            address: address.clone(),
            link,
            case: format!("/cases/{}", world.case),
            supporter: world.people.asha.to_string(),
            contact: format!("/cases/{}/records/{}", world.case, world.contact),
            pair: format!("/areas/840/duplicates/{}/{}", pair[0], pair[1]),
            judge: Judge::new(name, look, axe_script.clone()),
            name,
        };
        let profile = scratch.path().join(name);
        world.runtime.block_on(async {
            let client = driver.browser(&profile, look).await.unwrap();
            // In a task of its own, so that the browser is closed even when a check fails.
            let outcome = tokio::spawn(visit.run(client.clone())).await;
            client.close().await.unwrap();
            outcome.unwrap().with_context(|| format!("in the story `{name}`")).unwrap();
        });
    }
}

/// Serves the world's pages on a free port.
async fn serve(world: &World) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let routes = api::router(&world.state, Some(world.pages()));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

/// One visit of the coordinator.
struct Visit {
    address: String,
    link: String,
    case: String,
    /// Who has the case.
    supporter: String,
    /// A record of the case.
    contact: String,
    /// The page that compares the child of the story with one who was entered again.
    pair: String,
    judge: Judge,
    name: &'static str,
}

impl Visit {
    async fn run(self, client: Client) -> anyhow::Result<()> {
        let visit = Arc::new(self);
        visit.sign_in(&client).await?;
        visit.tell(&client).await?;
        visit.judge.verdict()
    }

    async fn tell(self: &Arc<Self>, client: &Client) -> anyhow::Result<()> {
        let visit = self;
        match visit.name {
            "plain" => visit.without_script(client).await,
            "dark" => visit.look_at_all(client).await,
            "narrow" => visit.look_at_all(client).await,
            _ => {
                visit.look_at_all(client).await?;
                visit.keyboard(client).await?;
                visit.list(client).await?;
                visit.case(client).await?;
                visit.one_child(client).await?;
                visit.hand_over(client).await?;
                visit.sign_out(client).await
            }
        }
    }

    async fn sign_in(&self, client: &Client) -> anyhow::Result<()> {
        client.goto(&self.link).await?;
        if self.name != "plain" {
            self.check(client, "sign-in").await?;
        }
        client.find(Locator::Css("main button")).await?.click().await?;
        let heading = client.wait().for_element(Locator::XPath("//h1[contains(., 'Your areas')]")).await?;
        ensure!(heading.is_displayed().await?);
        ensure!(!client.current_url().await?.as_str().contains("sign-in"), "the token left the address");
        Ok(())
    }

    /// Every page, as a whole: no violation, nothing wider than the screen.
    async fn look_at_all(&self, client: &Client) -> anyhow::Result<()> {
        let pages = [
            ("overview", "/".to_owned()),
            ("list", "/areas/840".to_owned()),
            ("problem", "/areas/840?status=NOPE&page=x".to_owned()),
            ("empty", "/areas/841".to_owned()),
            ("case", self.case.clone()),
            ("duplicates", "/areas/840/duplicates".to_owned()),
            ("compare", self.pair.clone()),
            ("people", "/areas/840/people".to_owned()),
            ("caseload", format!("/areas/840/people/{}?all=yes", self.supporter)),
            ("nobody", "/areas/840/people/nobody".to_owned()),
            ("who-has", format!("{}/people", self.case)),
            ("change", format!("{}/edit", self.contact)),
            ("move", format!("{}/move?q=C", self.contact)),
            ("missing", "/areas/000".to_owned()),
        ];
        for (name, path) in pages {
            client.goto(&format!("{}{path}", self.address)).await?;
            self.check(client, name).await?;
        }
        Ok(())
    }

    async fn check(&self, client: &Client, page: &str) -> anyhow::Result<()> {
        self.judge.look(client, page).await
    }

    /// The first stop of the keyboard is the skip link; it shows, and leads to the main part.
    async fn keyboard(&self, client: &Client) -> anyhow::Result<()> {
        client.goto(&format!("{}/areas/840", self.address)).await?;
        client.find(Locator::Css("body")).await?.send_keys(&Key::Tab).await?;
        let skip = Element::from_element_id(client.clone(), client.active_element().await?.element_id());
        ensure!(skip.text().await? == "Skip to main content");
        let (_, top, ..) = skip.rectangle().await?;
        ensure!(top >= 0.0, "the skip link is outside the screen");
        let outline = skip.css_value("outline-style").await?;
        let shadow = skip.css_value("box-shadow").await?;
        ensure!(outline != "none" || shadow != "none", "the focus does not show");
        skip.send_keys(&Key::Enter).await?;
        let main = client.active_element().await?;
        ensure!(main.attr("id").await?.as_deref() == Some("main"), "the skip link does not lead to main");
        Ok(())
    }

    async fn list(&self, client: &Client) -> anyhow::Result<()> {
        client.goto(&format!("{}/areas/840", self.address)).await?;
        ensure!(self.summary(client).await?.starts_with("Showing 1 to 50 of 120 cases"));
        client.find(Locator::Css("a[rel=next]")).await?.click().await?;
        client.wait().for_element(Locator::Css("[aria-current=page][aria-label='Page 2']")).await?;
        ensure!(self.summary(client).await?.starts_with("Showing 51 to 100 of 120 cases"));

        client.find(Locator::XPath("//thead//a[starts-with(., 'Reference')]")).await?.click().await?;
        client
            .wait()
            .for_element(Locator::XPath("//th[@aria-sort='ascending'][contains(., 'Reference')]"))
            .await?;
        let first = client.find(Locator::Css("tbody tr:first-child .row-link")).await?.text().await?;
        ensure!(first == "840-C-00001", "the first line is {first}");

        client.find(Locator::Css("#status")).await?.select_by_value("CLOSED").await?;
        client.find(Locator::Css(".filters button")).await?.click().await?;
        client.wait().for_element(Locator::LinkText("Clear filters")).await?;
        for row in client.find_all(Locator::Css("tbody td[data-label=Status]")).await? {
            ensure!(row.text().await? == "Closed");
        }
        client.find(Locator::LinkText("Clear filters")).await?.click().await?;
        client.wait().for_element(Locator::Css("#q")).await?.send_keys("taz").await?;
        client.find(Locator::Css(".filters button")).await?.click().await?;
        client.wait().for_element(Locator::LinkText("Clear filters")).await?;
        ensure!(self.summary(client).await?.starts_with("Showing 1 to 1 of 1 case that match"));
        Ok(())
    }

    async fn case(&self, client: &Client) -> anyhow::Result<()> {
        client.find(Locator::LinkText("840-C-00001")).await?.click().await?;
        client.wait().for_element(Locator::Css("#disagreements")).await?;
        ensure!(client.current_url().await?.path() == self.case);
        let text = client.find(Locator::Css("#disagreements")).await?.text().await?;
        for told in [
            "4 May 2006",
            "14 May 2006",
            "Asha Karim",
            "Ben Lowe",
            "14 March 2015, 10:00am",
            "without network",
        ] {
            ensure!(text.contains(told), "the page does not tell `{told}`: {text}");
        }
        let entry = client.find(Locator::Css(".timeline details summary")).await?;
        entry.click().await?;
        ensure!(client.find(Locator::Css(".timeline details[open] dl")).await?.is_displayed().await?);
        Ok(())
    }

    /// Two that are one are compared, merged, and two again.
    async fn one_child(&self, client: &Client) -> anyhow::Result<()> {
        client.goto(&format!("{}/areas/840", self.address)).await?;
        client.find(Locator::LinkText("Possible duplicates")).await?.click().await?;
        client
            .wait()
            .for_element(Locator::XPath("//a[starts-with(., 'Compare the two')]"))
            .await?
            .click()
            .await?;
        let merge = Locator::XPath("//button[contains(., 'They are one')]");
        client.wait().for_element(merge).await?.click().await?;
        let problem = client.wait().for_element(Locator::Css(".error-summary a")).await?;
        self.check(client, "compare-problem").await?;
        problem.click().await?;
        client.find(Locator::Css("#kept-0")).await?.click().await?;
        client.find(merge).await?.click().await?;
        client.wait().for_element(Locator::XPath("//button[starts-with(., 'Undo')]")).await?;
        self.check(client, "merged").await?;
        client.find(Locator::XPath("//button[starts-with(., 'Undo')]")).await?.click().await?;
        let undone = Locator::XPath("//dt[contains(., 'Undone by')]");
        client.wait().for_element(undone).await?;
        Ok(())
    }

    /// A case is given to somebody else; what is missing is said first.
    async fn hand_over(&self, client: &Client) -> anyhow::Result<()> {
        client.goto(&format!("{}{}", self.address, self.case)).await?;
        client.find(Locator::LinkText("Who has this case")).await?.click().await?;
        let give = Locator::XPath("//button[. = 'Give it']");
        client.wait().for_element(give).await?.click().await?;
        let problem = client.wait().for_element(Locator::Css(".error-summary a")).await?;
        self.check(client, "hand-over-problem").await?;
        problem.click().await?;
        let person = client.find(Locator::Css("#person")).await?;
        person.select_by_label("Ben Lowe").await?;
        client.find(Locator::Css("#reason")).await?.select_by_value("LEAVE").await?;
        client.find(Locator::Css("#form-cover")).await?.click().await?;
        client.find(Locator::Css("#to")).await?.send_keys("03202015").await?;
        client.find(give).await?.click().await?;
        client.wait().for_element(Locator::XPath("//*[@role='status'][contains(., 'Written')]")).await?;
        self.check(client, "handed-over").await
    }

    async fn sign_out(&self, client: &Client) -> anyhow::Result<()> {
        client.find(Locator::Css(".who button")).await?.click().await?;
        client.wait().for_element(Locator::XPath("//h1[contains(., 'You are signed out')]")).await?;
        client.goto(&format!("{}/areas/840", self.address)).await?;
        ensure!(!client.source().await?.contains("840-C-"));
        Ok(())
    }

    async fn without_script(&self, client: &Client) -> anyhow::Result<()> {
        client.goto("data:text/html,<body>before<script>document.body.textContent='ran'</script>").await?;
        ensure!(client.source().await?.contains("before"), "scripts run in this browser");
        client.goto(&format!("{}/areas/840?q=taz", self.address)).await?;
        ensure!(self.summary(client).await?.starts_with("Showing 1 to 1 of 1 case"));
        client.find(Locator::LinkText("840-C-00001")).await?.click().await?;
        client.wait().for_element(Locator::Css("#disagreements .side-value")).await?;
        Ok(())
    }

    async fn summary(&self, client: &Client) -> anyhow::Result<String> {
        Ok(client.find(Locator::Css("#list")).await?.text().await?)
    }
}
