//! Merge facts: which of several live values is shown, and what their disagreement asks of people.

use super::{Disagreement, FieldView, LiveValue};
use crate::{form::MergePolicy, value::Value};

/// Settles the live values of one field. `None` where there is none.
///
/// Every value given is in the result, as the shown one or among the others. The result does not
/// depend on the order given. The later of two values is the one with the later claimed time, then
/// the greater operation id; the others follow from late to early. Values that are equal are no
/// disagreement: the others then tell who else wrote the same.
#[must_use]
pub fn settle(policy: &MergePolicy, mut live: Vec<LiveValue>) -> Option<FieldView> {
    live.sort_by_key(|value| std::cmp::Reverse((value.at, value.op)));
    let same = live.windows(2).all(|pair| pair[0].value == pair[1].value);
    let winner = live.iter().position(|candidate| wins(policy, &candidate.value));
    let disagreement = match policy {
        _ if same => Disagreement::None,
        MergePolicy::Set | MergePolicy::Protect(_) if winner.is_some() => Disagreement::Settled,
        // Not chosen and cleared are the same to a set.
        MergePolicy::Set if live.iter().all(|value| matches!(value.value, Value::Null | Value::Bool(_))) => {
            Disagreement::None
        }
        MergePolicy::Review => Disagreement::NeedsDecision,
        MergePolicy::Value
        | MergePolicy::Ordered
        | MergePolicy::Text
        | MergePolicy::Set
        | MergePolicy::Protect(_) => Disagreement::Shown,
    };
    if live.is_empty() {
        return None;
    }
    let shown = live.remove(winner.unwrap_or(0));
    Some(FieldView { shown, others: live, disagreement })
}

/// Whether a value is shown before any later one: a chosen code of a set (codes are united), the
/// value that a field is set to protect.
fn wins(policy: &MergePolicy, value: &Value) -> bool {
    match (policy, value) {
        (MergePolicy::Set, value) => *value == Value::Bool(true),
        (MergePolicy::Protect(protected), Value::Text(text)) => text == protected,
        (MergePolicy::Protect(protected), Value::Bool(chosen)) => *protected == chosen.to_string(),
        (MergePolicy::Protect(protected), Value::Integer(number)) => *protected == number.to_string(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::SizeRange};

    use super::*;
    use crate::{
        ids::{ActorId, ChangeHash},
        record::OpId,
        time::Millis,
    };

    fn said(value: impl Into<Value>, minute: i64, writer: u8) -> LiveValue {
        LiveValue {
            value: value.into(),
            op: OpId { counter: 10, actor: ActorId([writer; 16]) },
            change: ChangeHash([writer; 32]),
            at: Millis(minute * 60_000),
            author: None,
            device: None,
            clock_ahead: false,
        }
    }

    /// Settles, and tells what is shown and what is asked.
    fn outcome(policy: &MergePolicy, live: &[LiveValue]) -> (Value, Disagreement) {
        let field = settle(policy, live.to_vec()).unwrap();
        (field.shown.value, field.disagreement)
    }

    #[test]
    fn the_latest_is_shown_beside_the_others() {
        let live = [said("Hill Top", 1, 1), said("Brook", 2, 2)];
        assert_eq!(outcome(&MergePolicy::Value, &live), ("Brook".into(), Disagreement::Shown));
        assert_eq!(outcome(&MergePolicy::Ordered, &live), ("Brook".into(), Disagreement::Shown));
        assert_eq!(outcome(&MergePolicy::Review, &live), ("Brook".into(), Disagreement::NeedsDecision));
        let at_once = [said("Hill Top", 1, 2), said("Brook", 1, 1)];
        assert_eq!(outcome(&MergePolicy::Value, &at_once).0, "Hill Top".into());
    }

    #[test]
    fn a_code_that_anybody_chose_is_chosen() {
        let live = [said(Value::Bool(true), 1, 1), said(Value::Bool(false), 2, 2)];
        assert_eq!(outcome(&MergePolicy::Set, &live), (Value::Bool(true), Disagreement::Settled));
        let not_chosen = [said(Value::Null, 1, 1), said(Value::Bool(false), 2, 2)];
        assert_eq!(outcome(&MergePolicy::Set, &not_chosen), (Value::Bool(false), Disagreement::None));
        let strange = [said("yes", 1, 1), said(Value::Bool(false), 2, 2)];
        assert_eq!(outcome(&MergePolicy::Set, &strange), (Value::Bool(false), Disagreement::Shown));
    }

    #[test]
    fn the_protective_value_wins_whatever_the_clocks_say() {
        let confidential = MergePolicy::Protect("yes".into());
        let live = [said("yes", 1, 1), said("no", 9, 2), said(Value::Null, 10, 3)];
        assert_eq!(outcome(&confidential, &live), ("yes".into(), Disagreement::Settled));
        assert_eq!(outcome(&confidential, &live[1..]), (Value::Null, Disagreement::Shown));
        let marker = MergePolicy::Protect("true".into());
        let live = [said(Value::Bool(true), 1, 1), said(Value::Bool(false), 2, 2)];
        assert_eq!(outcome(&marker, &live), (Value::Bool(true), Disagreement::Settled));
    }

    #[test]
    fn those_who_say_the_same_do_not_disagree() {
        let field = settle(&MergePolicy::Review, vec![said("a", 1, 1), said("a", 2, 2)]).unwrap();
        assert_eq!(field.disagreement, Disagreement::None);
        assert_eq!((field.shown.at, field.others.len()), (Millis(120_000), 1));
        assert_eq!(settle(&MergePolicy::Value, Vec::new()), None);
    }

    fn any_policy() -> impl Strategy<Value = MergePolicy> {
        prop_oneof![
            Just(MergePolicy::Value),
            Just(MergePolicy::Set),
            Just(MergePolicy::Ordered),
            Just(MergePolicy::Text),
            Just(MergePolicy::Review),
            Just(MergePolicy::Protect("a".into())),
            Just(MergePolicy::Protect("true".into())),
        ]
    }

    fn any_live(count: impl Into<SizeRange>) -> impl Strategy<Value = Vec<LiveValue>> {
        let value = prop_oneof![
            Just(Value::Null),
            Just(Value::from("a")),
            Just(Value::from("b")),
            any::<bool>().prop_map(Value::Bool),
        ];
        prop::collection::vec((value, 0..3_i64), count).prop_map(|values| {
            values.into_iter().zip(0..).map(|((value, at), writer)| said(value, at, writer)).collect()
        })
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_does_not_matter(
            policy in any_policy(),
            (live, shuffled) in any_live(1..6).prop_flat_map(|live| (Just(live.clone()), Just(live).prop_shuffle())),
        ) {
            prop_assert_eq!(settle(&policy, live), settle(&policy, shuffled));
        }

        #[test]
        fn no_value_is_lost(policy in any_policy(), mut live in any_live(1..6)) {
            let field = settle(&policy, live.clone()).unwrap();
            let mut kept: Vec<_> = field.others.into_iter().chain([field.shown]).collect();
            kept.sort_by_key(|value| value.op);
            live.sort_by_key(|value| value.op);
            prop_assert_eq!(kept, live);
        }

        #[test]
        fn values_that_differ_are_flagged(policy in any_policy(), live in any_live(1..6)) {
            let field = settle(&policy, live.clone()).unwrap();
            let differ = live.iter().any(|value| value.value != live[0].value);
            let unchosen = policy == MergePolicy::Set
                && live.iter().all(|value| matches!(value.value, Value::Null | Value::Bool(false)));
            prop_assert_eq!(field.disagreement.is_none(), !differ || unchosen);
        }
    }
}
