//! Whether a page can be used by everybody: nothing breaks a rule of accessibility, is wider than the
//! screen, cut off, or too small to be touched.

use std::sync::{Arc, Mutex};

use anyhow::ensure;
use fantoccini::Client;
use serde_json::Value;

use crate::chrome::{self, Look};

/// What stands beyond the right edge of the box that holds it, or of the screen.
const CUT_OFF: &str =
    "return [...document.querySelectorAll('main .tag, main a, main p, main dd, main td, main h1, main label, main button, main legend')]
    .filter(e => !e.closest('.visually-hidden') && e.checkVisibility())
    .filter(e => {
        const box = e.closest('.table-frame, .record, .entry, .dispute') ?? document.documentElement;
        return e.getBoundingClientRect().right > Math.min(innerWidth, box.getBoundingClientRect().right) + 1;
    }).slice(0, 5).map(e => e.outerHTML)";

/// What can be touched and is smaller than a finger meets: 24 pixels, as the rules have it, and 44 in height
/// for what is written into or pressed on a screen that is touched. A label is touched with its box; a link
/// in the midst of a sentence is as high as its line.
const SMALL: &str = "const touched = arguments[0];
    const shown = e => e.checkVisibility({ visibilityProperty: true }) && !e.closest('.visually-hidden')
        && !e.matches('.visually-hidden, .skip:not(:focus)');
    const inSentence = e => e.tagName === 'A' && getComputedStyle(e).display === 'inline'
        && [...e.parentElement.childNodes].some(n => n !== e && n.textContent.trim() !== '');
    return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')]
        .filter(e => shown(e) && !inSentence(e))
        .filter(e => {
            const boxes = [e, ...(e.labels ?? [])].map(part => part.getBoundingClientRect());
            const across = Math.max(...boxes.map(b => b.right)) - Math.min(...boxes.map(b => b.left));
            const down = Math.max(...boxes.map(b => b.bottom)) - Math.min(...boxes.map(b => b.top));
            const pressed = e.matches('button, input, select, textarea, .button, .button-plain');
            return across < 24 || down < (touched && pressed ? 44 : 24) - 0.5;
        }).slice(0, 5).map(e => e.outerHTML)";

/// Looks at pages as one kind of browser shows them, and keeps what is wrong with them until it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Judge {
    name: &'static str,
    look: Look,
    axe: Option<String>,
    wrong: Arc<Mutex<Vec<String>>>,
}

impl Judge {
    /// For the pages of a story with this name; with axe-core's script where that is at hand.
    pub(crate) fn new(name: &'static str, look: Look, axe: Option<String>) -> Self {
        Self { name, look, axe, wrong: Arc::default() }
    }

    /// Takes a picture of the page, and looks at what is wrong with it.
    pub(crate) async fn look(&self, client: &Client, page: &str) -> anyhow::Result<()> {
        chrome::shoot(client, &format!("{}-{page}", self.name)).await?;
        let mut wrong = Vec::new();
        let wide = client
            .execute(
                "const r = document.documentElement; return [r.scrollWidth, window.innerWidth]",
                Vec::new(),
            )
            .await?;
        if wide[0].as_u64() > wide[1].as_u64() {
            wrong.push(format!("is wider than the screen: {} of {} pixels", wide[0], wide[1]));
        }
        if let Some((width, _)) = self.look.screen {
            ensure!(wide[1] == width, "the screen is {} wide", wide[1]);
        }
        let found = |list: Value| list.as_array().cloned().unwrap_or_default();
        for cut in found(client.execute(CUT_OFF, Vec::new()).await?) {
            wrong.push(format!("cuts something off: {cut}"));
        }
        for small in found(client.execute(SMALL, vec![self.look.screen.is_some().into()]).await?) {
            wrong.push(format!("has what is too small to touch: {small}"));
        }
        for broken in chrome::axe(client, self.axe.as_deref()).await? {
            wrong.push(format!("breaks a rule of accessibility: {broken}"));
        }
        let name = self.name;
        let wrong = wrong.into_iter().map(|wrong| format!("{page} ({name}) {wrong}"));
        self.wrong.lock().unwrap().extend(wrong);
        Ok(())
    }

    /// Fails with everything that was wrong on any page.
    pub(crate) fn verdict(&self) -> anyhow::Result<()> {
        let wrong = std::mem::take(&mut *self.wrong.lock().unwrap());
        ensure!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
        Ok(())
    }
}
