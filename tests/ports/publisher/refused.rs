//! What the command refuses to print, because it would not work.

use super::add;
use crate::program::{Machine, Place};

async fn refused(machine: &Machine, arguments: &[&str], code: i32, words: &[&str]) {
    let (ended, said, complained) = machine.says(&[&["publisher", "add"], arguments].concat()).await;
    assert_eq!((ended, said.as_str()), (Some(code), ""), "{arguments:?}: {complained}");
    for word in words {
        assert!(complained.contains(word), "{word} in {complained}");
    }
}

#[tokio::test]
async fn what_would_not_work_is_not_printed() {
    let places = [Place::reserve(), Place::reserve()];
    let machine = Machine::new(places[0].address, places[1].address);
    let feed =
        "[[feed]]\nname = \"pegel\"\ntitle = \"Pegel\"\n[[feed.metric]]\nname = \"level\"\nlabel = \"Stand\"\nkind = \"count\"\n[mqtt]\n";
    machine.edit("relay.toml", "[mqtt]\n", &format!("{feed}user = \"relais\"\n"));
    refused(&machine, &["a", "--feed", "korona"], 64, &["„korona“ gibt es nicht", "Eingerichtet: corona, pegel", "Abhilfe: "]).await;
    refused(&machine, &["a", "--feed", "corona", "--feed", "pegl"], 64, &["„pegl“"]).await;
    refused(&machine, &["relais", "--feed", "corona"], 64, &["meldet sich das Relay selbst an", "einen anderen Namen"]).await;
    refused(&machine, &["relay", "--role", "relay"], 64, &["Das Relay meldet sich als „relais“ an"]).await;
    // What is no name never gets as far as the configuration.
    for name in ["a:b", "Haus", "", "a b", "a/b", "$(reboot)", "a'b"] {
        refused(&machine, &[name, "--feed", "corona"], 2, &["Kleinbuchstaben"]).await;
    }
    refused(&machine, &["a"], 2, &["--feed"]).await;
    refused(&machine, &["a", "--feed", "corona", "--role", "reader"], 2, &["--role"]).await;
    let both = add(&machine, &["a", "--feed", "corona", "--feed", "pegel"]).await;
    assert!(both.contains("topic write figures/corona/#\n") && both.contains("topic write figures/pegel/#\n"), "{both}");
    // What the relay reads and writes beyond its own topics.
    machine.edit("relay.toml", "user = \"relais\"\n", "user = \"relais\"\ndiscovery_prefix = \"homeassistant\"\n");
    machine.edit("relay.toml", "[whatsapp]\n", "[[map]]\ntopic = \"tele/pegel/SENSOR\"\n[whatsapp]\n");
    let relay = add(&machine, &["relais", "--role", "relay"]).await;
    for rule in ["topic read tele/pegel/SENSOR\n", "topic write homeassistant/device/+/config\n", "topic read figures/pegel/#\n"] {
        assert!(relay.contains(rule) && !both.contains(rule), "{rule} in {relay}");
    }
    // Nobody needs the secrets for it: they belong to the service.
    std::fs::remove_file(machine.path("app-secret")).expect("a file");
    add(&machine, &["relais", "--role", "relay"]).await;
}
