//! Logs go to standard error, for people or as JSON.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{EnvFilter, reload};

use crate::cli::LogFormat;
use crate::loggers::Loggers;

/// Puts another filter in force.
type Reload = Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>;

/// Starts logging; `directives` is a level or directives as in `info,broker=debug`. What is answered changes them.
pub(super) fn start(directives: &str, format: LogFormat) -> Result<Loggers, String> {
    let filter = parse(directives)?;
    let builder = tracing_subscriber::fmt()
        // What cannot be written is lost; to say so on standard error would panic where that is full or closed.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Human => {
            let builder = builder.with_ansi(std::io::stderr().is_terminal());
            let builder = builder.with_env_filter(filter).with_filter_reloading();
            let reload = reload(builder.reload_handle());
            builder.try_init().map(|()| reload)
        }
        LogFormat::Json => {
            let builder = builder.json().with_env_filter(filter).with_filter_reloading();
            let reload = reload(builder.reload_handle());
            builder.try_init().map(|()| reload)
        }
    };
    let reload = started.map_err(|error| error.to_string())?;
    Ok(Loggers::new(directives, move |directives| {
        let filter = EnvFilter::try_new(directives).map_err(|error| error.to_string());
        if let Err(error) = filter.and_then(|filter| reload(filter).map_err(|error| error.to_string())) {
            tracing::error!(error, directives, "the levels of the loggers cannot be changed");
        }
    }))
}

fn reload<S: 'static>(handle: reload::Handle<EnvFilter, S>) -> Reload {
    Box::new(move |filter| handle.reload(filter))
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
