//! The gate: what must not get through, and what must. Real figures are judged in `tests/sim/replay`.

use super::*;
use crate::domain::ids::Name;
use proptest::prelude::*;

const FIRST: i32 = 18_600;

fn value(text: &str) -> Value {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}").parse().expect("digits");
    Value::new(digits, fraction.len() as u8).expect("a small one")
}

fn whole(number: i64) -> Value {
    Value::new(number, 0).expect("a small one")
}

/// These values on as many days.
fn daily(values: &[&str]) -> Baseline {
    let mut baseline = Baseline::new(Day(FIRST), value(values[0]));
    for (day, text) in (FIRST..).zip(values) {
        baseline.accept(Day(day), value(text));
    }
    baseline
}

/// So many days on which it rose by as much.
fn steady(total: i64, rise: i64, days: i32) -> Baseline {
    let mut baseline = Baseline::new(Day(FIRST), whole(total));
    for day in 1..days {
        baseline.accept(Day(FIRST + day), whole(total + rise * i64::from(day)));
    }
    baseline
}

/// What is thought of that value, so many days after the latest.
fn after(kind: MetricKind, baseline: &Baseline, days: i32, new: &str) -> &'static str {
    let (latest, _) = baseline.latest().expect("a figure");
    word(&judge(&GateRules::default(), kind, Some(baseline), Day(latest.0 + days), value(new)))
}

fn word(judgement: &Judgement) -> &'static str {
    match judgement {
        Judgement::Plausible => "plausible",
        Judgement::Lower => "lower",
        Judgement::Implausible(suspicion) => suspicion.code(),
    }
}

#[test]
fn totals() {
    let total = daily(&["12402", "12431", "12490", "12512", "12580", "12600", "12663"]);
    for (days, new, thought) in [
        (1, "12735", "plausible"),
        (1, "12663", "plausible"),
        (1, "12660", "lower"),
        (1, "12595", "lower"),
        (1, "12594", "total-fell"),
        (1, "12", "total-fell"),
        (1, "1273", "total-fell"),
        (1, "0", "total-fell"),
        (1, "-1", "negative"),
        (1, "12867", "plausible"), // three times the largest rise, 68
        (1, "12868", "jump"),
        (3, "13003", "plausible"), // it may have risen on each of the days
        (3, "13004", "jump"),
        (1, "126630", "jump"),
        (1, "112735", "jump"),
        (400, "50652", "jump"),
        (700, "50652", "plausible"), // four times as much, after two years
        (9999, "50653", "jump"),
        // The same day: compared with what was known before it, and lower than it was is a correction.
        (0, "12700", "plausible"),
        (0, "12640", "lower"),
        (0, "12600", "lower"),
        (0, "1266", "total-fell"),
        // Days that have passed.
        (-1, "12590", "lower"),
        (-1, "1259", "total-fell"),
        (-20, "3", "plausible"),
    ] {
        assert_eq!(after(MetricKind::Total, &total, days, new), thought, "{days} days later: {new}");
    }
}

#[test]
fn small_totals() {
    for (known, new, thought) in [
        ("0", "10", "plausible"),
        ("0", "11", "jump"),
        ("1", "0", "total-fell"),
        ("5", "4", "lower"),
        ("5", "3", "total-fell"),
        ("31", "28", "lower"),
        ("31", "3", "total-fell"),
        ("31", "331", "jump"),
        ("478", "597", "plausible"), // nothing is known of its rises: a quarter
        ("478", "598", "jump"),
    ] {
        assert_eq!(after(MetricKind::Total, &daily(&[known]), 1, new), thought, "{known}, then {new}");
    }
}

#[test]
fn counts() {
    let week = ["21", "34", "28", "30", "19", "0", "0", "41", "25"];
    for (baseline, days, new, thought) in [
        (daily(&week), 1, "123", "plausible"),
        (daily(&week), 1, "124", "jump"),
        (daily(&week), 1, "250", "jump"),
        (daily(&week), 2, "164", "plausible"), // a longer gap than ever: four times
        (daily(&week), 30, "205", "plausible"),
        (daily(&week), 30, "206", "jump"),
        (daily(&week), 1, "0", "plausible"),   // weekends
        (daily(&week), 1, "-41", "plausible"), // corrections
        (daily(&week), 1, "-42", "negative"),
        // Beds: never empty, so one that is nearly is another column.
        (daily(&["31", "30", "33", "34", "31", "29", "28", "30"]), 1, "12", "plausible"),
        (daily(&["31", "30", "33", "34", "31", "29", "28", "30"]), 1, "3", "drop"),
        (daily(&["31", "30", "33", "34", "31", "29", "28", "30"]), 1, "305", "jump"),
        // A first week.
        (daily(&["250"]), 2, "0", "plausible"),
        (daily(&["0"]), 2, "250", "plausible"),
        (daily(&["25"]), 2, "250", "jump"),
        // Long nothing, then something.
        (daily(&["0"; 15]), 1, "10", "plausible"),
        (daily(&["0"; 15]), 1, "11", "jump"),
    ] {
        assert_eq!(after(MetricKind::Count, &baseline, days, new), thought, "{baseline:?}, {days} days later {new}");
    }
}

#[test]
fn rates() {
    let incidence = ["61.0", "57.4", "63.9", "58.2", "57.4", "60.1", "55.8", "57.4"];
    for (baseline, new, thought) in [
        (daily(&incidence), "62.5", "plausible"),
        (daily(&incidence), "120", "plausible"),
        (daily(&incidence), "574", "jump"),
        (daily(&incidence), "5.74", "drop"),
        (daily(&incidence), "0.574", "drop"),
        (daily(&incidence), "0", "drop"),
        (daily(&incidence), "-57.4", "negative"),
        (daily(&["57.4"]), "574", "jump"),
        (daily(&["57.4"]), "5.74", "drop"),
        // Summer in a small district: one household more.
        (daily(&["0", "0", "0", "0", "0", "0", "0", "0"]), "7.5", "plausible"),
        (daily(&["0", "1.5", "1.5", "0", "0", "2.9", "1.5", "1.5"]), "10.2", "plausible"),
        (daily(&["0", "1.5", "1.5", "0", "0", "2.9", "1.5", "1.5"]), "15", "jump"),
        // Temperatures: below zero for the first time is looked at, then it is known.
        (daily(&["4.5", "3.1", "1.2"]), "-0.4", "negative"),
        (daily(&["4.5", "-0.4", "1.2"]), "-7.5", "plausible"),
    ] {
        assert_eq!(after(MetricKind::Rate, &baseline, 1, new), thought, "{baseline:?}, then {new}");
    }
}

#[test]
fn what_there_is_nothing_to_compare_with() {
    for (kind, new, thought) in [
        (MetricKind::Total, "12735", "plausible"),
        (MetricKind::Total, "-1", "negative"),
        (MetricKind::Count, "-1", "negative"),
        (MetricKind::Rate, "-1", "plausible"),
    ] {
        assert_eq!(word(&judge(&GateRules::default(), kind, None, Day(FIRST), value(new))), thought, "{kind:?} {new}");
    }
}

#[test]
fn without_a_gate_a_total_that_falls_is_a_correction() {
    let known = daily(&["12663"]);
    for (kind, new, thought) in [
        (MetricKind::Total, "12", "lower"),
        (MetricKind::Total, "126630", "plausible"),
        (MetricKind::Count, "-5", "plausible"),
        (MetricKind::Rate, "0.1", "plausible"),
    ] {
        assert_eq!(word(&judge(&GateRules::Off, kind, Some(&known), Day(FIRST + 1), value(new))), thought, "{kind:?} {new}");
    }
}

#[test]
fn a_new_beginning_forgets_what_came_before() {
    let mut baseline = daily(&["4404", "4469"]);
    assert_eq!(after(MetricKind::Total, &baseline, 7, "478"), "total-fell");
    baseline.restart(Day(FIRST + 8), whole(478));
    assert_eq!(after(MetricKind::Total, &baseline, 1, "453"), "total-fell");
    assert_eq!(after(MetricKind::Total, &baseline, 1, "544"), "plausible");
    assert_eq!(after(MetricKind::Total, &baseline, 1, "4500"), "jump");
}

#[test]
fn a_value_of_the_same_day_replaces_the_last() {
    let (mut twice, once) = (daily(&["100", "190", "110"]), daily(&["100", "105", "110"]));
    twice.accept(Day(FIRST + 1), whole(105));
    assert_eq!(twice, once);
    assert_eq!(twice.latest(), Some((Day(FIRST + 2), whole(110))));
}

#[test]
fn sentences_name_both_values_and_what_to_do() {
    let metric = |kind| MetricRules::new(Name::new("m").expect("a name"), "Fälle insgesamt", kind);
    let said = |kind, baseline: &Baseline, new: &str| {
        let (latest, _) = baseline.latest().expect("a figure");
        match judge(&GateRules::default(), kind, Some(baseline), Day(latest.0 + 1), value(new)) {
            Judgement::Implausible(suspicion) => suspicion.sentence(&metric(kind)),
            Judgement::Plausible | Judgement::Lower => panic!("{new} is plausible"),
        }
    };
    let total = daily(&["12500", "12600", "12663"]);
    let rate = daily(&["57.4", "61"]);
    for (sentence, beginning) in [
        (
            said(MetricKind::Total, &total, "12"),
            "Fälle insgesamt: 12 statt zuvor 12.663 ist zu wenig für eine Korrektur, plausibel wären mindestens 12.563. \
             Üblich: an einem Tag bis zu 100 mehr. Bitte an der Quelle nachsehen.",
        ),
        (
            said(MetricKind::Total, &total, "127350"),
            "Fälle insgesamt: 127.350 statt zuvor 12.663 ist ungewöhnlich viel, plausibel wären höchstens 15.828. \
             Üblich: an einem Tag bis zu 100 mehr. Bitte",
        ),
        (
            said(MetricKind::Rate, &rate, "574"),
            "Fälle insgesamt: 574,0 statt zuvor 61,0 ist ungewöhnlich viel, plausibel wären höchstens 305,0. Üblich: 57,4 bis 61,0. Bitte",
        ),
        (
            said(MetricKind::Rate, &daily(&["57.4"]), "5.74"),
            "Fälle insgesamt: 5,74 statt zuvor 57,4 ist ungewöhnlich wenig, plausibel wären mindestens 11,4. Üblich: 57,4. Bitte",
        ),
        (said(MetricKind::Total, &total, "-12"), "Fälle insgesamt: −12 liegt unter null, statt zuvor 12.663. Bitte"),
    ] {
        assert!(sentence.starts_with(beginning), "{sentence}");
        for word in ["freigeben", "verwerfen", "neuen Stand"] {
            assert!(sentence.contains(word), "{sentence}");
        }
    }
}

/// Every way to leave a digit out, and to type one twice.
fn mistyped(number: i64) -> impl Iterator<Item = i64> {
    let text = number.to_string();
    (0..text.len()).flat_map(move |at| {
        let lost = format!("{}{}", &text[..at], &text[at + 1..]);
        [lost, format!("{}{}", &text[..=at], &text[at..])].map(|text| text.parse().expect("digits"))
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    (-Value::LARGEST..=Value::LARGEST, 0..=Value::DECIMALS).prop_map(|(digits, decimals)| Value::new(digits, decimals).expect("in range"))
}

fn any_kind() -> impl Strategy<Value = MetricKind> {
    prop_oneof![Just(MetricKind::Total), Just(MetricKind::Count), Just(MetricKind::Rate)]
}

proptest! {
    /// However large, however it rises (up to a twentieth a day), and whatever the gap: a digit lost or doubled and a thousands point read
    /// as a comma are held, and are no correction either.
    #[test]
    fn no_slip_of_the_finger_in_a_total(total in 100_i64..50_000_000, speed in 0..=50_i64, known in 1..20, gap in 1..5) {
        let rise = total * speed / 1_000;
        let baseline = steady(total, rise, known);
        let (latest, value) = baseline.latest().expect("a figure");
        let day = Day(latest.0 + gap);
        let genuine = value.parts().0 + rise * i64::from(gap);
        for slip in mistyped(genuine).chain([genuine / 1_000]).filter(|slip| *slip != genuine) {
            let judgement = judge(&GateRules::default(), MetricKind::Total, Some(&baseline), day, whole(slip));
            prop_assert!(matches!(judgement, Judgement::Implausible(_)), "{slip} instead of {genuine}: {judgement:?}");
        }
    }

    /// What goes on as it always did is plausible after any gap, until the total would be more than four times what it was.
    #[test]
    fn a_steady_rise_is_plausible(total in 1_i64..50_000_000, speed in 0..=250_i64, known in 4..20, gap in 1..40) {
        let rise = total * speed / 1_000;
        let baseline = steady(total, rise, known);
        let (latest, value) = baseline.latest().expect("a figure");
        let rises = (rise * i64::from(gap)).min(3 * value.parts().0);
        let next = whole(value.parts().0 + rises);
        prop_assert_eq!(judge(&GateRules::default(), MetricKind::Total, Some(&baseline), Day(latest.0 + gap), next), Judgement::Plausible);
    }

    /// A comma that is lost or misplaced is held for any rate that stays within half and twice of itself.
    #[test]
    fn no_lost_comma_in_a_rate(rate in 120_i64..100_000, others in prop::collection::vec(70..=140_i64, 1..20), gap in 1..30) {
        let mut baseline = Baseline::new(Day(FIRST), Value::new(rate, 1).expect("small"));
        for (day, other) in (FIRST + 1..).zip(&others) {
            baseline.accept(Day(day), Value::new(rate * other / 100, 1).expect("small"));
        }
        let (latest, _) = baseline.latest().expect("a figure");
        let day = Day(latest.0 + gap);
        for (decimals, thought) in [(1, "plausible"), (0, "jump"), (2, "drop"), (3, "drop")] {
            let value = Value::new(rate, decimals).expect("small");
            let judgement = judge(&GateRules::default(), MetricKind::Rate, Some(&baseline), day, value);
            // Below the slack nothing can be told apart.
            let small = decimals > 1 && rate < 200;
            prop_assert!(small || word(&judgement) == thought, "{rate} with {decimals} decimals: {judgement:?}");
        }
    }

    /// Nothing that can be written down makes it fail, it judges alike each time, and it remembers no more than it should.
    #[test]
    fn any_values_on_any_days(
        kind in any_kind(),
        figures in prop::collection::vec((any::<i32>(), any_value()), 1..40),
        day in any::<i32>(),
        new in any_value(),
        slack in any_value(),
    ) {
        let mut baseline = Baseline::new(Day(figures[0].0), figures[0].1);
        for (day, value) in figures {
            baseline.accept(Day(day), value);
        }
        prop_assert!(baseline.figures.len() <= REMEMBERED && baseline.figures.is_sorted_by(|a, b| a.0 < b.0));
        let judged = judge(&GateRules::On { slack }, kind, Some(&baseline), Day(day), new);
        if let Judgement::Implausible(suspicion) = &judged {
            let sentence = suspicion.sentence(&MetricRules::new(Name::new("m").expect("a name"), "Fälle", kind));
            prop_assert!(sentence.starts_with("Fälle: "));
        }
        let again = judge(&GateRules::On { slack }, kind, Some(&baseline), Day(day), new);
        prop_assert_eq!(judged, again);
    }
}
