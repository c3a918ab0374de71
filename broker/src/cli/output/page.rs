//! A page for people: headings, facts, tables and notes, in columns that fit their widest cell.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

const GAP: &str = "  ";

/// A piece of text with a meaning that a colour can show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Tone {
    #[default]
    Plain,
    Good,
    Bad,
    Dim,
    Strong,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Tone::Plain => Style::new(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default(),
            Tone::Dim => Style::new().dimmed(),
            Tone::Strong => Style::new().bold(),
        }
    }
}

impl Cell {
    /// Without a colour.
    pub(crate) fn plain(text: impl ToString) -> Self {
        Cell::of(text, Tone::Plain)
    }

    /// As it should be.
    pub(crate) fn good(text: impl ToString) -> Self {
        Cell::of(text, Tone::Good)
    }

    /// Not as it should be.
    pub(crate) fn bad(text: impl ToString) -> Self {
        Cell::of(text, Tone::Bad)
    }

    /// Of less interest.
    pub(crate) fn dim(text: impl ToString) -> Self {
        Cell::of(text, Tone::Dim)
    }

    /// Of more interest.
    pub(crate) fn strong(text: impl ToString) -> Self {
        Cell::of(text, Tone::Strong)
    }

    /// The value, or `-` where there is none.
    pub(crate) fn some(value: Option<impl ToString>) -> Self {
        value.map_or_else(|| Cell::dim("-"), Cell::plain)
    }

    fn of(text: impl ToString, tone: Tone) -> Self {
        // A cell is one line, whatever a name or a value holds; no terminal is told anything by it.
        let safe = |letter: char| {
            if letter.is_control() {
                letter.escape_default().to_string()
            } else {
                letter.into()
            }
        };
        Cell {
            text: text.to_string().chars().map(safe).collect(),
            tone,
        }
    }
}

/// What a command shows to people.
#[derive(Debug, Default)]
pub(crate) struct Page {
    lines: Vec<String>,
}

impl Page {
    /// A title; a blank line stands before it, unless it is the first.
    pub(crate) fn heading(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.lines.push(String::new());
        }
        self.lines.push(paint(text, Tone::Strong));
    }

    /// Names and values, one a line.
    pub(crate) fn facts(&mut self, facts: impl IntoIterator<Item = (&'static str, Cell)>) {
        let facts: Vec<_> = facts.into_iter().collect();
        let width = facts.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
        for (name, cell) in facts {
            let name = paint(&format!("{name:width$}"), Tone::Dim);
            self.lines.push(format!("{name}{GAP}{}", paint(&cell.text, cell.tone)));
        }
    }

    /// A table. A column whose name begins with `>` is aligned to the right. Nothing at all without rows.
    pub(crate) fn table(&mut self, columns: &[&str], rows: Vec<Vec<Cell>>) {
        if rows.is_empty() {
            return;
        }
        let names: Vec<&str> = columns.iter().map(|name| name.trim_start_matches('>')).collect();
        let widths: Vec<usize> = (names.iter().enumerate())
            .map(|(place, name)| {
                let cells = rows.iter().filter_map(|row| row.get(place));
                cells.map(|cell| cell.text.width()).max().unwrap_or(0).max(name.width())
            })
            .collect();
        let head = names
            .iter()
            .map(|name| Cell::of(name.to_uppercase(), Tone::Strong))
            .collect();
        for row in std::iter::once(head).chain(rows) {
            let mut line = String::new();
            for (place, cell) in row.iter().enumerate() {
                let width = widths.get(place).copied().unwrap_or(0);
                let pad = " ".repeat(width.saturating_sub(cell.text.width()));
                let text = paint(&cell.text, cell.tone);
                let is_last = place + 1 == row.len();
                match columns.get(place).is_some_and(|name| name.starts_with('>')) {
                    true => line += &format!("{pad}{text}"),
                    false if is_last => line += &text,
                    false => line += &format!("{text}{pad}"),
                }
                if !is_last {
                    line += GAP;
                }
            }
            self.lines.push(line);
        }
    }

    /// A line of text.
    pub(crate) fn line(&mut self, cell: Cell) {
        self.lines.push(paint(&cell.text, cell.tone));
    }

    /// All of it.
    pub(super) fn render(self) -> String {
        self.lines.into_iter().map(|line| line + "\n").collect()
    }
}

fn paint(text: &str, tone: Tone) -> String {
    match tone {
        Tone::Plain => text.to_owned(),
        _ => format!("{style}{text}{style:#}", style = tone.style()),
    }
}
