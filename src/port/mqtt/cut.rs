//! Cuts publishes that are too large while they stream by, so that rumqttc sees a packet that it can read: the topic and the packet id
//! stay, the rest of the payload is gone. Knows of MQTT no more than the fixed header, keeps nothing, and rejects nothing: that a figure
//! of a quarter of a megabyte is none, the parser says.
//!
//! Without it such a message ends the connection (rumqttc offers no way to skip it), the broker sends it again to the next one, and the
//! relay is deaf for as long as the message is kept: for ever, if it is retained.

/// Type of PUBLISH in the upper half of a packet's first byte (MQTT 3.1.1, 2.2.1).
const PUBLISH: u8 = 3;
/// Bytes of the fixed header at most: the type, and a length of up to four (MQTT 3.1.1, 2.2.3).
const HEADER_MAX: usize = 5;
/// A broker that is busy with 256 MB cannot answer a ping in between, and on a slow line rumqttc would give up and get all of it again.
/// What arrives proves as much as an answer: one is put in for so many bytes that are skipped.
const SIGN_OF_LIFE: usize = 64 * 1024;
const PINGRESP: [u8; 2] = [0xd0, 0];

/// One connection's stream from the broker.
#[derive(Debug)]
pub(super) struct Cutter {
    /// Largest remaining length of a publish that passes whole.
    limit: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The first bytes of a fixed header.
    Header([u8; HEADER_MAX], usize),
    /// Inside a packet: so many bytes are passed on, and so many after them are not.
    Body { keep: usize, skip: usize },
    /// No MQTT any more: rumqttc shall see it and say so.
    Nonsense,
}

impl Cutter {
    pub(super) fn new(limit: usize) -> Cutter {
        Cutter { limit, state: State::Header([0; HEADER_MAX], 0) }
    }

    /// Appends what is to be passed on of `input`, however the packets are spread over calls.
    pub(super) fn pass(&mut self, mut input: &[u8], output: &mut Vec<u8>) {
        while let Some((&first, rest)) = input.split_first() {
            match &mut self.state {
                State::Header(bytes, read) => {
                    input = rest;
                    if let Some(byte) = bytes.get_mut(*read) {
                        *byte = first;
                    }
                    *read += 1;
                    let header = bytes.get(..*read).unwrap_or_default();
                    if *read > 1 && (first & 0x80 == 0 || *read == HEADER_MAX) {
                        self.state = begun(header, self.limit, output);
                    }
                }
                State::Body { keep, .. } if *keep > 0 => {
                    let (kept, rest) = input.split_at((*keep).min(input.len()));
                    output.extend_from_slice(kept);
                    *keep -= kept.len();
                    input = rest;
                }
                State::Body { skip, .. } if *skip > 0 => {
                    let skipped = (*skip).min(input.len());
                    if (*skip - skipped) / SIGN_OF_LIFE < *skip / SIGN_OF_LIFE {
                        output.extend(PINGRESP);
                    }
                    *skip -= skipped;
                    input = input.get(skipped..).unwrap_or_default();
                }
                State::Body { .. } => self.state = State::Header([0; HEADER_MAX], 0),
                State::Nonsense => {
                    output.extend_from_slice(input);
                    return;
                }
            }
        }
    }
}

/// What follows a complete fixed header, which is passed on, with another length if need be.
fn begun(header: &[u8], limit: usize, output: &mut Vec<u8>) -> State {
    let (kind, length) = header.split_first().map_or((0, header), |(first, length)| (first >> 4, length));
    if length.last().is_none_or(|last| last & 0x80 != 0) {
        output.extend_from_slice(header);
        return State::Nonsense;
    }
    let remaining = length.iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
    if kind != PUBLISH || remaining <= limit {
        output.extend_from_slice(header);
        return State::Body { keep: remaining, skip: 0 };
    }
    output.extend(header.first());
    let mut left = limit;
    while left > 0x7f {
        output.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    output.push(left as u8);
    State::Body { keep: limit, skip: remaining - limit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use proptest::prelude::*;
    use rumqttc::{Packet, PubAck, Publish, QoS};

    /// Room for a topic, a packet id and a few bytes.
    const LIMIT: usize = 200;

    fn publish(topic: &str, size: usize, packet: u16) -> Packet {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, vec![b'1'; size]);
        publish.pkid = packet;
        Packet::Publish(publish)
    }

    fn bytes(packets: &[Packet]) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        for packet in packets {
            packet.write(&mut bytes, usize::MAX).expect("no limit");
        }
        bytes.to_vec()
    }

    fn passed(input: &[u8], chunk: usize) -> Vec<u8> {
        let (mut cutter, mut output) = (Cutter::new(LIMIT), Vec::new());
        for chunk in input.chunks(chunk) {
            cutter.pass(chunk, &mut output);
        }
        output
    }

    proptest! {
        #[test]
        fn only_what_is_too_large_is_cut(sizes in proptest::collection::vec(0_usize..70_000, 1..6), chunk in 1_usize..5_000) {
            let topic = "figures/corona/cases_new";
            let packets = |most: usize| -> Vec<Packet> {
                let one = |(&size, id): (&usize, u16)| [publish(topic, size.min(most), id), Packet::PubAck(PubAck::new(id))];
                sizes.iter().zip(1..).flat_map(one).collect()
            };
            let fits = LIMIT - 2 - topic.len() - 2;
            let output = passed(&bytes(&packets(usize::MAX)), chunk);
            let mut stream = BytesMut::from(&output[..]);
            let mut seen = Vec::new();
            while !stream.is_empty() {
                seen.push(Packet::read(&mut stream, LIMIT).expect("a packet within the limit"));
            }
            seen.retain(|packet| *packet != Packet::PingResp);
            prop_assert_eq!(seen, packets(fits));
        }

        #[test]
        fn nonsense_passes_as_it_is(input in proptest::collection::vec(0x80_u8..=0xff, 0..300), chunk in 1_usize..50) {
            prop_assert_eq!(passed(&input, chunk).len(), if input.len() < HEADER_MAX { 0 } else { input.len() });
        }
    }

    #[test]
    fn a_long_way_through_a_monster_is_a_sign_of_life() {
        let output = passed(&bytes(&[publish("figures/corona", 1_000_000, 7)]), 1_000);
        let signs = output.windows(2).filter(|window| *window == PINGRESP).count();
        assert!((14..=16).contains(&signs), "{signs}");
    }
}
