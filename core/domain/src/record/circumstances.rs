//! How the circumstances of a change stand in its message: compact text, one part after the other,
//! `;` between them: `zEurope/London`, `o` for offline, and last `r` with the reason, which may
//! hold anything. A part that begins with another letter was written by a newer version and is
//! passed over.

use super::Circumstances;

/// What a change's message says of its circumstances.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stated {
    /// IANA name of the writer's zone; empty where the message does not say.
    pub zone: String,
    /// Whether the writer had no network.
    pub offline: bool,
    /// Why, where a reason was given.
    pub reason: Option<String>,
}

/// Writes zone, offline and reason as the message of a change.
#[must_use]
pub fn encode(circumstances: &Circumstances) -> String {
    let zone = circumstances.zone.replace(';', "");
    let mut message = format!("z{zone}");
    if circumstances.offline {
        message.push_str(";o");
    }
    if let Some(reason) = &circumstances.reason {
        message.push_str(";r");
        message.push_str(reason);
    }
    message
}

/// Reads a message. Nothing is refused: what is not understood is passed over.
#[must_use]
pub fn decode(message: Option<&str>) -> Stated {
    let mut stated = Stated::default();
    let mut rest = message;
    while let Some(text) = rest {
        if let Some(reason) = text.strip_prefix('r') {
            stated.reason = Some(reason.to_owned());
            break;
        }
        let (part, after) = match text.split_once(';') {
            Some((part, after)) => (part, Some(after)),
            None => (text, None),
        };
        if let Some(zone) = part.strip_prefix('z') {
            zone.clone_into(&mut stated.zone);
        } else if part == "o" {
            stated.offline = true;
        }
        rest = after;
    }
    stated
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ids::ActorId, time::Millis};

    fn at_home(offline: bool, reason: Option<&str>) -> Circumstances {
        Circumstances {
            actor: ActorId([1; 16]),
            at: Millis(1_425_391_800_000),
            zone: "Europe/London".into(),
            offline,
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn the_message_is_compact() {
        insta::assert_snapshot!(
            [
                encode(&at_home(false, None)),
                encode(&at_home(true, None)),
                encode(&at_home(false, Some("Mum rang; wrong date"))),
                encode(&at_home(true, Some(""))),
            ]
            .join("\n"),
            @r"
        zEurope/London
        zEurope/London;o
        zEurope/London;rMum rang; wrong date
        zEurope/London;o;r
        "
        );
    }

    #[test]
    fn what_a_newer_version_adds_is_passed_over() {
        let stated = decode(Some("zEurope/Paris;x42;battery=7;o;;rbecause; of x"));
        assert_eq!(
            stated,
            Stated { zone: "Europe/Paris".into(), offline: true, reason: Some("because; of x".into()) }
        );
        assert_eq!(decode(None), Stated::default());
        assert_eq!(decode(Some("")), Stated::default());
        assert_eq!(decode(Some("{\"json\":1}")), Stated::default());
    }

    proptest! {
        #[test]
        fn circumstances_read_back(zone in "[A-Za-z/_+-]{0,20}", offline: bool, reason: Option<String>) {
            let written = Circumstances { zone: zone.clone(), reason: reason.clone(), ..at_home(offline, None) };
            prop_assert_eq!(decode(Some(&encode(&written))), Stated { zone, offline, reason });
        }

        #[test]
        fn no_message_is_refused(message: String) {
            let stated = decode(Some(&message));
            prop_assert!(stated.zone.len() <= message.len());
        }
    }
}
