use broker::wire::versions::APIS;

use super::*;

/// Numbers its values, so that each can be told apart.
#[derive(Default)]
struct Counting {
    next: i64,
    written: Vec<Value>,
}

impl Values for Counting {
    fn is_null(&mut self, _: &Field) -> bool {
        false
    }

    fn is_there(&mut self, _: &Field) -> bool {
        true
    }

    fn count(&mut self, _: &Field) -> usize {
        2
    }

    fn value(&mut self, field: &Field) -> Value {
        self.next = (self.next + 1) % 100;
        let value = match field.kind {
            Kind::String => Value::Text(format!("text {}", self.next)),
            Kind::Bytes | Kind::Records => Value::Bytes(vec![self.next as u8]),
            Kind::Uuid => Value::Uuid(uuid::Uuid::from_u128(self.next as u128)),
            Kind::Float64 => Value::Number((self.next as f64).to_bits() as i64),
            Kind::Bool => Value::Number(self.next & 1),
            _ => Value::Number(self.next),
        };
        self.written.push(value.clone());
        match field.kind {
            Kind::Float64 => Value::Number(self.next),
            _ => value,
        }
    }
}

/// Who adds an API finds its fields here already, or makes the tables anew (`schemas.py`).
#[test]
fn every_version_that_is_served_can_be_built_and_its_answer_read() {
    for api in &APIS {
        for (what, message) in [
            ("request", MESSAGES.request(api.key as i16)),
            ("response", MESSAGES.response(api.key as i16)),
        ] {
            let message = message.unwrap_or_else(|| panic!("no {what} of {} in messages.txt", api.name));
            assert_eq!(message.name, api.name);
            assert_eq!(
                message.flexible_from,
                api.flexible_from.min(message.flexible_from),
                "{}",
                api.name
            );
            for version in api.min..=api.max {
                assert!(message.versions.contains(&version), "{} {version}", api.name);
                let mut values = Counting::default();
                let bytes = write(message, version, &mut values);
                let mut told = Vec::new();
                let read = read(message, version, &bytes, |_, value| told.push(value));
                assert_eq!(read, Ok(()), "{what} {} {version}", api.name);
                assert_eq!(told, values.written, "{what} {} {version}", api.name);
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let message = MESSAGES.response(12).unwrap();
    let whole = write(message, 4, &mut Counting::default());
    assert_eq!(read(message, 4, &whole, |_, _| ()), Ok(()));
    assert!(read(message, 4, &whole[..whole.len() - 1], |_, _| ()).is_err());
    let longer = [&whole[..], &[0]].concat();
    assert_eq!(
        read(message, 4, &longer, |_, _| ()),
        Err("1 bytes follow the message".to_owned())
    );
}
