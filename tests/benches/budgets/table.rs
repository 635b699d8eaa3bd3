//! The table: one row per measure, for people and as JSON.

use serde_json::{Value, json};

/// What a row has to keep to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Budget {
    /// The value is at most so many times the yardstick.
    RatioAtMost(f64),
    /// The value is at least so many times the yardstick.
    RatioAtLeast(f64),
    /// The value itself is at most this.
    AtMost(f64),
    /// The value itself is at least this.
    AtLeast(f64),
}

/// One measure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// What was measured, with the unit of value and yardstick in brackets.
    pub(crate) measure: String,
    pub(crate) value: f64,
    /// What it is held against, measured in the same run; `None` where the budget is a plain number.
    pub(crate) yardstick: Option<f64>,
    /// `None`: reported only.
    pub(crate) budget: Option<Budget>,
}

impl Row {
    /// A value held against a yardstick.
    pub(crate) fn against(measure: impl Into<String>, value: f64, yardstick: f64, budget: Budget) -> Self {
        Self { measure: measure.into(), value, yardstick: Some(yardstick), budget: Some(budget) }
    }

    /// A value held against a number.
    pub(crate) fn plain(measure: impl Into<String>, value: f64, budget: Budget) -> Self {
        Self { measure: measure.into(), value, yardstick: None, budget: Some(budget) }
    }

    /// A value that is reported only.
    pub(crate) fn reported(measure: impl Into<String>, value: f64, yardstick: Option<f64>) -> Self {
        Self { measure: measure.into(), value, yardstick, budget: None }
    }

    /// Value by yardstick.
    pub(crate) fn ratio(&self) -> Option<f64> {
        self.yardstick.map(|yardstick| self.value / yardstick)
    }

    /// Whether the budget is kept; `None` where there is none. What could not be computed is a miss.
    pub(crate) fn ok(&self) -> Option<bool> {
        let ratio = self.ratio().unwrap_or(f64::NAN);
        self.budget.map(|budget| match budget {
            Budget::RatioAtMost(most) => ratio <= most,
            Budget::RatioAtLeast(least) => ratio >= least,
            Budget::AtMost(most) => self.value <= most,
            Budget::AtLeast(least) => self.value >= least,
        })
    }

    fn budget_text(&self) -> Option<String> {
        self.budget.map(|budget| match budget {
            Budget::RatioAtMost(most) => format!("ratio <= {most}"),
            Budget::RatioAtLeast(least) => format!("ratio >= {least}"),
            Budget::AtMost(most) => format!("<= {most}"),
            Budget::AtLeast(least) => format!(">= {least}"),
        })
    }

    fn json(&self) -> Value {
        json!({
            "measure": self.measure,
            "value": rounded(self.value),
            "yardstick": self.yardstick.map(rounded),
            "ratio": self.ratio().map(rounded),
            "budget": self.budget_text(),
            "ok": self.ok(),
        })
    }
}

fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

/// The rows as a JSON array.
pub(crate) fn json(rows: &[Row]) -> String {
    let rows: Vec<Value> = rows.iter().map(Row::json).collect();
    serde_json::to_string_pretty(&rows).unwrap_or_default()
}

/// The rows for a terminal.
pub(crate) fn text(rows: &[Row]) -> String {
    const HEADS: [&str; 6] = ["measure", "value", "yardstick", "ratio", "budget", "ok"];
    let mut lines: Vec<[String; 6]> = vec![HEADS.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        [
            row.measure.clone(),
            number(row.value),
            row.yardstick.map(number).unwrap_or_default(),
            row.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            row.budget_text().unwrap_or_default(),
            row.ok().map_or("", |ok| if ok { "yes" } else { "NO" }).to_owned(),
        ]
    }));
    let wide: [usize; 6] = std::array::from_fn(|column| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)
    });
    let mut out = String::new();
    for line in lines {
        let [measure, cells @ ..] = &line;
        out.push_str(&format!("{measure:<width$}", width = wide[0]));
        for (cell, width) in cells.iter().zip(&wide[1..]) {
            out.push_str(&format!("  {cell:>width$}"));
        }
        out.push('\n');
    }
    out
}

fn number(number: f64) -> String {
    match number.abs() {
        size if size >= 1_000.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}
