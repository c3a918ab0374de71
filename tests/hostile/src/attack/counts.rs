//! Counts and lengths that nothing follows, at every place of every request.

use std::io;

use broker::wire::versions::APIS;
use fuzz_bodies::schema::{Field, Kind, MESSAGES, Value, Values, write};

use super::Target;

const HUGE: [&[u8]; 4] = [
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x00, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0xff, 0xff, 0xff, 0x7f],
];

/// One of everything.
struct Ones;

impl Values for Ones {
    fn is_null(&mut self, _: &Field) -> bool {
        false
    }

    fn is_there(&mut self, _: &Field) -> bool {
        true
    }

    fn count(&mut self, _: &Field) -> usize {
        1
    }

    fn value(&mut self, field: &Field) -> Value {
        match field.kind {
            // Not the good clients' own: what is left of a request may be a sound one, and delete it.
            Kind::String => Value::Text("theirs".to_owned()),
            Kind::Bytes | Kind::Records => Value::Bytes(vec![1]),
            Kind::Uuid => Value::Uuid(uuid::Uuid::from_u128(9)),
            _ => Value::Number(1),
        }
    }
}

/// A version of an API, with a huge number at each byte in turn.
pub(super) fn everywhere(target: &Target<'_>) -> io::Result<()> {
    let versions = APIS
        .iter()
        .flat_map(|api| (api.min..=api.max).map(move |version| (api, version)));
    let count = versions.clone().count() as u64;
    let Some((api, version)) = versions.clone().nth((target.number() % count) as usize) else {
        return Ok(());
    };
    let Some(message) = MESSAGES.request(api.key as i16) else {
        return Ok(());
    };
    let body = write(message, version, &mut Ones);
    let mut client = target.open()?;
    for at in 0..body.len() {
        for huge in HUGE {
            let mut damaged = body[..at].to_vec();
            damaged.extend_from_slice(huge);
            damaged.extend_from_slice(body.get(at + huge.len()..).unwrap_or_default());
            let sent = client
                .request(api.key, version, &damaged)
                .and_then(|()| client.answer());
            if !target.goes_on() {
                return Ok(());
            }
            if sent.is_err() {
                client = target.open()?;
            }
        }
    }
    Ok(())
}
