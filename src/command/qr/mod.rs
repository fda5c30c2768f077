//! `drk-relay qr`: the code with which people begin, for a terminal and for the wall. Sends nothing and asks nobody: whoever scans it has a
//! message to the branch on the screen, and sends it or not.

mod poster;

use super::Failure;
use crate::command::output::say;
use crate::config::phone::{self, PhoneNumber};
use crate::config::{Config, ConfigError};
use anyhow::Context;
use poster::Poster;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Light modules around a code (ISO/IEC 18004: quiet zone). Without them cameras do not find it.
const QUIET: usize = 4;

/// What to print.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Die Konfiguration: Name des Ortsvereins und Telefonnummer.
    #[arg(long, value_name = "DATEI", default_value = super::CONFIGURATION_FILE)]
    config: PathBuf,
    /// Auch ein Plakat im Format A4 schreiben.
    #[arg(long, value_name = "DATEI")]
    svg: Option<PathBuf>,
    /// Die Nachricht, die beim Scannen schon dasteht.
    #[arg(long, default_value = "Start")]
    text: String,
    /// Die WhatsApp-Nummer des Ortsvereins, statt der aus der Konfiguration.
    #[arg(long, value_name = "NUMMER")]
    number: Option<String>,
}

pub(super) fn execute(options: &Options) -> Result<(), Failure> {
    let config = Config::public(&options.config)?;
    let given = options
        .number
        .as_deref()
        .map(|text| PhoneNumber::parse(text).ok_or(ConfigError::single("--number", phone::WRONG, phone::REMEDY)))
        .transpose()?;
    let remedy = "in relay.toml unter [whatsapp] die Nummer des Ortsvereins eintragen, zum Beispiel phone_number = \"+49 151 23456789\", \
                  oder --number angeben.";
    let missing = || ConfigError::single("whatsapp.phone_number", "Die Telefonnummer fehlt.", remedy);
    let number = given.or(config.phone_number).ok_or_else(missing)?;
    let link = link(&number, &options.text);
    let small = code(&link, EcLevel::M)?;
    say!("{}\n{link}", terminal(&small, std::io::stdout().is_terminal()));
    if let Some(path) = &options.svg {
        // A quarter may be torn off or written over.
        let code = code(&link, EcLevel::Q)?;
        let poster = Poster { branch: &config.branch, privacy: &config.privacy, number: &number, text: &options.text, code: &code };
        std::fs::write(path, poster.svg()).with_context(|| format!("{}: lässt sich nicht schreiben", path.display()))?;
        say!("Plakat: {}", path.display());
    }
    Ok(())
}

/// Opens a chat with the number and `text` ready to be sent (WhatsApp help: click to chat).
fn link(number: &PhoneNumber, text: &str) -> String {
    let mut link = format!("https://wa.me/{}", number.digits());
    if !text.is_empty() {
        link.push_str("?text=");
    }
    for byte in text.bytes() {
        match byte {
            // RFC 3986: unreserved.
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => link.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(link, "%{byte:02X}")),
        }
    }
    link
}

fn code(link: &str, level: EcLevel) -> anyhow::Result<QrCode> {
    QrCode::with_error_correction_level(link, level)
        .map_err(|error| anyhow::anyhow!("--text: der Text passt nicht in einen QR-Code ({error}). Abhilfe: einen kürzeren nehmen"))
}

/// Two rows of modules in each line. Light modules are drawn and dark ones left out, so that it is right on a dark terminal; `colours` make
/// it right on a light one, too.
fn terminal(code: &QrCode, colours: bool) -> String {
    let (width, colors) = (code.width(), code.to_colors());
    let light = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < width);
        let module = inside(x).zip(inside(y)).and_then(|(x, y)| colors.get(y * width + x));
        module != Some(&Color::Dark)
    };
    let side = width + 2 * QUIET;
    let mut text = String::new();
    for y in (0..side).step_by(2) {
        let blocks = (0..side).map(|x| match (light(x, y), light(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        });
        let blocks: String = blocks.collect();
        text.push_str(&if colours { format!("\x1b[97;40m{blocks}\x1b[0m\n") } else { blocks + "\n" });
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What a camera reads from `dark` modules, with a light border.
    pub(super) fn read(side: usize, dark: impl Fn(usize, usize) -> bool) -> String {
        const SCALE: usize = 4;
        let pixel = |x: usize, y: usize| if dark(x / SCALE, y / SCALE) { 0 } else { 255 };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * SCALE, side * SCALE, pixel);
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1, "one code");
        grids[0].decode().expect("readable").1
    }

    pub(super) fn number() -> PhoneNumber {
        PhoneNumber::parse("+49 151 23456789").expect("a number")
    }

    #[test]
    fn the_link_is_encoded() {
        assert_eq!(link(&number(), "Start"), "https://wa.me/4915123456789?text=Start");
        assert_eq!(link(&number(), "Grüße & mehr?"), "https://wa.me/4915123456789?text=Gr%C3%BC%C3%9Fe%20%26%20mehr%3F");
        assert_eq!(link(&number(), ""), "https://wa.me/4915123456789");
        assert!(code(&link(&number(), &"x".repeat(3_000)), EcLevel::M).is_err());
    }

    #[test]
    fn a_camera_reads_the_terminal() {
        for text in ["Start", "", "Ich möchte die neuen Zahlen bekommen"] {
            let link = link(&number(), text);
            let shown = terminal(&code(&link, EcLevel::M).expect("it fits"), false);
            let rows: Vec<Vec<char>> = shown.lines().map(|line| line.chars().collect()).collect();
            let side = rows[0].len();
            let dark = |x: usize, y: usize| match rows[y / 2][x] {
                '█' => false,
                '▀' => y % 2 == 1,
                '▄' => y.is_multiple_of(2),
                _ => true,
            };
            assert!((0..side).all(|at| (0..QUIET).all(|edge| !dark(at, edge) && !dark(edge, at) && !dark(side - 1 - edge, at))));
            assert_eq!(read(side, dark), link);
        }
    }

    #[test]
    fn on_a_terminal_the_colours_are_its_own() {
        let code = code("x", EcLevel::M).expect("it fits");
        assert!(terminal(&code, true).lines().all(|line| line.starts_with("\x1b[97;40m") && line.ends_with("\x1b[0m")));
    }
}
