//! A real browser: chromedriver on a free port, Chromium without a screen.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, bail};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

const DRIVER: &str = "/usr/bin/chromedriver";

/// chromedriver, ended when this is dropped.
pub(crate) struct Driver {
    process: Child,
    address: String,
}

impl Driver {
    /// Starts chromedriver; `None`, with the reason printed, where there is none, or the variable `BROWSER_TESTS`
    /// says `skip`. Where it says `required`, that there is none is a failure.
    pub(crate) fn start() -> anyhow::Result<Option<Self>> {
        if std::env::var("BROWSER_TESTS").is_ok_and(|value| value == "skip") {
            println!("skipped: BROWSER_TESTS=skip");
            return Ok(None);
        }
        if !Path::new(DRIVER).exists() {
            if std::env::var("BROWSER_TESTS").is_ok_and(|value| value == "required") {
                bail!("BROWSER_TESTS=required, but there is no {DRIVER}: install chromium-driver");
            }
            println!("skipped: there is no {DRIVER}; install chromium-driver to run the browser test");
            return Ok(None);
        }
        let mut process = Command::new(DRIVER)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("chromedriver could not be started")?;
        let output = process.stdout.take().context("chromedriver has no output")?;
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some(port) = line.rsplit("on port ").next().filter(|_| line.contains("successfully")) {
                let address = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                return Ok(Some(Self { process, address }));
            }
        }
        process.kill()?;
        bail!("chromedriver ended before it said its port")
    }

    /// A fresh browser with a profile of its own.
    pub(crate) async fn browser(&self, profile: &Path, look: Look) -> anyhow::Result<Client> {
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        if look.dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let mut options = json!({ "args": arguments });
        if let Some((width, height)) = look.screen {
            // Where no script may run, the driver's finger never comes back: it points as a mouse does.
            let touch = look.script;
            options["mobileEmulation"] = json!({ "deviceMetrics": { "width": width, "height": height, "pixelRatio": 1.0, "mobile": touch, "touch": touch } });
        }
        options["prefs"] = json!({ "download.default_directory": downloads(profile) });
        if !look.script {
            options["prefs"]["profile.managed_default_content_settings.javascript"] = json!(2);
        }
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&self.address)
            .await
            .context("the browser did not start")?;
        if look.screen.is_none() {
            client.set_window_size(1280, 1000).await?;
        }
        Ok(client)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It ends with the test in any case; there is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How the browser looks at the pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// A small screen that is touched: its width and height.
    pub(crate) screen: Option<(u32, u32)>,
    pub(crate) dark: bool,
    /// Whether pages may run scripts.
    pub(crate) script: bool,
}

/// Where the browser of this profile keeps what it is told to keep.
pub(crate) fn downloads(profile: &Path) -> PathBuf {
    profile.join("downloads")
}

/// Takes a picture of the whole page into the folder that `BROWSER_SHOTS` names, if it does.
pub(crate) async fn shoot(client: &Client, name: &str) -> anyhow::Result<()> {
    let Ok(folder) = std::env::var("BROWSER_SHOTS") else { return Ok(()) };
    let height = client.execute("return document.documentElement.scrollHeight", Vec::new()).await?;
    let (width, _) = client.get_window_size().await?;
    let height = height.as_u64().unwrap_or(1000).clamp(600, 6000);
    client.set_window_size(u32::try_from(width)?, u32::try_from(height + 140)?).await?;
    std::fs::create_dir_all(&folder)?;
    std::fs::write(Path::new(&folder).join(format!("{name}.png")), client.screenshot().await?)?;
    client.set_window_size(u32::try_from(width)?, 1000).await?;
    Ok(())
}

/// The rules of axe-core that the page breaks, with the elements; empty where axe is not at hand.
pub(crate) async fn axe(client: &Client, axe: Option<&str>) -> anyhow::Result<Vec<String>> {
    let Some(axe) = axe else { return Ok(Vec::new()) };
    client.execute(axe, Vec::new()).await?;
    let script = "const done = arguments[arguments.length - 1];
        axe.run(document, {
            runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
            // Left out unless it is asked for by name.
            rules: { 'target-size': { enabled: true } },
        })
           .then(result => done(result.violations), error => done([{ id: String(error), nodes: [] }]));";
    let found = client.execute_async(script, Vec::new()).await?;
    let broken = found.as_array().cloned().unwrap_or_default();
    Ok(broken
        .iter()
        .map(|rule| {
            let nodes = rule["nodes"].as_array().cloned().unwrap_or_default();
            let first: Vec<String> = nodes.iter().take(3).map(|node| node["html"].to_string()).collect();
            let why = nodes.first().map_or(Value::Null, |node| node["failureSummary"].clone());
            format!("{} ({} times): {} {why}", rule["id"], nodes.len(), first.join(" "))
        })
        .collect())
}

/// axe-core's script: from the file that `AXE_SCRIPT` names, or by npm into a temporary folder.
pub(crate) fn axe_script(folder: &Path) -> Option<String> {
    if let Ok(path) = std::env::var("AXE_SCRIPT") {
        return Some(std::fs::read_to_string(path).expect("AXE_SCRIPT names axe.min.js"));
    }
    let installed = Command::new("npm")
        .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
        .arg(folder)
        .arg("axe-core@4")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let script = std::fs::read_to_string(folder.join("node_modules/axe-core/axe.min.js")).ok();
    if script.is_none() {
        println!(
            "axe-core is left out: npm could not fetch it ({installed:?}); AXE_SCRIPT may name axe.min.js"
        );
    }
    script
}
