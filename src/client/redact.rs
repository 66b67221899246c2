//! Secrets that come back: whoever answers may repeat what a request carried, whole or cut off, as it was or in another
//! way of writing. What is shown of an answer goes through here first.
//!
//! A text is looked at as it is, and with the escapes of addresses, JSON and HTML undone, up to two of them inside one
//! another. What is found there is taken out of the text as it is.

use std::ops::Range;

use secrecy::{ExposeSecret, SecretString};

/// Takes the place of a secret.
const MARK: &str = "[REDACTED]";
/// So many leading bytes of a secret are a piece of it, and no chance.
const PIECE: usize = 16;
/// How many ways of writing may be inside one another.
const DEPTH: usize = 2;
/// Stands before a signature in a header that is sent back.
const SIGNATURE: &[u8] = b"signature=";

/// One byte of what a text means, and the bytes of the text that stand for it.
#[derive(Clone, Copy)]
struct Meant {
    byte: u8,
    from: usize,
    to: usize,
}

/// Undoes the escape at the beginning: what it means, and how many bytes it takes.
type Undo = fn(&[Meant]) -> Option<(Vec<u8>, usize)>;

/// The text without the secrets, and without any signature of a request. It takes time in proportion to its length.
pub(super) fn redacted(text: &str, secrets: &[SecretString]) -> String {
    let mut found = Vec::new();
    for view in views(text) {
        for secret in secrets {
            find(&view, secret.expose_secret().as_bytes(), text, &mut found);
        }
        find_signatures(&view, &mut found);
    }
    without(text, found)
}

/// Every way to read the text.
fn views(text: &str) -> Vec<Vec<Meant>> {
    let plain: Vec<_> = text.bytes().enumerate().map(|(at, byte)| Meant { byte, from: at, to: at + 1 }).collect();
    let mut views = vec![plain];
    let mut latest = 0;
    for _ in 0..DEPTH {
        let before = std::mem::replace(&mut latest, views.len());
        for index in before..latest {
            for undo in [percent as Undo, json, html] {
                views.extend(undone(&views[index], undo));
            }
        }
    }
    views
}

/// What is meant where these escapes are undone; `None` where there are none.
fn undone(mut rest: &[Meant], undo: Undo) -> Option<Vec<Meant>> {
    let (mut meant, mut is_any) = (Vec::with_capacity(rest.len()), false);
    while let Some(first) = rest.first() {
        let (bytes, length) = undo(rest).inspect(|_| is_any = true).unwrap_or((vec![first.byte], 1));
        let (from, to) = (first.from, rest[length - 1].to);
        meant.extend(bytes.into_iter().map(|byte| Meant { byte, from, to }));
        rest = &rest[length..];
    }
    is_any.then_some(meant)
}

/// `%3D`, as in an address.
fn percent(rest: &[Meant]) -> Option<(Vec<u8>, usize)> {
    starts(rest, b"%")
        .then(|| number(rest, 1..3, 16))
        .flatten()
        .and_then(|byte| Some((vec![u8::try_from(byte).ok()?], 3)))
}

/// `\/`, `\u003d`, `\"`.
fn json(rest: &[Meant]) -> Option<(Vec<u8>, usize)> {
    if !starts(rest, b"\\") {
        return None;
    }
    let byte = match rest.get(1)?.byte {
        b'u' => return utf16(rest),
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        same @ (b'"' | b'\\' | b'/' | b'\'') => same,
        _ => return None,
    };
    Some((vec![byte], 2))
}

/// `\u003d`, or two of them for what takes two.
fn utf16(rest: &[Meant]) -> Option<(Vec<u8>, usize)> {
    let unit = |at: usize| {
        let rest = rest.get(at..).filter(|rest| starts(rest, b"\\u"))?;
        u16::try_from(number(rest, 2..6, 16)?).ok()
    };
    let first = unit(0)?;
    let one = char::decode_utf16([first]).next()?.ok().map(|one| (one, 6));
    let two = || Some((char::decode_utf16([first, unit(6)?]).next()?.ok()?, 12));
    let (letter, length) = one.or_else(two)?;
    Some((letter.to_string().into_bytes(), length))
}

/// `&amp;`, `&#61;`, `&#x3D;`.
fn html(rest: &[Meant]) -> Option<(Vec<u8>, usize)> {
    const NAMES: [(&[u8], u8); 5] =
        [(b"&amp;", b'&'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&quot;", b'"'), (b"&apos;", b'\'')];
    if let Some((name, byte)) = NAMES.into_iter().find(|(name, _)| starts(rest, name)) {
        return Some((vec![byte], name.len()));
    }
    if !starts(rest, b"&#") {
        return None;
    }
    let (begin, radix) = if rest.get(2)?.byte.eq_ignore_ascii_case(&b'x') { (3, 16) } else { (2, 10) };
    let end = rest.iter().take(begin + 8).position(|meant| meant.byte == b';')?;
    let letter = char::from_u32(number(rest, begin..end, radix)?)?;
    Some((letter.to_string().into_bytes(), end + 1))
}

fn starts(rest: &[Meant], with: &[u8]) -> bool {
    rest.len() >= with.len() && rest.iter().zip(with).all(|(meant, byte)| meant.byte.eq_ignore_ascii_case(byte))
}

fn number(rest: &[Meant], digits: Range<usize>, radix: u32) -> Option<u32> {
    let digits = rest.get(digits).filter(|digits| !digits.is_empty())?;
    digits
        .iter()
        .try_fold(0u32, |number, digit| number.checked_mul(radix)?.checked_add(char::from(digit.byte).to_digit(radix)?))
}

/// Where the secret stands, or a piece of it.
fn find(view: &[Meant], secret: &[u8], text: &str, found: &mut Vec<Range<usize>>) {
    let mut rest = view;
    while let Some(first) = rest.first() {
        let common = rest.iter().zip(secret).take_while(|(meant, byte)| meant.byte == **byte).count();
        let is_whole = common == secret.len();
        if common == 0 || !(is_whole || common >= PIECE) {
            rest = &rest[1..];
            continue;
        }
        let end = rest[common - 1].to;
        found.push(first.from..if is_whole { end } else { end_of_word(text, end) });
        rest = &rest[common..];
    }
}

/// A secret that was cut off or goes on in a way that is not known here goes on to the end of the word.
fn end_of_word(text: &str, from: usize) -> usize {
    let from = (from..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let is_end = |c: char| c.is_whitespace() || c.is_control() || "\"'<>,;(){}[]".contains(c);
    text[from..].find(is_end).map_or(text.len(), |length| from + length)
}

/// Where signatures stand, in the form of the header that carries them.
fn find_signatures(view: &[Meant], found: &mut Vec<Range<usize>>) {
    for at in 0..view.len() {
        if !starts(&view[at..], SIGNATURE) {
            continue;
        }
        let digits = &view[at + SIGNATURE.len()..];
        let count = digits.iter().take_while(|digit| digit.byte.is_ascii_hexdigit()).count();
        found.extend(count.checked_sub(1).map(|last| digits[0].from..digits[last].to));
    }
}

/// The text with a mark in the place of each of these parts, which may overlap.
fn without(text: &str, mut parts: Vec<Range<usize>>) -> String {
    parts.sort_by_key(|part| part.start);
    let (mut rest, mut left) = (0, String::with_capacity(text.len()));
    for part in parts {
        if part.start >= rest {
            left.push_str(text.get(rest..part.start).unwrap_or_default());
            left.push_str(MARK);
        }
        rest = rest.max(part.end);
    }
    left.push_str(text.get(rest..).unwrap_or_default());
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the form that a token has, with what each way of writing changes.
    const TOKEN: &str = "MIIEAgYJKoZIhvcNAQ/cCoIID8z=CCA+8CAQExDTALBglghkgBZQMEAgEwgg==";

    fn without_token(text: &str) -> String {
        redacted(text, &[TOKEN.into()])
    }

    #[test]
    fn a_token_is_found_in_every_way_of_writing() {
        let quoted = serde_json::Value::from(TOKEN).to_string();
        let gson = quoted.replace('=', "\\u003d");
        let php = quoted.replace('/', "\\/");
        let percent = TOKEN.replace('/', "%2F").replace('=', "%3D").replace('+', "%2B");
        let html = TOKEN.replace('/', "&#x2F;").replace('=', "&#61;").replace('+', "&#X2b;");
        let forms = [
            TOKEN.to_owned(),
            php.replace('=', "\\u003D"),
            gson.replace('\\', "\\\\"),
            percent.replace('%', "%25"),
            percent.replace("%2F", "%2f"),
            percentless(&gson),
            gson,
            php,
            percent,
            html,
        ];
        for source in forms {
            let source = source.trim_matches('"');
            for text in
                [format!("the token {source} has expired"), format!("{{\"t\":\"{source}\"}}"), source.to_owned()]
            {
                assert_eq!(without_token(&text), text.replace(source, MARK), "{source}");
            }
        }
    }

    /// JSON in an address.
    fn percentless(json: &str) -> String {
        json.replace('\\', "%5C").replace('/', "%2F")
    }

    #[test]
    fn a_piece_of_a_token_is_found_to_its_end() {
        assert_eq!(without_token(&format!("token {} expired", &TOKEN[..40])), "token [REDACTED] expired");
        assert_eq!(without_token(&format!("token {}... expired", &TOKEN[..16])), "token [REDACTED] expired");
        // What follows in a way of writing that nobody knows.
        assert_eq!(without_token(&format!("<{}=3Drest> b", &TOKEN[..20])), "<[REDACTED]> b");
        let shorter = format!("token {} expired", &TOKEN[..15]);
        assert_eq!(without_token(&shorter), shorter);
        assert_eq!(redacted("größer MIIEAgYJKoZIhvcNü b", &["MIIEAgYJKoZIhvcNAQ".into()]), "größer [REDACTED] b");
    }

    #[test]
    fn what_is_no_secret_stays() {
        let secrets: Vec<SecretString> = vec!["".into(), TOKEN.into(), "100%25".into()];
        for text in ["", "a 100% \\u12 \\ud800 \\ &# &#x; &#xffffffff; %", "größer", "signature time:20260101T000000Z"]
        {
            assert_eq!(redacted(text, &secrets), text);
        }
        assert_eq!(redacted("100%25 and 100%2525", &secrets), "[REDACTED] and [REDACTED]");
        assert_eq!(redacted("a\"b\\c a\\\"b\\\\c a\\u0022b", &["a\"b\\c".into()]), "[REDACTED] [REDACTED] a\\u0022b");
        assert_eq!(redacted("\\ud83d\\ude00! 😀!", &["😀!".into()]), "[REDACTED] [REDACTED]");
    }

    #[test]
    fn a_signature_is_not_shown() {
        let header = "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date, Signature=";
        let signature = "461dc2f4f20bbc67131911a2a1301388690bc834a8e88f623cd69ca7e8d2c21f";
        assert_eq!(redacted(&format!("{header}{signature}, no"), &[]), format!("{header}{MARK}, no"));
        assert_eq!(redacted(&format!("signature%3D{signature}&a"), &[]), format!("signature%3D{MARK}&a"));
    }

    #[test]
    fn a_long_text_takes_no_long_time() {
        let secrets: Vec<SecretString> = vec!["%".repeat(20_000).into(), "ab".repeat(20_000).into()];
        for text in ["%25".repeat(20_000), "ab".repeat(30_000), "\\\\".repeat(30_000), "&amp;".repeat(12_000)] {
            let began = std::time::Instant::now();
            assert!(redacted(&text, &secrets).len() <= text.len());
            assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
        }
    }
}
