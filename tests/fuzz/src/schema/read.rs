//! Reads a message, and refuses whatever is not exactly that.

use super::{Field, Kind, Message, Value, split};

/// Reads a whole message, and tells of each value in it.
pub fn read(message: &Message, version: i16, bytes: &[u8], mut tell: impl FnMut(&Field, Value)) -> Result<(), String> {
    let mut reader = Reader {
        bytes,
        version,
        flexible: message.is_flexible(version),
        tell: &mut tell,
    };
    reader.structure(&message.fields)?;
    match reader.bytes.len() {
        0 => Ok(()),
        left => Err(format!("{left} bytes follow the message")),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    version: i16,
    flexible: bool,
    tell: &'a mut dyn FnMut(&Field, Value),
}

impl<'a> Reader<'a> {
    fn structure(&mut self, fields: &[Field]) -> Result<(), String> {
        let version = self.version;
        let (plain, tagged) = split(fields, version);
        for field in plain {
            self.field(field)
                .map_err(|problem| format!("{}: {problem}", field.name))?;
        }
        if !self.flexible {
            return Ok(());
        }
        let tagged: Vec<_> = tagged.collect();
        let mut last = None;
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            if last.replace(tag).is_some_and(|last| last >= tag) {
                return Err(format!("tag {tag} is not larger than the one before"));
            }
            let len = self.varint()? as usize;
            let content = self.take(len)?;
            let Some((_, field)) = tagged.iter().find(|(known, _)| *known == tag) else {
                return Err(format!("there is no tagged field {tag}"));
            };
            let mut inner = Reader {
                bytes: content,
                version,
                flexible: true,
                tell: &mut *self.tell,
            };
            inner
                .field(field)
                .map_err(|problem| format!("{}: {problem}", field.name))?;
            if !inner.bytes.is_empty() {
                return Err(format!("{}: {} bytes follow it", field.name, inner.bytes.len()));
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &Field) -> Result<(), String> {
        if !field.is_array {
            return self.single(field);
        }
        let Some(count) = self.length(field, false)? else {
            return Ok(());
        };
        for place in 0..count {
            let read = match field.kind {
                Kind::Struct => self.structure(&field.fields),
                _ => self.single(field),
            };
            read.map_err(|problem| format!("[{place}] {problem}"))?;
        }
        Ok(())
    }

    fn single(&mut self, field: &Field) -> Result<(), String> {
        let value = match field.kind {
            Kind::Struct => {
                if field.is_nullable(self.version) && self.number(1)? < 0 {
                    return Ok(());
                }
                return self.structure(&field.fields);
            }
            Kind::Bool | Kind::Int8 => Value::Number(self.number(1)?),
            Kind::Int16 => Value::Number(self.number(2)?),
            Kind::Uint16 => Value::Number(self.number(2)? & 0xffff),
            Kind::Int32 => Value::Number(self.number(4)?),
            Kind::Int64 | Kind::Float64 => Value::Number(self.number(8)?),
            Kind::Uuid => Value::Uuid(uuid::Uuid::from_slice(self.take(16)?).map_err(|error| error.to_string())?),
            Kind::String => match self.length(field, true)? {
                None => return Ok(()),
                Some(len) => match std::str::from_utf8(self.take(len)?) {
                    Ok(text) => Value::Text(text.to_owned()),
                    Err(error) => return Err(error.to_string()),
                },
            },
            Kind::Bytes | Kind::Records => match self.length(field, false)? {
                None => return Ok(()),
                Some(len) => Value::Bytes(self.take(len)?.to_vec()),
            },
        };
        (self.tell)(field, value);
        Ok(())
    }

    fn length(&mut self, field: &Field, is_string: bool) -> Result<Option<usize>, String> {
        let length = match (self.flexible, is_string) {
            (true, _) => i64::from(self.varint()?) - 1,
            (false, true) => self.number(2)?,
            (false, false) => self.number(4)?,
        };
        match length {
            // Kafka's own answers have a null array in a few fields that are not nullable by the schema.
            -1 if field.is_nullable(self.version) => Ok(None),
            0.. if length <= self.bytes.len() as i64 => Ok(Some(length as usize)),
            _ => Err(format!("a length of {length}, {} bytes are left", self.bytes.len())),
        }
    }

    fn number(&mut self, len: usize) -> Result<i64, String> {
        let bytes = self.take(len)?;
        let first = i64::from(bytes[0] as i8);
        Ok(bytes[1..]
            .iter()
            .fold(first, |number, byte| number << 8 | i64::from(*byte)))
    }

    fn varint(&mut self) -> Result<u32, String> {
        let mut number = 0_u32;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a varint of more than five bytes".to_owned())
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        match self.bytes.split_at_checked(len) {
            Some((taken, left)) => {
                self.bytes = left;
                Ok(taken)
            }
            None => Err(format!("{len} bytes are needed, {} are left", self.bytes.len())),
        }
    }
}
