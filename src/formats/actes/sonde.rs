//! A look at an XML text before it is built: its root, and what would make the building costly.
//!
//! The tree builder compares every attribute of an element with all others, copies inherited namespaces, and
//! sets memory aside by counting `<` and `=`; a recursive one would overflow its stack. So depth, attributes, namespace
//! declarations and those two characters are bounded here, in one pass without allocation (XML 1.0 §2.4 to §2.8, §3.1).
//!
//! It checks nothing else: a text that is not well formed passes, and the builder says where it fails.

use thiserror::Error;

/// Deepest nesting. An act has 4 levels, an XAdES signature inside it some 15.
pub const DEPTH_MAX: u32 = 64;
/// Most attributes on one element. The schema has at most 4.
pub const ATTRIBUTES_MAX: usize = 64;
/// Most namespace declarations in a text: each is copied to the elements that redeclare below it.
pub const NAMESPACES_MAX: usize = 1_000;
/// Most `<` and most `=` in a text. The largest classification has some 2,000 of each.
pub const MARKS_MAX: usize = 200_000;

/// Which bound a text passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SondeError {
    /// A document type declaration.
    #[error("a DTD is declared")]
    Dtd,
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("elements are nested deeper than {DEPTH_MAX}")]
    Depth,
    /// More than [`ATTRIBUTES_MAX`] on one element.
    #[error("an element has more than {ATTRIBUTES_MAX} attributes")]
    Attributes,
    /// More than [`NAMESPACES_MAX`].
    #[error("more than {NAMESPACES_MAX} namespaces are declared")]
    Namespaces,
    /// More than [`MARKS_MAX`] of `<` or of `=`.
    #[error("more than {MARKS_MAX} elements or attributes")]
    Marks,
}

/// The local name of the root element, where there is one; no prefix is resolved, nothing behind it is read.
///
/// # Errors
///
/// [`SondeError::Dtd`] where a DTD stands before the root.
pub fn racine(texte: &str) -> Result<Option<&str>, SondeError> {
    let mut reste = texte;
    loop {
        match suivante(&mut reste) {
            None => return Ok(None),
            Some(Marque::Dtd) => return Err(SondeError::Dtd),
            Some(Marque::Ouvrante(interieur) | Marque::Vide(interieur)) => {
                let qualifie = interieur.split([' ', '\t', '\r', '\n']).next().unwrap_or_default();
                return Ok(Some(qualifie.rsplit(':').next().unwrap_or_default()));
            }
            Some(Marque::Fermante | Marque::Autre) => {}
        }
    }
}

/// Checks all bounds over the whole text.
pub fn verifie(texte: &str) -> Result<(), SondeError> {
    let marks = |mark: u8| texte.bytes().filter(|b| *b == mark).count();
    if marks(b'<') > MARKS_MAX || marks(b'=') > MARKS_MAX {
        return Err(SondeError::Marks);
    }
    let mut reste = texte;
    let mut depth: u32 = 0;
    let mut namespaces = 0;
    while let Some(marque) = suivante(&mut reste) {
        match marque {
            Marque::Dtd => return Err(SondeError::Dtd),
            Marque::Autre => {}
            Marque::Fermante => depth = depth.saturating_sub(1),
            Marque::Ouvrante(interieur) | Marque::Vide(interieur) => {
                if interieur.bytes().filter(|b| *b == b'=').count() > ATTRIBUTES_MAX
                    && attributs(interieur) > ATTRIBUTES_MAX
                {
                    return Err(SondeError::Attributes);
                }
                namespaces += interieur.matches("xmlns").count();
                if namespaces > NAMESPACES_MAX {
                    return Err(SondeError::Namespaces);
                }
                if matches!(marque, Marque::Ouvrante(_)) {
                    depth += 1;
                    if depth > DEPTH_MAX {
                        return Err(SondeError::Depth);
                    }
                }
            }
        }
    }
    Ok(())
}

enum Marque<'a> {
    Ouvrante(&'a str),
    Vide(&'a str),
    Fermante,
    Dtd,
    /// Comment, CDATA, processing instruction.
    Autre,
}

/// The next mark-up of the text, which then starts behind it; none at the end or where one never closes.
fn suivante<'a>(reste: &mut &'a str) -> Option<Marque<'a>> {
    let debut = &reste[reste.find('<')?..];
    for (ouvre, ferme) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")] {
        if let Some(suite) = debut.strip_prefix(ouvre) {
            *reste = &suite[suite.find(ferme)? + ferme.len()..];
            return Some(Marque::Autre);
        }
    }
    if debut.starts_with("<!") {
        return Some(Marque::Dtd);
    }
    let fin = fin_de_balise(debut)?;
    *reste = &debut[fin + 1..];
    let interieur = &debut[1..fin];
    Some(if interieur.starts_with('/') {
        Marque::Fermante
    } else if let Some(interieur) = interieur.strip_suffix('/') {
        Marque::Vide(interieur)
    } else {
        Marque::Ouvrante(interieur)
    })
}

/// Where the `>` of a tag is: the first one outside quotes.
fn fin_de_balise(debut: &str) -> Option<usize> {
    let mut guillemet = None;
    debut.bytes().position(|octet| match (guillemet, octet) {
        (None, b'"' | b'\'') => {
            guillemet = Some(octet);
            false
        }
        (Some(ouvert), _) if ouvert == octet => {
            guillemet = None;
            false
        }
        (None, b'>') => true,
        _ => false,
    })
}

/// Attributes of a tag: the `=` outside quotes.
fn attributs(interieur: &str) -> usize {
    let mut guillemet = None;
    let mut n = 0;
    for octet in interieur.bytes() {
        match (guillemet, octet) {
            (None, b'"' | b'\'') => guillemet = Some(octet),
            (Some(ouvert), _) if ouvert == octet => guillemet = None,
            (None, b'=') => n += 1,
            _ => {}
        }
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_behind_what_may_precede_it() {
        for (texte, expected) in [
            ("<a/>", Ok(Some("a"))),
            ("<?xml version='1.0'?>\n<!-- <b> --><p:a\n x='>'>", Ok(Some("a"))),
            ("<!DOCTYPE a []><a/>", Err(SondeError::Dtd)),
            ("", Ok(None)),
            ("text only", Ok(None)),
            ("<a", Ok(None)),
            ("<!-- never closed", Ok(None)),
        ] {
            assert_eq!(racine(texte), expected, "{texte}");
        }
    }

    #[test]
    fn quotes_comments_and_cdata_hide_no_depth_and_make_none() {
        let niveaux = |n: usize| format!("{}{}", "<a x='/>' y=\"<a>\">".repeat(n), "</a>".repeat(n));
        assert_eq!(verifie(&niveaux(DEPTH_MAX as usize)), Ok(()));
        assert_eq!(verifie(&niveaux(DEPTH_MAX as usize + 1)), Err(SondeError::Depth));
        assert_eq!(verifie(&format!("<a>{}</a>", "<b/>".repeat(1_000))), Ok(()));
        assert_eq!(verifie(&format!("<a><!--{0}--><![CDATA[{0}]]></a>", "<b>".repeat(1_000))), Ok(()));
    }

    #[test]
    fn each_cost_has_its_bound() {
        let attributs = |n: usize| (0..n).fold(String::from("<a"), |s, i| s + &format!(" a{i}='='")) + "/>";
        assert_eq!(verifie(&attributs(ATTRIBUTES_MAX)), Ok(()));
        assert_eq!(verifie(&attributs(ATTRIBUTES_MAX + 1)), Err(SondeError::Attributes));
        let espaces = format!("<a>{}</a>", "<b xmlns='x'/>".repeat(NAMESPACES_MAX + 1));
        assert_eq!(verifie(&espaces), Err(SondeError::Namespaces));
        assert_eq!(verifie(&"<".repeat(MARKS_MAX + 1)), Err(SondeError::Marks));
        assert_eq!(verifie(&"=".repeat(MARKS_MAX + 1)), Err(SondeError::Marks));
    }
}
