//! A property's value: read from text as Kafka's `ConfigDef` reads it, checked, and written back in one form.

use std::fmt;

use super::error::InvalidValue;
use super::listeners::HostPort;
use super::properties::{Check, ConfigType, Property};

/// A value of a property.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// A BOOLEAN.
    Bool(bool),
    /// A SHORT, an INT or a LONG.
    Int(i64),
    /// A DOUBLE.
    Double(f64),
    /// A STRING, a CLASS or a PASSWORD.
    Text(String),
    /// A LIST, without repetitions (but for throttled replicas).
    List(Vec<String>),
}

/// As DescribeConfigs shows it: a list joined by commas, no value as an empty text.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Bool(value) => value.fmt(f),
            Value::Int(value) => value.fmt(f),
            Value::Double(value) => f.write_str(&double_text(*value)),
            Value::Text(value) => f.write_str(value),
            Value::List(values) => f.write_str(&values.join(",")),
        }
    }
}

impl Value {
    /// The text of the value, `None` for no value.
    pub fn to_text(&self) -> Option<String> {
        (*self != Value::Null).then(|| self.to_string())
    }
}

/// As Java writes a double: plain from 0.001 to 10,000,000, with an exponent beyond, and always a fraction.
fn double_text(value: f64) -> String {
    let plain = value == 0.0 || (1e-3..1e7).contains(&value.abs());
    let text = if plain {
        format!("{value}")
    } else {
        format!("{value:E}")
    };
    let (digits, exponent) = text
        .split_once('E')
        .map_or((text.as_str(), ""), |(digits, _)| (digits, &text[digits.len()..]));
    let fraction = if digits.contains('.') || !value.is_finite() {
        ""
    } else {
        ".0"
    };
    format!("{digits}{fraction}{exponent}")
}

impl Property {
    /// Reads and checks a value. White space around it does not count.
    pub fn parse(&self, text: &str) -> Result<Value, InvalidValue> {
        let value = self.parse_type(text.trim())?;
        self.check.verify(&value)?;
        Ok(value)
    }

    /// The default's value.
    pub fn default_value(&self) -> Value {
        self.default
            .map_or(Value::Null, |text| self.parse_type(text).unwrap_or(Value::Null))
    }

    fn parse_type(&self, text: &str) -> Result<Value, InvalidValue> {
        let number = || InvalidValue::NotANumber { kind: self.kind.word() };
        Ok(match self.kind {
            ConfigType::Boolean if text.eq_ignore_ascii_case("true") => Value::Bool(true),
            ConfigType::Boolean if text.eq_ignore_ascii_case("false") => Value::Bool(false),
            ConfigType::Boolean => return Err(InvalidValue::NotABoolean),
            ConfigType::Short => Value::Int(text.parse::<i16>().map_err(|_| number())?.into()),
            ConfigType::Int => Value::Int(text.parse::<i32>().map_err(|_| number())?.into()),
            ConfigType::Long => Value::Int(text.parse::<i64>().map_err(|_| number())?),
            ConfigType::Double => Value::Double(parse_double(text).ok_or_else(number)?),
            ConfigType::String | ConfigType::Class | ConfigType::Password => Value::Text(text.to_owned()),
            ConfigType::List if self.check == Check::ThrottledReplicas => Value::List(all_elements(text)),
            ConfigType::List => Value::List(parse_list(text)?),
        })
    }
}

/// A decimal number; as in Java, one letter may say which type it is.
fn parse_double(text: &str) -> Option<f64> {
    let is_number = |text: &&str| text.ends_with(|last: char| last.is_ascii_digit() || last == '.');
    let digits = text.strip_suffix(['f', 'F', 'd', 'D']).filter(is_number);
    digits.unwrap_or(text).parse().ok()
}

/// A list as it stands, repetitions and empty elements included.
fn all_elements(text: &str) -> Vec<String> {
    match text {
        "" => Vec::new(),
        _ => text.split(',').map(|element| element.trim().to_owned()).collect(),
    }
}

fn parse_list(text: &str) -> Result<Vec<String>, InvalidValue> {
    let mut values: Vec<String> = Vec::new();
    if text.is_empty() {
        return Ok(values);
    }
    for element in text.split(',').map(str::trim) {
        if element.is_empty() {
            return Err(InvalidValue::EmptyElement);
        }
        if !values.iter().any(|value| value == element) {
            values.push(element.to_owned());
        }
    }
    Ok(values)
}

impl Check {
    fn verify(&self, value: &Value) -> Result<(), InvalidValue> {
        match (self, value) {
            (Check::Any, _) | (_, Value::Null) => Ok(()),
            (Check::Range { exception, least, most }, Value::Int(number)) => {
                if Some(*number) == *exception {
                    Ok(())
                } else {
                    within(*number as f64, *least, *most, *exception)
                }
            }
            (Check::Range { least, most, .. }, Value::Double(number)) => within(*number, *least, *most, None),
            (Check::OneOf { allowed, any_case }, Value::Text(text)) => {
                let same = |word: &&str| {
                    if *any_case {
                        word.eq_ignore_ascii_case(text)
                    } else {
                        word == text
                    }
                };
                if allowed.iter().any(same) {
                    Ok(())
                } else {
                    Err(not_one_of(allowed))
                }
            }
            (Check::AnyOf { may_be_empty, .. }, Value::List(list)) if list.is_empty() => {
                if *may_be_empty {
                    Ok(())
                } else {
                    Err(InvalidValue::Empty)
                }
            }
            (Check::AnyOf { allowed, .. }, Value::List(list)) => {
                let known = |element: &String| allowed.contains(&element.as_str());
                if list.iter().all(known) {
                    Ok(())
                } else {
                    Err(not_one_of(allowed))
                }
            }
            (Check::NonEmpty, Value::Text(text)) if text.is_empty() => Err(InvalidValue::Empty),
            (Check::NonEmpty, Value::List(list)) if list.is_empty() => Err(InvalidValue::Empty),
            (Check::NonEmpty, _) => Ok(()),
            (Check::HostPorts, Value::List(list)) => each(list, "a list of HOST:PORT", is_host_port),
            (Check::Voters, Value::List(list)) => each(list, "a list of ID@HOST:PORT", is_voter),
            (Check::ThrottledReplicas, Value::List(list)) if list.concat() == "*" => Ok(()),
            (Check::ThrottledReplicas, Value::List(list)) => {
                each(list, "* or a list of PARTITION:BROKER", is_throttled_replica)
            }
            (Check::OffsetReset, Value::Text(text)) => {
                let known = text == "earliest" || text == "latest" || text.starts_with("by_duration:P");
                if known {
                    Ok(())
                } else {
                    Err(not_one_of(&["earliest", "latest", "by_duration:PnDTnHnMn.nS"]))
                }
            }
            // A check that does not fit its property's type; a test shows that the table has none.
            (_, _) => Ok(()),
        }
    }
}

fn within(number: f64, least: f64, most: f64, exception: Option<i64>) -> Result<(), InvalidValue> {
    // Written so that NaN is outside.
    if number >= least && number <= most {
        Ok(())
    } else {
        Err(InvalidValue::OutOfRange { least, most, exception })
    }
}

fn not_one_of(allowed: &[&str]) -> InvalidValue {
    InvalidValue::NotOneOf {
        allowed: allowed.join(", "),
    }
}

fn each(list: &[String], expected: &'static str, fits: fn(&str) -> bool) -> Result<(), InvalidValue> {
    if list.iter().all(|element| fits(element)) {
        Ok(())
    } else {
        Err(InvalidValue::Malformed { expected })
    }
}

fn is_host_port(text: &str) -> bool {
    text.parse::<HostPort>().is_ok_and(|address| !address.host.is_empty())
}

fn is_voter(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(id, address)| id.parse::<i32>().is_ok_and(|id| id >= 0) && is_host_port(address))
}

fn is_throttled_replica(text: &str) -> bool {
    let is_id = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_replica = text
        .split_once(':')
        .is_some_and(|(partition, broker)| is_id(partition) && is_id(broker));
    is_replica || text.is_empty()
}
