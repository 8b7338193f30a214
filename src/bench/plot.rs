//! A plot with lines, as SVG.

use std::fmt::Write as _;

use crate::html::escaped;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 56.0;
/// Apart also for those who do not see red and green apart, and on paper.
const COLOURS: [&str; 4] = ["#1f5fa8", "#c9641b", "#2b8a5e", "#7a4fa3"];

/// Lines over one axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) across: Axis,
    pub(crate) up: Axis,
    pub(crate) series: Vec<Series>,
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    /// Where on the axis across, and how much.
    pub(crate) points: Vec<(f64, f64)>,
}

/// An axis, with its unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    label: &'static str,
    scale: Scale,
}

#[derive(Debug, Clone, PartialEq)]
enum Scale {
    /// Marks at these places, and nothing beyond them.
    Marked(Vec<(f64, String)>),
    /// From nought.
    Linear,
    Logarithmic,
}

impl Axis {
    pub(crate) fn marked(label: &'static str, marks: Vec<(f64, String)>) -> Self {
        Axis { label, scale: Scale::Marked(marks) }
    }

    pub(crate) fn linear(label: &'static str) -> Self {
        Axis { label, scale: Scale::Linear }
    }

    pub(crate) fn logarithmic(label: &'static str) -> Self {
        Axis { label, scale: Scale::Logarithmic }
    }

    /// Where the marks are; the outer ones bound the axis.
    fn marks(&self, values: &[f64]) -> Vec<(f64, String)> {
        let most = values.iter().copied().fold(0.0, f64::max);
        match &self.scale {
            Scale::Marked(marks) => marks.clone(),
            Scale::Linear => {
                let step = step(most / 5.0);
                let marks = (most / step).ceil().max(1.0) as u32;
                (0..=marks).map(|mark| f64::from(mark) * step).map(|at| (at, number(at))).collect()
            }
            Scale::Logarithmic => {
                let least = values.iter().copied().fold(f64::MAX, f64::min).max(1e-3).min(most);
                let first = least.log10().floor() as i32;
                let last = (most.max(1e-3).log10().ceil() as i32).max(first + 1);
                (first..=last).map(|power| (f64::from(power), number(10_f64.powi(power)))).collect()
            }
        }
    }

    /// Where on the axis a value is.
    fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Logarithmic => value.max(1e-3).log10(),
            _ => value,
        }
    }
}

/// A round number about so large.
fn step(about: f64) -> f64 {
    let power = 10_f64.powf(about.max(1e-6).log10().floor());
    let rounds = [1.0, 2.0, 5.0, 10.0].map(|round| round * power);
    rounds.into_iter().find(|round| *round >= about).unwrap_or(10.0 * power)
}

/// As short as it goes.
fn number(value: f64) -> String {
    match value {
        1e9.. => format!("{} G", value / 1e9),
        1e6.. => format!("{} M", value / 1e6),
        1e3.. => format!("{} k", value / 1e3),
        _ => format!("{}", (value * 1e6).round() / 1e6),
    }
}

/// From values to places on the picture.
struct Span {
    first: f64,
    last: f64,
    begin: f64,
    end: f64,
}

impl Span {
    fn of(marks: &[(f64, String)], begin: f64, end: f64) -> Self {
        let first = marks.first().map_or(0.0, |(at, _)| *at);
        let last = marks.last().map_or(1.0, |(at, _)| *at);
        Span { first, last, begin, end }
    }

    fn at(&self, place: f64) -> f64 {
        let part = if self.last > self.first {
            (place - self.first) / (self.last - self.first)
        } else {
            0.5
        };
        self.begin + part * (self.end - self.begin)
    }
}

impl Plot {
    /// The picture.
    pub(crate) fn svg(&self) -> String {
        let values: Vec<f64> =
            self.series.iter().flat_map(|it| &it.points).map(|it| it.1).collect();
        let (across, up) = (self.across.marks(&[]), self.up.marks(&values));
        let x = Span::of(&across, LEFT, WIDTH - RIGHT);
        let y = Span::of(&up, HEIGHT - BOTTOM, TOP);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n",
            escaped(&self.title)
        );
        let _ = writeln!(
            svg,
            "<text class=\"title\" x=\"{LEFT}\" y=\"20\">{}</text>",
            escaped(&self.title)
        );
        self.draw_axes(&mut svg, (&across, &x), (&up, &y));
        for (number, series) in self.series.iter().enumerate() {
            self.draw_series(&mut svg, number, series, &x, &y);
        }
        svg + "</svg>\n"
    }

    fn draw_axes(
        &self,
        svg: &mut String,
        (across, x): (&[(f64, String)], &Span),
        (up, y): (&[(f64, String)], &Span),
    ) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (at, text) in up {
            let at = y.at(*at);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                at + 4.0,
                escaped(text)
            );
        }
        for (at, text) in across {
            let at = x.at(*at);
            let _ = writeln!(
                svg,
                "<line class=\"axis\" x1=\"{at:.1}\" y1=\"{bottom}\" x2=\"{at:.1}\" y2=\"{:.1}\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 5.0,
                bottom + 20.0,
                escaped(text)
            );
        }
        let middle = f64::midpoint(TOP, bottom);
        let _ = writeln!(
            svg,
            "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{bottom}\" x2=\"{right}\" y2=\"{bottom}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text transform=\"translate(16 {middle:.1}) rotate(-90)\" text-anchor=\"middle\">{}\
             </text>",
            f64::midpoint(LEFT, right),
            HEIGHT - 12.0,
            escaped(self.across.label),
            escaped(self.up.label)
        );
    }

    fn draw_series(&self, svg: &mut String, number: usize, series: &Series, x: &Span, y: &Span) {
        let colour = COLOURS[number % COLOURS.len()];
        let key = LEFT + 130.0 * number as f64;
        let _ = writeln!(
            svg,
            "<line x1=\"{key:.1}\" y1=\"38\" x2=\"{:.1}\" y2=\"38\" stroke=\"{colour}\" \
             stroke-width=\"3\"/><text x=\"{:.1}\" y=\"42\">{}</text>",
            key + 18.0,
            key + 24.0,
            escaped(series.name)
        );
        let place = |(across, up): &(f64, f64)| (x.at(*across), y.at(self.up.place(*up)));
        let points: Vec<String> = series
            .points
            .iter()
            .map(place)
            .map(|(across, up)| format!("{across:.1},{up:.1}"))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
        for point in &series.points {
            let (across, up) = place(point);
            let _ = writeln!(
                svg,
                "<circle cx=\"{across:.1}\" cy=\"{up:.1}\" r=\"4\" fill=\"{colour}\"><title>{}: \
                 {:.6}</title></circle>",
                escaped(series.name),
                point.1
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(marks: Vec<(f64, String)>) -> Vec<String> {
        marks.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn axes_go_from_one_round_number_to_another() {
        assert_eq!(
            texts(Axis::linear("").marks(&[3.0, 87.0])),
            ["0", "20", "40", "60", "80", "100"]
        );
        assert_eq!(texts(Axis::linear("").marks(&[0.0])), ["0", "0.000001"]);
        let logarithmic = Axis::logarithmic("");
        assert_eq!(texts(logarithmic.marks(&[7e5, 3e8])), ["100 k", "1 M", "10 M", "100 M", "1 G"]);
        assert_eq!(texts(logarithmic.marks(&[5.0])), ["1", "10"]);
        assert_eq!(texts(logarithmic.marks(&[10.0])), ["10", "100"]);
    }

    #[test]
    fn every_point_is_within_the_picture_and_every_line_has_its_name() {
        let marks = vec![(0.6, "4".into()), (6.0, "1,000,000".into())];
        let points = vec![(0.6, 3e8), (6.0, 0.0)];
        let plot = Plot {
            title: "A < B".into(),
            across: Axis::marked("components", marks),
            up: Axis::logarithmic("messages a second"),
            series: vec![Series { name: "host", points }],
        };
        let svg = plot.svg();
        for part in ["A &lt; B", "components", "messages a second", ">host<", "1,000,000"] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        for part in svg.split("cy=\"").skip(1) {
            let at: f64 = part.split('"').next().unwrap().parse().expect("a number");
            assert!((0.0..=HEIGHT).contains(&at), "{at}");
        }
    }
}
