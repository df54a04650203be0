//! A one-page PDF: the act itself, as a commune's software would print it.

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str};

/// A PDF of these lines, the first as its title.
pub fn pdf(lines: &[String]) -> Vec<u8> {
    let (catalog, pages, page, font, content) = (Ref::new(1), Ref::new(2), Ref::new(3), Ref::new(4), Ref::new(5));
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([page]).count(1);
    let mut leaf = pdf.page(page);
    // A4, in points.
    leaf.media_box(Rect::new(0.0, 0.0, 595.0, 842.0)).parent(pages).contents(content);
    leaf.resources().fonts().pair(Name(b"F1"), font);
    leaf.finish();
    pdf.type1_font(font).base_font(Name(b"Helvetica")).encoding_predefined(Name(b"WinAnsiEncoding"));
    let mut text = Content::new();
    text.begin_text();
    text.set_font(Name(b"F1"), 16.0);
    text.set_leading(22.0);
    text.next_line(60.0, 760.0);
    for (at, line) in lines.iter().enumerate() {
        if at == 1 {
            text.set_font(Name(b"F1"), 11.0);
            text.next_line(0.0, -30.0);
        }
        // WinAnsiEncoding is windows-1252.
        let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(line);
        text.show(Str(&bytes));
        text.next_line(0.0, -18.0);
    }
    text.end_text();
    pdf.stream(content, &text.finish());
    pdf.finish()
}
