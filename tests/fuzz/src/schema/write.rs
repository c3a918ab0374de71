//! Builds a message.

use super::{Field, Kind, Message, Value, split};

/// Where values come from.
pub trait Values {
    /// Whether a field that may be null is.
    fn is_null(&mut self, field: &Field) -> bool;
    /// Whether a tagged field is there.
    fn is_there(&mut self, field: &Field) -> bool;
    /// How many elements an array has.
    fn count(&mut self, field: &Field) -> usize;
    /// A value of the field's type, or of its elements': what does not fit counts as zero, or empty.
    fn value(&mut self, field: &Field) -> Value;
}

/// The bytes of a message at a version.
pub fn write(message: &Message, version: i16, values: &mut impl Values) -> Vec<u8> {
    let mut writer = Writer {
        bytes: Vec::new(),
        version,
        flexible: message.is_flexible(version),
    };
    writer.structure(&message.fields, values);
    writer.bytes
}

struct Writer {
    bytes: Vec<u8>,
    version: i16,
    flexible: bool,
}

impl Writer {
    fn structure(&mut self, fields: &[Field], values: &mut impl Values) {
        let (plain, tagged) = split(fields, self.version);
        for field in plain {
            self.field(field, values);
        }
        if !self.flexible {
            return;
        }
        let mut present: Vec<_> = tagged.filter(|(_, field)| values.is_there(field)).collect();
        present.sort_by_key(|(tag, _)| *tag);
        put_varint(&mut self.bytes, present.len() as u32);
        for (tag, field) in present {
            let mut content = Writer {
                bytes: Vec::new(),
                ..*self
            };
            content.field(field, values);
            put_varint(&mut self.bytes, tag);
            put_varint(&mut self.bytes, content.bytes.len() as u32);
            self.bytes.extend(content.bytes);
        }
    }

    fn field(&mut self, field: &Field, values: &mut impl Values) {
        let is_null = field.is_nullable(self.version) && values.is_null(field);
        if !field.is_array {
            return self.single(field, is_null, values);
        }
        if is_null {
            return self.length(None, false);
        }
        let count = values.count(field);
        self.length(Some(count), false);
        for _ in 0..count {
            if field.kind == Kind::Struct {
                self.structure(&field.fields, values);
            } else {
                self.single(field, false, values);
            }
        }
    }

    fn single(&mut self, field: &Field, is_null: bool, values: &mut impl Values) {
        match field.kind {
            Kind::Struct => {
                if field.is_nullable(self.version) {
                    self.bytes.push(if is_null { 0xff } else { 1 });
                }
                if !is_null {
                    self.structure(&field.fields, values);
                }
            }
            Kind::String | Kind::Bytes | Kind::Records if is_null => self.length(None, field.kind == Kind::String),
            Kind::String => {
                let text = match values.value(field) {
                    Value::Text(text) => text,
                    _ => String::new(),
                };
                // A length of two bytes.
                let text = text.get(..text.len().min(i16::MAX as usize)).unwrap_or_default();
                self.length(Some(text.len()), true);
                self.bytes.extend_from_slice(text.as_bytes());
            }
            Kind::Bytes | Kind::Records => {
                let bytes = match values.value(field) {
                    Value::Bytes(bytes) => bytes,
                    _ => Vec::new(),
                };
                self.length(Some(bytes.len()), false);
                self.bytes.extend(bytes);
            }
            Kind::Uuid => {
                let uuid = match values.value(field) {
                    Value::Uuid(uuid) => uuid,
                    _ => uuid::Uuid::nil(),
                };
                self.bytes.extend_from_slice(uuid.as_bytes());
            }
            Kind::Bool | Kind::Int8 | Kind::Int16 | Kind::Uint16 | Kind::Int32 | Kind::Int64 | Kind::Float64 => {
                let number = match values.value(field) {
                    Value::Number(number) => number,
                    _ => 0,
                };
                self.number(field.kind, number);
            }
        }
    }

    fn number(&mut self, kind: Kind, number: i64) {
        match kind {
            Kind::Bool => self.bytes.push(u8::from(number & 1 == 1)),
            Kind::Int8 => self.bytes.push(number as u8),
            Kind::Int16 | Kind::Uint16 => self.bytes.extend((number as i16).to_be_bytes()),
            Kind::Int32 => self.bytes.extend((number as i32).to_be_bytes()),
            Kind::Float64 => self.bytes.extend((number as f64).to_be_bytes()),
            _ => self.bytes.extend(number.to_be_bytes()),
        }
    }

    fn length(&mut self, length: Option<usize>, is_string: bool) {
        match length {
            _ if self.flexible => put_varint(&mut self.bytes, length.map_or(0, |length| length as u32 + 1)),
            _ if is_string => self
                .bytes
                .extend(length.map_or(-1, |length| length as i16).to_be_bytes()),
            _ => self
                .bytes
                .extend(length.map_or(-1, |length| length as i32).to_be_bytes()),
        }
    }
}

/// Appends an unsigned varint.
pub fn put_varint(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
