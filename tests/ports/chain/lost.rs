//! Whatever happens on the way: what was acknowledged is there. The host's sessions are killed, sshd and HAProxy are started again, and the
//! relay is killed, while people write.

use super::{Caller, configure, linked, start};
use crate::host::world::World;
use crate::outages::alone;
use crate::peers::haproxy::Haproxy;
use crate::peers::pebble::Pebble;
use crate::peers::processes::signal;
use drk_relay::simulator::meta::Person;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// People who write at the same time, one after the other.
const WRITERS: u32 = 4;
/// Times that the way is cut.
const CUTS: u32 = 9;

#[tokio::test]
async fn what_was_acknowledged_is_there_however_the_way_breaks() {
    let world = World::new().await;
    let haproxy = Haproxy::start_unlimited(&world.debian).await;
    let (front, pebble) = (haproxy.address, Pebble::start(haproxy.address.port(), 157_766_400).await);
    let (machine, ..) = alone();
    configure(&machine, &world, front, &pebble, "", "").await;
    let mut relay = start(&machine);
    linked(&machine, "certificate", "up").await;
    let caller = Arc::new(Caller::new(front, &pebble).await);
    let (next, over) = (Arc::new(AtomicU32::new(1)), Arc::new(AtomicBool::new(false)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (caller, next, over) = (Arc::clone(&caller), Arc::clone(&next), Arc::clone(&over));
            tokio::spawn(async move {
                let (mut acknowledged, mut refused) = (Vec::new(), 0_u32);
                while !over.load(Ordering::Relaxed) {
                    let person = next.fetch_add(1, Ordering::Relaxed);
                    match caller.hallo(&Person::with_phone(person)).await {
                        Ok(200) => acknowledged.push(person),
                        Ok(_) | Err(_) => refused += 1,
                    }
                    // waits: whoever is refused does not come again at once.
                    sleep(Duration::from_millis(20)).await;
                }
                (acknowledged, refused)
            })
        })
        .collect();
    for cut in 0..CUTS {
        // waits: people write meanwhile.
        sleep(Duration::from_millis(700)).await;
        match cut % 3 {
            0 => signal("KILL", &world.sessions(super::BRANCH)),
            1 => {
                relay.kill().await;
                relay = start(&machine);
            }
            _ => world.serve_again().await,
        }
        linked(&machine, "tunnel", "up").await;
    }
    over.store(true, Ordering::Relaxed);
    let (mut acknowledged, mut refused) = (BTreeSet::new(), 0);
    for writer in writers {
        let (people, others) = writer.await.expect("no panic");
        acknowledged.extend(people);
        refused += others;
    }
    relay.stop().await;
    let state = machine.store().load().expect("readable");
    let pseudonyms = drk_relay::port::pseudonym::Pseudonyms::open(&machine.path("state/hash.key")).expect("the key");
    let is_there = |person: u32| state.people.find(pseudonyms.person(&Person::with_phone(person).user_id)).is_some();
    let lost: Vec<_> = acknowledged.iter().filter(|person| !is_there(**person)).collect();
    assert_eq!(lost, Vec::<&u32>::new(), "acknowledged, and not there");
    assert!(acknowledged.len() >= 100 && refused > 0, "{} acknowledged, {refused} not", acknowledged.len());
    println!("{CUTS} cuts: {} acknowledged and there, {refused} not acknowledged", acknowledged.len());
}
