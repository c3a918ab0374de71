//! Reads `messages.txt`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::{Field, Kind, Message, Messages};

pub(super) fn messages(text: &'static str) -> Messages {
    let mut messages = Messages {
        requests: BTreeMap::new(),
        responses: BTreeMap::new(),
    };
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let words: Vec<&'static str> = line.split(' ').collect();
        let [kind, key, name, versions, flexible] = words[..] else {
            panic!("messages.txt: not a message: {line}")
        };
        let message = Message {
            name,
            versions: range(versions),
            flexible_from: flexible.parse().unwrap_or(i16::MAX),
            fields: fields(1, name, &mut lines),
        };
        let of_kind = match kind {
            "request" => &mut messages.requests,
            _ => &mut messages.responses,
        };
        of_kind.insert(key.parse().expect("a key is a number"), message);
    }
    messages
}

fn fields(depth: usize, parent: &str, lines: &mut std::iter::Peekable<std::str::Lines<'static>>) -> Vec<Field> {
    let mut fields = Vec::new();
    while let Some(line) = lines.next_if(|line| dots(line) == depth) {
        let mut words = line.split(' ').skip(1);
        let mut word = || words.next().expect("a field has a name, a type and versions");
        let (name, kind, versions) = (word(), word(), range(word()));
        let mut field = Field {
            name,
            meaning: String::new(),
            is_array: kind.starts_with("[]"),
            kind: kind_of(kind.trim_start_matches("[]")),
            versions,
            nullable: None,
            tag: None,
            default: None,
            fields: Vec::new(),
        };
        let mut entity = None;
        for word in words {
            match word.split_once('=') {
                Some(("null", versions)) => field.nullable = Some(range(versions)),
                Some(("tag", tag)) => {
                    let (tag, versions) = tag.split_once('@').expect("a tag has versions");
                    field.tag = Some((tag.parse().expect("a tag is a number"), range(versions)));
                }
                Some(("entity", kind)) => entity = Some(kind),
                Some(("default", value)) => field.default = number(value),
                _ => panic!("messages.txt: {word} in {line}"),
            }
        }
        field.meaning = meaning(name, parent, entity);
        if field.kind == Kind::Struct {
            field.fields = self::fields(depth + 1, name, lines);
        }
        fields.push(field);
    }
    fields
}

fn dots(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b'.').count()
}

fn range(text: &str) -> RangeInclusive<i16> {
    let version = |text: &str| text.parse().expect("a version is a number");
    match text.split_once('-') {
        _ if text.ends_with('+') => version(text.trim_end_matches('+'))..=i16::MAX,
        Some((first, last)) => version(first)..=version(last),
        None => version(text)..=version(text),
    }
}

fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn kind_of(name: &str) -> Kind {
    match name {
        "bool" => Kind::Bool,
        "int8" => Kind::Int8,
        "int16" => Kind::Int16,
        "uint16" => Kind::Uint16,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "float64" => Kind::Float64,
        "uuid" => Kind::Uuid,
        "string" => Kind::String,
        "bytes" => Kind::Bytes,
        "records" => Kind::Records,
        "{}" => Kind::Struct,
        other => panic!("messages.txt: there is no type {other}"),
    }
}

fn meaning(name: &str, parent: &str, entity: Option<&str>) -> String {
    let name = name.to_lowercase();
    let of_entity = match entity {
        Some("topicName") => Some("topic"),
        Some("groupId") => Some("group"),
        Some("transactionalId") => Some("transactionalid"),
        Some("producerId") => Some("producerid"),
        Some("brokerId") => Some("broker"),
        _ => None,
    };
    let of_name = match &*name {
        "name" if parent == "Protocols" => Some("protocolname"),
        "name" if parent.starts_with("Config") => Some("configname"),
        "generationidormemberepoch" | "memberepoch" => Some("generationid"),
        "groupids" | "groupsnames" => Some("group"),
        "topicnames" => Some("topic"),
        "partition" | "partitions" | "partitionindex" | "partitionindexes" | "index" => Some("partition"),
        "currentleaderepoch" | "committedleaderepoch" | "lastfetchedepoch" => Some("leaderepoch"),
        "memberids" => Some("memberid"),
        "producerids" => Some("producerid"),
        "baseoffset" | "highwatermark" | "logstartoffset" | "laststableoffset" | "endoffset" | "startoffset"
        | "fetchoffset" | "committedoffset" => Some("offset"),
        _ => None,
    };
    of_entity.or(of_name).map_or(name.clone(), str::to_owned)
}
