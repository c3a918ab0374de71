use serde::Serialize;

use super::{Cell, Color, Format, OutputArgs, Page, Report, human_bytes};

#[derive(Serialize)]
struct Two {
    name: &'static str,
    count: u64,
    nothing: Option<u8>,
}

#[derive(Serialize)]
struct Rows(Vec<Two>);

impl Report for Rows {
    fn draw(&self, page: &mut Page) {
        page.heading("rows");
        let row = |two: &Two| vec![Cell::good(two.name), Cell::plain(two.count), Cell::some(two.nothing)];
        page.table(&["name", ">count", "nothing"], self.0.iter().map(row).collect());
    }
}

fn rendered(output: Format) -> String {
    let args = OutputArgs {
        output,
        color: Color::Never,
    };
    let rows = Rows(vec![
        Two {
            name: "a: \"b\"\n\u{1b}[31m",
            count: 1000,
            nothing: None,
        },
        Two {
            name: "größe",
            count: 7,
            nothing: Some(1),
        },
    ]);
    args.render(&rows).unwrap()
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn a_table_has_columns_and_no_control_characters() {
    let text = plain(&rendered(Format::Table));
    let lines: Vec<&str> = text.lines().collect();
    let expected = [
        "rows",
        "NAME                COUNT  NOTHING",
        "a: \"b\"\\n\\u{1b}[31m   1000  -",
        "größe                   7  1",
    ];
    assert_eq!(lines, expected, "{text}");
}

#[test]
fn programs_get_the_value() {
    let json: serde_json::Value = serde_json::from_str(&rendered(Format::Json)).unwrap();
    assert_eq!(json[0]["name"], "a: \"b\"\n\u{1b}[31m");
    assert_eq!(
        (json[1]["count"].as_u64(), json[1]["nothing"].as_u64()),
        (Some(7), Some(1))
    );
    let yaml = rendered(Format::Yaml);
    assert!(
        yaml.contains("name: größe\n") && yaml.contains("count: 1000\n"),
        "{yaml}"
    );
}

#[test]
fn bytes_for_people() {
    assert_eq!(
        [0, 1023, 1024, 1_572_864].map(human_bytes),
        ["0 B", "1023 B", "1.0 KiB", "1.5 MiB"]
    );
    assert_eq!(human_bytes(u64::MAX), "16384.0 PiB");
}
