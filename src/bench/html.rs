//! A report as a page of its own: nothing is loaded from elsewhere.

use crate::report::Report;
use crate::sheet::{Sheet, circumstances, sheets};

const STYLE: &str = "\
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 2rem auto; \
max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
dl { display: grid; grid-template-columns: max-content auto; gap: 0 1rem; margin: 0; }
dt { color: #666; } dd { margin: 0; }
.side { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }
.table { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
th, td { padding: 0.25rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; }
th { color: #555; font-weight: 600; } td:first-child, th:first-child { text-align: left; }
svg { width: 100%; max-width: 40rem; flex: 1 1 26rem; font: 12px system-ui, sans-serif; fill: #444; }
svg .title { font-size: 14px; font-weight: 600; fill: #222; }
svg .grid { stroke: #e4e4e4; } svg .axis { stroke: #888; }
";

/// The page.
pub fn html(report: &Report) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>smsexec bench</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>smsexec bench</h1>\n<dl>\n"
    );
    for (name, value) in circumstances(report) {
        page += &format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(&value));
    }
    page += "</dl>\n";
    sheets(report).iter().for_each(|sheet| page += &section(sheet));
    page + "</body>\n</html>\n"
}

fn section(sheet: &Sheet) -> String {
    let row = |tag: &str, cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let head = row("th", &mut sheet.headings.iter().copied());
    let body = sheet.rows.iter().map(|cells| row("td", &mut cells.iter().map(String::as_str)));
    format!(
        "<section>\n<h2>{}</h2>\n<p>{}</p>\n<div class=\"side\">\n{}<div class=\"table\"><table>\n\
         <thead>{head}</thead>\n<tbody>\n{}</tbody>\n</table></div>\n</div>\n</section>\n",
        escaped(sheet.title),
        escaped(&sheet.note),
        sheet.plots.iter().map(crate::plot::Plot::svg).collect::<String>(),
        body.collect::<String>()
    )
}

/// As it stands between tags, and between quotation marks.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
