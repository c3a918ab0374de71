//! Logs go to standard error, for people or as JSON.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Starts logging; `filter` is a level or directives as in `info,broker=debug`.
pub(super) fn start(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = parse(filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // What cannot be written is lost; to say so on standard error would panic where that is full or closed.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let result = match format {
        LogFormat::Human => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    result.map_err(|error| error.to_string())
}

/// The directives of a filter. A bare word that is no level would count as the name of a module, and leave all others
/// silent: it is a mistyped level.
fn parse(filter: &str) -> Result<EnvFilter, String> {
    let is_bare_word = |directive: &str| directive.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut directives = filter
        .split(',')
        .map(str::trim)
        .filter(|directive| !directive.is_empty());
    if let Some(unknown) = directives.find(|word| is_bare_word(word) && word.parse::<LevelFilter>().is_err()) {
        return Err(format!(
            "{unknown:?} is no log level: use error, warn, info, debug, trace or off, or directives as in info,broker=debug"
        ));
    }
    EnvFilter::try_new(filter).map_err(|error| format!("{filter:?} is no log level: {error}"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for good in [
            "info",
            "DEBUG",
            "off",
            "info,broker=debug",
            "warn,broker::node=trace",
            "broker=info",
            "3",
            "",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["debugg", "info,verbose", "broker", "9", "broker=loud"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("debugg").unwrap_err().starts_with("\"debugg\" is no log level"));
    }
}
