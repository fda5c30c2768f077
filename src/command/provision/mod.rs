//! From a card to a device: what is done on a technician's computer, and what the device does with it.

pub(super) mod device;
mod names;
