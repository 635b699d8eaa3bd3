//! Texts that name answers between their words (`${name}`).

/// A text with what is said for each name in it. What is not closed stays as it is.
pub(crate) fn with_names(text: &str, mut say: impl FnMut(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, after)) = from.split_once('}') else {
            out.push_str("${");
            rest = from;
            continue;
        };
        out.push_str(&say(name.trim()));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::with_names;

    #[test]
    fn names_are_said_and_the_rest_stays() {
        let say = |name: &str| format!("<{name}>");
        for (text, said) in [
            ("", ""),
            ("as it is $ {a}", "as it is $ {a}"),
            ("${a}", "<a>"),
            ("Of ${ a } and ${b}.", "Of <a> and <b>."),
            ("${a", "${a"),
            ("${a ${b}", "<a ${b>"),
        ] {
            assert_eq!(with_names(text, say), said, "{text}");
        }
    }
}
