//! Prometheus' text format, version 0.0.4.

use std::fmt::{Display, Write};

use super::instrument::{BOUNDS_MICROS, Histogram};

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations by bucket.
    Histogram,
}

/// Writes families: first [`TextWriter::family`], then its samples.
#[derive(Debug, Default)]
pub struct TextWriter {
    text: String,
    name: &'static str,
}

impl TextWriter {
    /// Begins a family of samples of one name, which must not have been begun before.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.name = name;
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    /// One value of the current family.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.name);
        self.labels(labels, None);
        self.line(format_args!(" {value}"));
    }

    /// A family of one value without labels.
    pub fn single(&mut self, name: &'static str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(&[], value);
    }

    /// One histogram of the current family, its bounds and sum in seconds.
    pub fn histogram(&mut self, labels: &[(&str, &str)], histogram: &Histogram) {
        let (buckets, sum_micros) = histogram.snapshot();
        let mut cumulative = 0;
        for (i, count) in buckets.into_iter().enumerate() {
            cumulative += count;
            let bound = BOUNDS_MICROS
                .get(i)
                .map_or("+Inf".to_owned(), |micros| (*micros as f64 / 1e6).to_string());
            self.text.push_str(self.name);
            self.text.push_str("_bucket");
            self.labels(labels, Some(&bound));
            self.line(format_args!(" {cumulative}"));
        }
        for (suffix, value) in [("_sum", sum_micros as f64 / 1e6), ("_count", cumulative as f64)] {
            self.text.push_str(self.name);
            self.text.push_str(suffix);
            self.labels(labels, None);
            self.line(format_args!(" {value}"));
        }
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    fn labels(&mut self, labels: &[(&str, &str)], bound: Option<&str>) {
        let labels = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        let mut separator = '{';
        for (name, value) in labels {
            self.text.push(separator);
            separator = ',';
            self.text.push_str(name);
            self.text.push_str("=\"");
            for c in value.chars() {
                match c {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    c => self.text.push(c),
                }
            }
            self.text.push('"');
        }
        if separator == ',' {
            self.text.push('}');
        }
    }

    fn line(&mut self, rest: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{rest}").expect("a String takes any text");
    }
}
