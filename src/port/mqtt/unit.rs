//! Whether the unit that a publisher states can be the one that is configured. Converts nothing.
//!
//! Units are free text on both sides, so only what is certainly another one is refused: percent and a fraction are a factor of hundred
//! apart, percent and cases per 100,000 a factor of thousand, and all of them look plausible.

use super::rejected::Rejected;
use crate::domain::rules::MetricRules;

/// Ways of writing units that are mistaken for each other. Compared without white space, in lower case.
const FAMILIES: [&[&str]; 4] = [
    &["%", "percent", "prozent", "pct"],
    &["1", "fraction", "ratio", "anteil"],
    &["‰", "promille", "permille"],
    &["/100k", "/100000", "/100.000", "per100k", "per100000", "per100,000", "je100.000", "je100000", "pro100.000", "pro100000"],
];

/// # Errors
/// If both units are known and not the same.
pub(super) fn agrees(metric: &MetricRules, stated: &str) -> Result<(), Rejected> {
    let Some(configured) = &metric.unit else { return Ok(()) };
    match (family(configured), family(stated)) {
        (Some(known), Some(other)) if known != other => Err(Rejected::OtherUnit { configured: configured.clone() }),
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

fn family(unit: &str) -> Option<usize> {
    let unit: String = unit.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    // Einwohner are always meant.
    let unit = unit.strip_suffix("einwohner").unwrap_or(&unit);
    FAMILIES.iter().position(|family| family.contains(&unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Name;
    use crate::domain::rules::MetricKind;

    #[test]
    fn only_what_is_certainly_another_unit_is_refused() {
        let agrees = |configured: Option<&str>, stated| {
            let name = Name::new("share").expect("a name");
            let metric = MetricRules { unit: configured.map(str::to_owned), ..MetricRules::new(name, "Anteil", MetricKind::Rate) };
            agrees(&metric, stated).is_ok()
        };
        for (configured, stated) in [
            (Some("%"), "%"),
            (Some("%"), " Prozent"),
            (Some("%"), "Betten"),
            (Some("je 100.000"), "/100k"),
            (Some("je 100.000 Einwohner"), "pro 100 000"),
            (Some("gc/L"), "1"),
            (Some("Betten"), "%"),
            (None, "%"),
            (Some("%"), ""),
        ] {
            assert!(agrees(configured, stated), "{configured:?} {stated}");
        }
        for (configured, stated) in [("%", "1"), ("%", "ratio"), ("%", "/100k"), ("je 100.000", "%"), ("%", "‰"), ("Anteil", "%")] {
            assert!(!agrees(Some(configured), stated), "{configured} {stated}");
        }
    }
}
