//! A JSON Schema checker for the words that our schemas use, and for no others: an unknown word fails the test.
#![allow(clippy::unwrap_used, dead_code)]

use serde_json::{Map, Value};

/// Whether a value holds to a root schema; else where it does not.
pub fn check(root: &Value, value: &Value) -> Result<(), String> {
    Checker { root }.check(root, value, "data")
}

/// Whether a value holds to a schema whose references lead into `root`; else where it does not.
pub fn check_in(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    Checker { root }.check(schema, value, "data")
}

/// A place for each value inside, itself left out.
pub fn pointers(value: &Value, at: &str) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, field)| (format!("{at}/{name}"), field)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(n, item)| (format!("{at}/{n}"), item)).collect(),
        _ => Vec::new(),
    };
    children.into_iter().flat_map(|(place, child)| [vec![place.clone()], pointers(child, &place)].concat()).collect()
}

struct Checker<'a> {
    root: &'a Value,
}

impl Checker<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let Value::Object(words) = schema else {
            return if *schema == Value::Bool(true) { Ok(()) } else { Err(at.to_owned()) };
        };
        for (word, rule) in words {
            if !self.holds(word, rule, words, value, at)? {
                return Err(format!("{at}: {word}"));
            }
        }
        Ok(())
    }

    fn holds(
        &self,
        word: &str,
        rule: &Value,
        words: &Map<String, Value>,
        value: &Value,
        at: &str,
    ) -> Result<bool, String> {
        let admits = |schema: &Value| self.check(schema, value, at).is_ok();
        let size = |value: &Value| match value {
            Value::Array(items) => items.len(),
            Value::String(text) => text.chars().count(),
            _ => 0,
        };
        Ok(match word {
            "$schema" | "title" | "description" | "$defs" | "format" | "default" | "contentEncoding" => true,
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                self.check(&self.root["$defs"][name], value, at).map(|()| true)?
            }
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is_a(kind.as_str().unwrap(), value)),
                kind => is_a(kind.as_str().unwrap(), value),
            },
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "pattern" => value.as_str().is_none_or(|text| matches(rule.as_str().unwrap(), text)),
            "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()),
            "maximum" => value.as_i64().is_none_or(|number| number <= rule.as_i64().unwrap()),
            "minItems" | "minLength" => size(value) >= usize::try_from(rule.as_u64().unwrap()).unwrap(),
            "maxItems" | "maxLength" => size(value) <= usize::try_from(rule.as_u64().unwrap()).unwrap(),
            "anyOf" => rule.as_array().unwrap().iter().any(admits),
            "oneOf" => rule.as_array().unwrap().iter().filter(|schema| admits(schema)).count() == 1,
            "required" => value.as_object().is_none_or(|fields| {
                rule.as_array().unwrap().iter().all(|name| fields.contains_key(name.as_str().unwrap()))
            }),
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(field) = value.get(name) {
                        self.check(schema, field, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.check(rule, item, &format!("{at}[{n}]"))?;
                }
                true
            }
            other => panic!("the schema word {other} at {at} is not known here: {words:?}"),
        })
    }
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other}"),
    }
}

/// Whether a text matches a pattern of our schemas: anchored, made of literals, classes, groups, alternatives and counts.
fn matches(pattern: &str, text: &str) -> bool {
    let inner = pattern.strip_prefix('^').and_then(|p| p.strip_suffix('$')).unwrap_or_else(|| panic!("{pattern}"));
    let text: Vec<char> = text.chars().collect();
    ends(&inner.chars().collect::<Vec<_>>(), &text, &[0]).contains(&text.len())
}

/// Where a match that starts at one of these places may end.
fn ends(pattern: &[char], text: &[char], starts: &[usize]) -> Vec<usize> {
    let mut branches = vec![Vec::new()];
    let mut depth = 0;
    let mut in_class = false;
    for (at, c) in pattern.iter().enumerate() {
        let escaped = at > 0 && pattern[at - 1] == '\\';
        match c {
            '[' if !escaped => in_class = true,
            ']' if !escaped => in_class = false,
            '(' if !escaped && !in_class => depth += 1,
            ')' if !escaped && !in_class => depth -= 1,
            '|' if depth == 0 && !in_class => {
                branches.push(Vec::new());
                continue;
            }
            _ => {}
        }
        branches.last_mut().unwrap().push(*c);
    }
    let mut all: Vec<usize> = branches.iter().flat_map(|branch| sequence(branch, text, starts.to_vec())).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn sequence(pattern: &[char], text: &[char], mut places: Vec<usize>) -> Vec<usize> {
    let mut at = 0;
    while at < pattern.len() {
        let length = match pattern[at] {
            '[' => pattern[at..].iter().position(|c| *c == ']').unwrap() + 1,
            '(' => {
                let mut depth = 0;
                let close = pattern[at..].iter().position(|c| {
                    depth += i32::from(*c == '(') - i32::from(*c == ')');
                    depth == 0
                });
                close.unwrap() + 1
            }
            '\\' => 2,
            _ => 1,
        };
        let atom = &pattern[at..at + length];
        at += length;
        let (min, max) = match pattern.get(at) {
            Some('?') => (0, 1),
            Some('+') => (1, text.len()),
            Some('{') => {
                let close = pattern[at..].iter().position(|c| *c == '}').unwrap();
                let counts: String = pattern[at + 1..at + close].iter().collect();
                at += close;
                match counts.split_once(',') {
                    Some((min, max)) => (min.parse().unwrap(), max.parse().unwrap()),
                    None => (counts.parse().unwrap(), counts.parse().unwrap()),
                }
            }
            _ => {
                places = one(atom, text, places);
                continue;
            }
        };
        at += 1;
        let mut reached = if min == 0 { places.clone() } else { Vec::new() };
        for count in 1..=max {
            places = one(atom, text, places);
            if places.is_empty() {
                break;
            }
            if count >= min {
                reached.extend(&places);
            }
        }
        reached.sort_unstable();
        reached.dedup();
        places = reached;
    }
    places
}

fn one(atom: &[char], text: &[char], places: Vec<usize>) -> Vec<usize> {
    if atom[0] == '(' {
        return ends(&atom[1..atom.len() - 1], text, &places);
    }
    let admits = |c: char| match atom[0] {
        '[' => {
            let class = &atom[1..atom.len() - 1];
            let mut at = 0;
            while at < class.len() {
                if class.get(at + 1) == Some(&'-') && at + 2 < class.len() {
                    if (class[at]..=class[at + 2]).contains(&c) {
                        return true;
                    }
                    at += 3;
                } else if class[at] == c {
                    return true;
                } else {
                    at += 1;
                }
            }
            false
        }
        '\\' => atom[1] == c,
        literal => literal == c,
    };
    places.into_iter().filter(|place| text.get(*place).is_some_and(|c| admits(*c))).map(|place| place + 1).collect()
}
