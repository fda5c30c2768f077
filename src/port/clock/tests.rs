//! The clocks as they are asked.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_warped_clock_keeps_its_speed_and_its_sleepers_follow() {
    let warp = Warp::new(Millis(1_000_000), 100.0);
    let clock = Clock::Warped(Arc::clone(&warp));
    assert_eq!(clock.remaining(Timestamp(1_099)), Duration::from_secs(1));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(clock.now(), Millis(1_100_000));
    let sleeper = tokio::spawn({
        let clock = clock.clone();
        async move { clock.sleep_until(Millis(1_200_000)).await }
    });
    tokio::task::yield_now().await;
    warp.set_speed(1_000.0);
    tokio::time::advance(Duration::from_millis(100)).await;
    sleeper.await.expect("woken");
    assert_eq!(clock.now(), Millis(1_200_000));
}

#[tokio::test(start_paused = true)]
async fn a_mark_outlives_what_the_clock_was_set_to() {
    let warp = Warp::new(Millis(1_000_000), 10.0);
    let warped = Clock::Warped(Arc::clone(&warp));
    let (then, shown) = (warped.mark(), Mark { real: reading::real(), up: Uptime(0), shown: Millis(0) });
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!((warped.now(), warped.when(then)), (Millis(1_600_000), Timestamp(1_000)));
    // When it was made the clock showed 1970; the paused one counts the minute since.
    let before = Clock::System.now();
    let when = Clock::System.when(shown);
    let minute_ago = |at: Millis| Timestamp(at.second().0 - 60);
    assert!((minute_ago(before)..=minute_ago(Clock::System.now())).contains(&when), "{when:?}");
}

#[tokio::test(start_paused = true)]
async fn a_warped_clock_stands_still_where_it_was_told_to() {
    let warp = Warp::new(Millis(1_000_000), 1.0);
    let clock = Clock::Warped(Arc::clone(&warp));
    let sleeper = tokio::spawn({
        let clock = clock.clone();
        async move { clock.sleep_until(Millis(1_200_000)).await }
    });
    tokio::task::yield_now().await;
    warp.run_until(Millis(1_199_999), 1_000_000.0);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!((clock.now(), sleeper.is_finished()), (Millis(1_199_999), false));
    warp.run_until(Millis(1_200_000), 1.0);
    sleeper.await.expect("woken");
    assert_eq!(clock.now(), Millis(1_200_000));
}

/// A release makes the earliest time that is possible later.
#[test]
fn no_release_is_later_than_its_constant_says() {
    let changes = include_str!("../../../CHANGELOG.md");
    let months = |text: &str| -> Vec<jiff::civil::Date> {
        let dates = text.lines().filter_map(|line| line.strip_prefix("## ")?.split_whitespace().last()?.parse::<jiff::civil::Date>().ok());
        dates.map(jiff::civil::Date::first_of_month).collect()
    };
    let made = jiff::Timestamp::from_second(i64::from(RELEASED.0)).expect("in range").to_zoned(jiff::tz::TimeZone::UTC);
    assert_eq!(made.datetime(), made.date().first_of_month().at(0, 0, 0, 0));
    assert_eq!(months("# Changelog\n\n## Unreleased\n\n## 1.0.0, 2026-12-24\n"), [jiff::civil::date(2026, 12, 1)]);
    let newest = months(changes).into_iter().max();
    assert!(newest.is_none_or(|newest| newest == made.date()), "the newest release is of {newest:?}");
}

#[tokio::test]
async fn our_own_shows_what_the_system_shows_until_it_is_proven_and_judges_certificates_by_more() {
    let directory = tempfile::tempdir().expect("a directory");
    let said = Clock::kept(ClockConfig::Always, directory.path());
    assert!(said.is_trusted() && said.now().0.abs_diff(Clock::System.now().0) < 60_000);
    std::fs::write(directory.path().join("clock"), "4000000000\n").expect("written");
    let clock = Clock::kept(ClockConfig::Proven, directory.path());
    let mark = clock.mark();
    assert!(!clock.is_trusted());
    assert_eq!(clock.certificate_times(), Some([Timestamp(4_000_000_000); 2]), "that time has passed, whatever the system's clock shows");
    assert_eq!(clock.view().standing, Standing::Untrusted(crate::domain::trust::Why::Unproven));
    clock.dated(Timestamp(3_999_999_999), mark);
    assert_eq!(clock.view().meta_ahead, None, "it cannot be earlier than that");
    assert!(clock.when(mark).0.abs_diff(clock.now().second().0) <= 60);
}
