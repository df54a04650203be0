//! A wrong command line, told in French: the parser's own words are English.
//!
//! ```text
//! greffe : il manque --dir <DIR>
//!   usage : greffe serve --dir <DIR>
//!   « greffe serve --help » dit tout
//! ```

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What is wrong, how the command is written, and where more is; none where help or the version was asked for.
pub fn dire(error: &clap::Error) -> Option<String> {
    let text = |kind| error.get(kind).map(shown).unwrap_or_default();
    let (argument, value) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue));
    let what = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            return None;
        }
        ErrorKind::MissingRequiredArgument => format!("il manque {argument}"),
        ErrorKind::MissingSubcommand => {
            format!("il manque une commande ; il y a {}", text(ContextKind::ValidSubcommand))
        }
        ErrorKind::InvalidSubcommand => format!("« {} » n'est pas une commande", text(ContextKind::InvalidSubcommand)),
        ErrorKind::UnknownArgument => format!("« {argument} » n'est pas une option d'ici"),
        ErrorKind::InvalidValue if value.is_empty() => format!("il manque la valeur de {argument}"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => format!("« {value} » ne convient pas à {argument}"),
        ErrorKind::ArgumentConflict => {
            let prior = text(ContextKind::PriorArg);
            if prior.is_empty() || prior == argument {
                format!("{argument} ne se donne qu'une fois")
            } else {
                format!("{argument} et {prior} ne vont pas ensemble")
            }
        }
        ErrorKind::NoEquals => format!("{argument} s'écrit avec « = »"),
        ErrorKind::TooManyValues => format!("« {value} » est de trop pour {argument}"),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("{argument} n'a pas le bon nombre de valeurs")
        }
        ErrorKind::InvalidUtf8 => "un argument n'est pas de l'UTF-8".to_owned(),
        _ => "la ligne de commande ne convient pas".to_owned(),
    };
    let mut said = format!("greffe : {what}");
    let mut line = |text: String| {
        said.push_str("\n  ");
        said.push_str(&text);
    };
    let valid = text(ContextKind::ValidValue);
    if !valid.is_empty() {
        line(format!("valeurs possibles : {valid}"));
    }
    let suggested =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue].map(text);
    if let Some(suggested) = suggested.iter().find(|text| !text.is_empty()) {
        line(format!("vouliez-vous dire {suggested} ?"));
    }
    if let Some(source) = std::error::Error::source(error) {
        line(format!("détail : {source}"));
    }
    let usage = text(ContextKind::Usage);
    let usage = usage.trim_start_matches("Usage:").split_whitespace().collect::<Vec<_>>().join(" ");
    if !usage.is_empty() {
        line(format!("usage : {}", usage.replace("[OPTIONS]", "[options]").replace("<COMMAND>", "<commande>")));
    }
    let command: Vec<&str> =
        usage.split(' ').take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase())).collect();
    let command = if command.is_empty() { "greffe".to_owned() } else { command.join(" ") };
    line(format!("« {command} --help » dit tout"));
    Some(said)
}

fn shown(value: &ContextValue) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.join(", "),
        ContextValue::StyledStr(text) => text.to_string(),
        ContextValue::StyledStrs(texts) => texts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        ContextValue::Number(number) => number.to_string(),
        ContextValue::Bool(holds) => holds.to_string(),
        _ => String::new(),
    }
}
