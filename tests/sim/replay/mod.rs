//! Real figures: all 2,075 publications of four health authorities, through the real core, to 200 loyal people, once for each reminder
//! policy. Judges the promises for every message, and what the reminder is worth. No power cut and no fault: those are the seeds' business.
//!
//! **What is measured.** The file's figures are published when they were published (2020 to 2022). Fifty people take each feed from an
//! hour before its first publication to its last. A *publication* is a new revision of the relay; later figures of the same day are updates
//! and none. One has *reached a loyal subscriber in time* if Meta accepted it for them within a minute, and *later* if they got it as the
//! answer to something that they wrote. Shares are of all publications of each person's feed. A probe of the tunnel every ten minutes
//! proves that webhooks would come; without it a quiet branch's silences count as our fault.
//!
//! **Loyal** is who answers every message that carries a question, 10 minutes to 4 hours after it, by day and by night, whether the window
//! is still open or not. Without reminders somebody whose window has closed is never asked again and hears nothing for ever: the
//! subscription dies silently. Therefore there is a fourth run, the one that `figures-publishers-devices.md` 1.4 has computed ("answers r
//! after each figure", 43 to 25 % lost): without reminders, but people write by themselves once for each publication, 10 minutes to 4 hours
//! after it, whether it has reached them or not. Then a publication is in time if it comes less than 24 hours after the answer to the one
//! before it. `replay_estimate.py` computes the same shares from the same file, without the relay.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod country;
mod file;
mod gate;
mod rulings;
mod told;
mod town;
mod witness;

use drk_relay::domain::ids::Name;
use drk_relay::domain::rules::ReminderPolicy;
use drk_relay::domain::time::Millis;
use file::Line;
use rulings::bad;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::panic::resume_unwind;
use std::process::Command;
use told::Point;
use town::Town;
use witness::Report;

/// People in all, as many for each feed.
const PEOPLE: usize = 200;
/// People who are told the total of a country: what they are told is in question here, not how many they are.
const FEW: usize = 8;
/// The relay may differ from the estimate by this much, in percent of all publications.
const TOLERANCE: f64 = 5.0;
/// The estimate: some forty lines of Python that know nothing of the relay.
const ESTIMATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sim/replay_estimate.py");

/// Who comes back, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Loyalty {
    /// Answers every question, and never writes without one.
    Answers,
    /// Writes once for each publication, whether it has reached them or not.
    Returns,
}

/// The runs: what the estimate calls them, who is reminded, and how people are.
const RUNS: [(&str, ReminderPolicy, Loyalty); 4] = [
    ("returning", ReminderPolicy::Never, Loyalty::Returns),
    ("never", ReminderPolicy::Never, Loyalty::Answers),
    ("no-figures", ReminderPolicy::NoFigures, Loyalty::Answers),
    ("unanswered", ReminderPolicy::Unanswered, Loyalty::Answers),
];

#[test]
fn real_figures_reach_loyal_people() {
    let Some(lines) = file::lines() else {
        println!("skipped: {} is not there", file::PATH);
        return;
    };
    let reports: BTreeMap<&str, Report> = std::thread::scope(|scope| {
        let live = |(name, policy, loyalty)| (name, Town::new(&lines, policy, loyalty, PEOPLE).live());
        let runs: Vec<_> = RUNS.into_iter().map(|run| scope.spawn(move || live(run))).collect();
        runs.into_iter().map(|run| run.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    println!("{} publications in the file, {PEOPLE} people. What the relay made of them: {:?}", lines.len(), reports["never"].verdicts);
    println!(
        "{:<12} {:>9} {:>9} {:>9} {:>22} {:>23}",
        "reminder", "in time", "later", "never", "messages/person/month", "reminders/person/month"
    );
    for (name, ..) in RUNS {
        println!("{name:<12} {}", reports[name]);
    }
    assert_eq!(reports["never"].verdicts.values().sum::<u32>() as usize, lines.len(), "a publication without a verdict");
    judge(&reports);
    compare(&reports);
    let falls = gate::falls().expect("it lies beside the other");
    assert_eq!(falls.len(), 24);
    trust(&lines, &reports["no-figures"], &falls);
}

#[test]
fn the_total_of_a_country_reaches_people() {
    let Some(lines) = country::lines() else {
        println!("skipped: {} is not there", country::PATH);
        return;
    };
    let report = Town::new(&lines, ReminderPolicy::NoFigures, Loyalty::Answers, FEW).live();
    let total = |line: &Line| line.figure.values[0].1;
    let falls = lines.windows(2).filter(|pair| total(&pair[1]) < total(&pair[0]));
    let falls: Vec<_> = falls.map(|pair| (pair[1].figure.feed.clone(), pair[1].at, "a fall".to_owned())).collect();
    assert_eq!(falls.len(), 6);
    trust(&lines, &report, &falls);
}

/// What people were told can be trusted: promise 12, and what issue 7 asks for.
fn trust(lines: &[Line], report: &Report, falls: &[(Name, Millis, String)]) {
    println!(
        "{} publications were sent, in {} messages, {} of them corrections",
        report.publications,
        report.messages,
        report.told.corrections()
    );
    let count = |what: &str| report.rulings.get(what).copied().unwrap_or(0);
    for (what, count) in report.verdicts.iter().chain(&report.rulings) {
        println!("{count:>6} {what}");
    }
    let good = lines.len() as u32 - count("discarded") - count("rebaselined");
    let share = 100.0 * f64::from(count("released")) / f64::from(good);
    println!("{share:.2} % of {good} good publications were held");
    assert!(share <= gate::HELD_MAX);
    assert_eq!(report.told.slipped(), Vec::<&Point>::new(), "a human has discarded it, and people were told");
    let total = Name::new(country::METRIC).expect("a name");
    let point = |line: &Line| {
        let (_, value) = line.figure.values.iter().find(|(name, _)| *name == total).expect("always there");
        (line.figure.feed.clone(), line.figure.as_of.expect("dated"), total.clone(), *value)
    };
    for line in bad(lines, &total) {
        assert!(!report.told.has(&point(line)), "a digit lost, or another column, was sent: {line:?}");
    }
    for (feed, at, class) in falls {
        let line = lines.iter().find(|line| line.figure.feed == *feed && line.at == *at).expect("it is in the file");
        let taken = report.taken[&(feed.clone(), *at)].as_str();
        let sent = if report.told.has(&point(line)) { "sent" } else { "not sent" };
        println!("{at:?} {feed}, {class}: {taken}, {sent}");
        assert!(taken == "correction" || taken.starts_with("held"), "a fall that is neither held nor a correction: {line:?}, {taken}");
    }
}

/// What must be so whatever the figures are.
fn judge(reports: &BTreeMap<&str, Report>) {
    let [returning, never, no_figures, unanswered] = ["returning", "never", "no-figures", "unanswered"].map(|name| &reports[name]);
    for report in reports.values() {
        assert_eq!(report.verdicts, never.verdicts, "what is published does not depend on who is reminded");
    }
    assert_eq!((returning.reminders, never.reminders), (0, 0), "reminders, though nobody is to be reminded");
    for reminded in [no_figures, unanswered] {
        assert!(reminded.in_time() > returning.in_time() + TOLERANCE, "the reminder is worth nothing: {reminded} {returning}");
        // They answer at most four hours after the reminder, and get what came meanwhile then. Lost are only publications that another
        // one has overtaken before the answer, on a single day.
        assert!(reminded.in_time() + reminded.later() > 99.5, "a loyal subscriber who is reminded loses figures: {reminded}");
    }
    assert!(unanswered.reminders > no_figures.reminders, "who was silent after a publication is not reminded");
    assert!(never.in_time() < returning.in_time(), "a subscription that nobody keeps alive lives on");
}

/// The relay against an estimate that knows nothing of it.
fn compare(reports: &BTreeMap<&str, Report>) {
    let output = match Command::new("python3").args([ESTIMATE, &file::path()]).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("not compared with the estimate: python3 is not installed");
            return;
        }
        Err(error) => panic!("python3: {error}"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let estimates: Vec<(&str, f64)> = text
        .lines()
        .map(|line| line.split_once(' ').expect("name and share"))
        .map(|(name, share)| (name, share.parse().expect("a number")))
        .collect();
    assert_eq!(estimates.iter().map(|(name, _)| *name).collect::<Vec<_>>(), RUNS.map(|(name, ..)| name));
    for (name, estimate) in estimates {
        let share = reports[name].in_time();
        println!("{name:<12} in time: {share:6.2} %, by the estimate {estimate:6.2} %");
        assert!((share - estimate).abs() <= TOLERANCE, "{name}: {share} %, but {estimate} % by the estimate");
    }
}
