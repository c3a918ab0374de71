//! The part of OTLP's `MetricsData` that clients push: numbers, with their attributes.
//!
//! Reads the protocol buffers where they lie, and hands out each number as it is met: a message of a megabyte makes no
//! structures of a hundred, however many empty elements it claims. What is not needed is skipped, histograms among it: no
//! client pushes any. Invariant: never panics, never allocates, and takes time in proportion to the bytes: a resource is read
//! once, however many numbers it has.
//!
//! ```text
//! MetricsData     1 resource_metrics*
//! ResourceMetrics 1 resource  2 scope_metrics*
//! Resource        1 attributes*
//! ScopeMetrics    2 metrics*
//! Metric          1 name  5 gauge  7 sum
//! Gauge           1 data_points*
//! Sum             1 data_points*  2 aggregation_temporality (1 delta, 2 cumulative)  3 is_monotonic
//! NumberDataPoint 4 as_double  6 as_int (sfixed64)  7 attributes*
//! KeyValue        1 key  2 value
//! AnyValue        1 string  2 bool  3 int  4 double
//! ```
//!
//! Source: opentelemetry-proto, `metrics/v1/metrics.proto` and `common/v1/common.proto`.

use std::fmt;

/// Attributes of a resource that its numbers have; more are left out.
pub const MAX_RESOURCE_ATTRIBUTES: usize = 16;

/// Bytes that are no metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no metrics of OTLP")]
pub struct MalformedMetrics;

/// How a number is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberKind {
    /// It replaces the one before.
    Gauge,
    /// A sum that only grows, since the client began.
    Cumulative,
    /// What was added to such a sum since the last push.
    Delta,
}

/// One number.
#[derive(Debug, Clone, Copy)]
pub struct Point<'a, 'r> {
    /// Name of the metric.
    pub name: &'a str,
    /// How it is to be taken.
    pub kind: NumberKind,
    /// The number.
    pub value: f64,
    resource: &'r Resource<'a>,
    point: &'a [u8],
}

/// What all numbers of a resource have in common.
#[derive(Debug, Default)]
struct Resource<'a> {
    attributes: [Option<(&'a str, AttributeValue<'a>)>; MAX_RESOURCE_ATTRIBUTES],
}

impl<'a> Resource<'a> {
    fn read(message: &'a [u8]) -> Result<Self, MalformedMetrics> {
        let mut resource = Resource::default();
        let mut free = resource.attributes.iter_mut();
        attributes(message, 1, &mut |name, value| {
            if let Some(place) = free.next() {
                *place = Some((name, value));
            }
        })?;
        Ok(resource)
    }
}

/// The value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AttributeValue<'a> {
    /// A text.
    Text(&'a str),
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
}

impl fmt::Display for AttributeValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttributeValue::Text(text) => f.write_str(text),
            AttributeValue::Bool(value) => value.fmt(f),
            AttributeValue::Int(value) => value.fmt(f),
            AttributeValue::Double(value) => value.fmt(f),
        }
    }
}

impl<'a> Point<'a, '_> {
    /// Its attributes, those of its resource first.
    pub fn for_each_attribute(&self, see: &mut dyn FnMut(&'a str, AttributeValue<'a>)) -> Result<(), MalformedMetrics> {
        for (name, value) in self.resource.attributes.iter().flatten() {
            see(name, *value);
        }
        attributes(self.point, 7, see)
    }
}

/// Hands out every number. An error may come after some were.
pub fn for_each_point<'a>(bytes: &'a [u8], see: &mut dyn FnMut(Point<'a, '_>)) -> Result<(), MalformedMetrics> {
    fields(bytes, &mut |field| match field {
        (1, Field::Bytes(resource_metrics)) => {
            let mut resource: &[u8] = &[];
            fields(resource_metrics, &mut |field| {
                if let (1, Field::Bytes(found)) = field {
                    resource = found;
                }
                Ok(())
            })?;
            let resource = Resource::read(resource)?;
            fields(resource_metrics, &mut |field| match field {
                (2, Field::Bytes(scope_metrics)) => fields(scope_metrics, &mut |field| match field {
                    (2, Field::Bytes(metric)) => read_metric(metric, &resource, see),
                    _ => Ok(()),
                }),
                _ => Ok(()),
            })
        }
        _ => Ok(()),
    })
}

fn read_metric<'a>(
    metric: &'a [u8],
    resource: &Resource<'a>,
    see: &mut dyn FnMut(Point<'a, '_>),
) -> Result<(), MalformedMetrics> {
    let (mut name, mut data) = ("", None);
    fields(metric, &mut |field| {
        match field {
            (1, Field::Bytes(bytes)) => name = text(bytes)?,
            (5, Field::Bytes(gauge)) => data = Some((gauge, NumberKind::Gauge)),
            (7, Field::Bytes(sum)) => data = Some((sum, kind_of(sum)?)),
            _ => {}
        }
        Ok(())
    })?;
    let Some((data, kind)) = data else { return Ok(()) };
    fields(data, &mut |field| {
        if let (1, Field::Bytes(point)) = field {
            attributes(point, 7, &mut |_, _| {})?;
            if let Some(value) = number(point)? {
                see(Point {
                    name,
                    kind,
                    value,
                    resource,
                    point,
                });
            }
        }
        Ok(())
    })
}

/// A sum that may shrink is shown as it is.
fn kind_of(sum: &[u8]) -> Result<NumberKind, MalformedMetrics> {
    const DELTA: u64 = 1;
    let (mut temporality, mut is_monotonic) = (0, false);
    fields(sum, &mut |field| {
        match field {
            (2, Field::Varint(value)) => temporality = value,
            (3, Field::Varint(value)) => is_monotonic = value != 0,
            _ => {}
        }
        Ok(())
    })?;
    Ok(match (temporality, is_monotonic) {
        (_, false) => NumberKind::Gauge,
        (DELTA, true) => NumberKind::Delta,
        (_, true) => NumberKind::Cumulative,
    })
}

fn number(point: &[u8]) -> Result<Option<f64>, MalformedMetrics> {
    let mut number = None;
    fields(point, &mut |field| {
        match field {
            (4, Field::Fixed64(bits)) => number = Some(f64::from_bits(bits)),
            (6, Field::Fixed64(bits)) => number = Some(bits as i64 as f64),
            _ => {}
        }
        Ok(())
    })?;
    Ok(number)
}

fn attributes<'a>(
    message: &'a [u8],
    number: u64,
    see: &mut dyn FnMut(&'a str, AttributeValue<'a>),
) -> Result<(), MalformedMetrics> {
    fields(message, &mut |field| {
        let (found, Field::Bytes(attribute)) = field else {
            return Ok(());
        };
        if found != number {
            return Ok(());
        }
        let (mut key, mut value) = ("", None);
        fields(attribute, &mut |field| {
            match field {
                (1, Field::Bytes(bytes)) => key = text(bytes)?,
                (2, Field::Bytes(any)) => value = any_value(any)?,
                _ => {}
            }
            Ok(())
        })?;
        if let Some(value) = value {
            see(key, value);
        }
        Ok(())
    })
}

/// `None` for lists, maps and bytes.
fn any_value(any: &[u8]) -> Result<Option<AttributeValue<'_>>, MalformedMetrics> {
    let mut value = None;
    fields(any, &mut |field| {
        match field {
            (1, Field::Bytes(bytes)) => value = Some(AttributeValue::Text(text(bytes)?)),
            (2, Field::Varint(bits)) => value = Some(AttributeValue::Bool(bits != 0)),
            (3, Field::Varint(bits)) => value = Some(AttributeValue::Int(bits as i64)),
            (4, Field::Fixed64(bits)) => value = Some(AttributeValue::Double(f64::from_bits(bits))),
            _ => {}
        }
        Ok(())
    })?;
    Ok(value)
}

fn text(bytes: &[u8]) -> Result<&str, MalformedMetrics> {
    str::from_utf8(bytes).map_err(|_| MalformedMetrics)
}

/// The content of a field, by its wire type.
#[derive(Debug, Clone, Copy)]
enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

/// Hands out the fields of a message: number and content.
fn fields<'a>(
    mut message: &'a [u8],
    see: &mut dyn FnMut((u64, Field<'a>)) -> Result<(), MalformedMetrics>,
) -> Result<(), MalformedMetrics> {
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let field = match key & 7 {
            0 => Field::Varint(varint(&mut message)?),
            1 => Field::Fixed64(u64::from_le_bytes(
                take(&mut message, 8)?.try_into().map_err(|_| MalformedMetrics)?,
            )),
            2 => {
                let len = usize::try_from(varint(&mut message)?).map_err(|_| MalformedMetrics)?;
                Field::Bytes(take(&mut message, len)?)
            }
            5 => {
                take(&mut message, 4)?;
                Field::Fixed32
            }
            // Groups are of protocol buffers that nobody writes any more.
            _ => return Err(MalformedMetrics),
        };
        if key >> 3 == 0 {
            return Err(MalformedMetrics);
        }
        see((key >> 3, field))?;
    }
    Ok(())
}

fn varint(message: &mut &[u8]) -> Result<u64, MalformedMetrics> {
    let mut value = 0;
    for place in 0..10 {
        let (&byte, rest) = message.split_first().ok_or(MalformedMetrics)?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(MalformedMetrics)
}

fn take<'a>(message: &mut &'a [u8], len: usize) -> Result<&'a [u8], MalformedMetrics> {
    let (taken, rest) = message.split_at_checked(len).ok_or(MalformedMetrics)?;
    *message = rest;
    Ok(taken)
}
