//! Group sessions: one contact for each case, with a shared id; what was spent on all of them is split so
//! that the sum is exact.

use serde::Deserialize;

use super::FieldRef;

/// Where the records of a group session are told apart from others, and what is split over them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionParts {
    /// The question that holds the id which the records of one session share.
    pub id: FieldRef,
    /// The questions of the same form whose answers are split.
    pub split: Vec<FieldRef>,
}

/// Splits a whole into shares in proportion to weights, by largest remainder: the sum of the shares is the
/// whole. Of equal remainders the first gets more. With weights of nothing, the shares are equal.
#[must_use]
pub fn shares(whole: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    let equal = vec![1_u64; weights.len()];
    let (weights, sum) = if sum == 0 { (&equal[..], equal.len() as u128) } else { (weights, sum) };
    if weights.is_empty() {
        return Vec::new();
    }
    let mut shares = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    for (at, weight) in weights.iter().enumerate() {
        let product = u128::from(whole) * u128::from(*weight);
        // A share is at most the whole.
        shares.push(u64::try_from(product / sum).unwrap_or(whole));
        remainders.push((product % sum, at));
    }
    let left = usize::try_from(whole - shares.iter().sum::<u64>()).unwrap_or(0);
    remainders.sort_by_key(|(remainder, at)| (std::cmp::Reverse(*remainder), *at));
    for (_, at) in remainders.iter().take(left) {
        shares[*at] += 1;
    }
    shares
}

/// Splits an exact decimal (`12.5`) into equal shares with as many places; `None` for a text that is no
/// such number.
#[must_use]
pub fn decimal_shares(whole: &str, count: usize) -> Option<Vec<String>> {
    let (before, after) = whole.split_once('.').unwrap_or((whole, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if before.is_empty() || !digits(before) || !digits(after) || after.len() > 6 {
        return None;
    }
    let scale = 10_u64.pow(u32::try_from(after.len()).ok()?);
    let scaled = before.parse::<u64>().ok()?.checked_mul(scale)?;
    let scaled = scaled.checked_add(if after.is_empty() { 0 } else { after.parse().ok()? })?;
    let text = |share: u64| match after.len() {
        0 => share.to_string(),
        places => format!("{}.{:0places$}", share / scale, share % scale),
    };
    Some(shares(scaled, &vec![1; count]).into_iter().map(text).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_cannot_be_split_evenly_goes_by_largest_remainder() {
        assert_eq!(shares(50, &[1, 1, 1]), [17, 17, 16]);
        assert_eq!(shares(60, &[2, 1, 1]), [30, 15, 15]);
        assert_eq!(shares(10, &[3, 3, 1]), [4, 4, 2], "4.29, 4.29 and 1.43: the largest remainder gets it");
        assert_eq!(shares(2, &[1, 1, 1]), [1, 1, 0]);
        assert_eq!(shares(7, &[0, 0]), [4, 3]);
        assert_eq!(shares(7, &[]), [0; 0]);
    }

    #[test]
    fn miles_keep_their_places() {
        assert_eq!(decimal_shares("12.5", 3).unwrap(), ["4.2", "4.2", "4.1"]);
        assert_eq!(decimal_shares("9", 2).unwrap(), ["5", "4"]);
        for wrong in ["", ".5", "1.2.3", "-1", "a", "1.0000000"] {
            assert_eq!(decimal_shares(wrong, 2), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn the_sum_is_exact_and_each_share_is_next_to_its_due(
            whole in 0..10_000_u64,
            weights in prop::collection::vec(0..600_u64, 1..12),
        ) {
            let shares = shares(whole, &weights);
            prop_assert_eq!(shares.iter().sum::<u64>(), whole);
            let sum: u64 = weights.iter().sum();
            for (share, weight) in shares.iter().zip(&weights) {
                let Some(due) = (whole * weight).checked_div(sum) else { continue };
                prop_assert!(*share == due || *share == due + 1);
            }
        }
    }
}
