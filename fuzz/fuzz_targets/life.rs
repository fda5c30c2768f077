//! Any bytes as the choices of a simulated world: what happens, when, and what goes wrong. The promises are those of `tests/sim`, judged
//! after every step; its test `every_kept_life_holds` tells the last steps before one breaks, and lives what is kept on stable.
#![no_main]
#![expect(clippy::expect_used, reason = "a world stops where it cannot go on")]
#![allow(dead_code, reason = "the tests use more of the world than this does")]

#[path = "../../tests/sim/choices.rs"]
mod choices;
#[path = "../../tests/sim/disk.rs"]
mod disk;
#[path = "../../tests/sim/excuses.rs"]
mod excuses;
#[path = "../../tests/sim/life.rs"]
mod life;
#[path = "../../tests/sim/meta.rs"]
mod meta;
#[path = "../../tests/sim/people.rs"]
mod people;
#[path = "../../tests/sim/process.rs"]
mod process;
#[path = "../../tests/sim/promises.rs"]
mod promises;
#[path = "../../tests/sim/publishers.rs"]
mod publishers;
#[path = "../../tests/sim/rows.rs"]
mod rows;
#[path = "../../tests/sim/sends.rs"]
mod sends;
#[path = "../../tests/sim/silence.rs"]
mod silence;
#[path = "../../tests/sim/traffic.rs"]
mod traffic;
#[path = "../../tests/sim/world.rs"]
mod world;

use choices::Choices;

// A broken promise ends the process before `live` can tell of it: libFuzzer's hook sees the panic first.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    drop(life::live(&Choices::bytes(bytes), u32::MAX));
});
