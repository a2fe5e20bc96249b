//! PINs: from the terminal without echo, from a file, a file descriptor, or a credential of systemd. Never from the
//! arguments or the environment, which others can read.

use crate::args::PinSource;
use keyward_pkcs11::secret::Pin;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// No PIN is longer.
const MOST: usize = 1024;

/// Reads a PIN that is there already. `whose` stands in the prompt: "user PIN of web".
pub(crate) fn given(source: &PinSource, whose: &str) -> Result<Pin, String> {
    from(source)?.map_or_else(|| asked(&format!("{whose}: "), whose), Ok)
}

/// Reads a PIN that is set anew; on the terminal it is asked for twice.
pub(crate) fn new(source: &PinSource, whose: &str) -> Result<Pin, String> {
    if let Some(pin) = from(source)? {
        return Ok(pin);
    }
    let first = asked(&format!("New {whose}: "), whose)?;
    let second = asked(&format!("New {whose} again: "), whose)?;
    if first.expose() == second.expose() { Ok(first) } else { Err("the two PINs differ".into()) }
}

/// Whether a PIN can be had without asking, or there is somebody to ask.
pub(crate) fn is_at_hand(source: &PinSource) -> bool {
    source.file.is_some() || source.fd.is_some() || source.credential.is_some()
}

fn from(source: &PinSource) -> Result<Option<Pin>, String> {
    if let Some(path) = &source.file {
        let cannot = |error| format!("the PIN file {} cannot be read: {error}", path.display());
        let file = File::open(path).map_err(cannot)?;
        let mode = file.metadata().map_err(cannot)?.mode();
        if mode & 0o077 != 0 {
            let name = path.display();
            eprintln!("keyward: warning: others may read the PIN file {name} (mode {:04o})", mode & 0o7777);
        }
        return line(file).map(Some).map_err(|error| format!("{}: {error}", path.display()));
    }
    if let Some(name) = &source.credential {
        let path = credential(name)?;
        let cannot = |error| format!("the credential {name} cannot be read: {error}");
        return line(File::open(path).map_err(cannot)?).map(Some).map_err(|error| format!("{name}: {error}"));
    }
    let Some(fd) = source.fd else { return Ok(None) };
    let file = File::open(format!("/dev/fd/{fd}"))
        .map_err(|error| format!("file descriptor {fd} cannot be read: {error}"))?;
    line(file).map(Some).map_err(|error| format!("file descriptor {fd}: {error}"))
}

/// Where systemd put a credential: a file that the service alone can read (systemd.exec(5), CREDENTIALS).
fn credential(name: &str) -> Result<PathBuf, String> {
    let is_plain = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
    if !is_plain {
        return Err(format!("{name:?} is no name of a credential"));
    }
    #[expect(clippy::disallowed_methods, reason = "the command is told so where its credentials are")]
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY");
    let folder = folder.ok_or("no credentials here: systemd gives them to a service (LoadCredential=)")?;
    Ok(PathBuf::from(folder).join(name))
}

/// The first line, byte by byte: what follows it in a pipe belongs to whoever reads next.
fn line(mut from: impl Read) -> Result<Pin, String> {
    let mut text = Zeroizing::new(Vec::with_capacity(MOST));
    let mut byte = Zeroizing::new([0u8]);
    while from.read(&mut *byte).map_err(|error| error.to_string())? > 0 {
        match *byte {
            [b'\n'] => break,
            [_] if text.len() == MOST => return Err("the first line is too long for a PIN".into()),
            [other] => text.push(other),
        }
    }
    if text.last() == Some(&b'\r') {
        text.pop();
    }
    if text.is_empty() { Err("no PIN in the first line".into()) } else { Ok(Pin::from_slice(&text)) }
}

fn asked(prompt: &str, whose: &str) -> Result<Pin, String> {
    if !std::io::stdin().is_terminal() {
        return Err(format!(
            "the {whose} is needed: give --pin-file, --pin-fd or --pin-credential, or a terminal to ask on"
        ));
    }
    let text = rpassword::prompt_password(prompt).map_err(|error| format!("the terminal: {error}"))?;
    let text = Zeroizing::new(text);
    if text.is_empty() { Err("no PIN given".into()) } else { Ok(Pin::from_slice(text.as_bytes())) }
}

/// Asks a question of yes and no. Without a terminal there is no yes.
pub(crate) fn confirmed(question: &str) -> Result<(), String> {
    if !std::io::stdin().is_terminal() {
        return Err(format!("{question} Nobody can be asked: say --yes"));
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| error.to_string())?;
    let yes = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if yes { Ok(()) } else { Err("nothing was done".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_the_first_and_no_more() {
        let mut source: &[u8] = b"1234\r\n5678\nrest";
        assert_eq!(line(&mut source).unwrap().expose(), b"1234");
        assert_eq!(line(&mut source).unwrap().expose(), b"5678");
        assert_eq!(line(&mut source).unwrap().expose(), b"rest");
        assert!(line(&mut source).is_err() && line(&b"\n12"[..]).is_err());
        assert!(line(&[b'1'; MOST + 1][..]).is_err());
    }
}
