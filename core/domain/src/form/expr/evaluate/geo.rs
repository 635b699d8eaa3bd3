//! Functions over places. A point is `latitude longitude altitude accuracy`, a line or a shape is points
//! with `;` between.

use super::{Evaluation, Frame, Outcome};
use crate::form::expr::{ast::Node, context::Context, value::Value};

/// Radius of the earth at the equator, in metres, as the clients of ODK take it.
const RADIUS: f64 = 6_378_100.0;

#[derive(Debug, Clone, Copy)]
struct Point {
    latitude: f64,
    longitude: f64,
}

impl<'e, C: Context> Evaluation<'e, C> {
    /// The area inside of a shape on a sphere, in square metres.
    pub(super) fn area(&self, argument: &'e Node, frame: Frame<C::Node>) -> Outcome<f64> {
        let points = self.points(std::slice::from_ref(argument), frame)?;
        if points.is_empty() {
            return Ok(f64::NAN);
        }
        if points.len() < 3 {
            return Ok(0.0);
        }
        let sum: f64 = edges(&points)
            .map(|(one, other)| {
                (other.longitude - one.longitude).to_radians()
                    * (2.0 + one.latitude.to_radians().sin() + other.latitude.to_radians().sin())
            })
            .sum();
        Ok(to_the_centimetre((sum * RADIUS * RADIUS / 2.0).abs()))
    }

    /// The length of the line through points, in metres.
    pub(super) fn distance(&self, arguments: &'e [Node], frame: Frame<C::Node>) -> Outcome<f64> {
        let points = self.points(arguments, frame)?;
        if points.is_empty() {
            return Ok(f64::NAN);
        }
        let sum: f64 = points.windows(2).fold(0.0, |sum, pair| sum + between(pair[0], pair[1]));
        Ok(to_the_centimetre(sum))
    }

    /// Whether a point lies in a shape; without an answer it does not.
    pub(super) fn geofence(&self, arguments: &'e [Node], frame: Frame<C::Node>) -> Outcome<bool> {
        let point = self.points(&arguments[..1], frame)?;
        let shape = self.points(&arguments[1..], frame)?;
        let Some(point) = point.first() else { return Ok(false) };
        // A ray to the east crosses the border an odd number of times from inside.
        let crossings = edges(&shape).filter(|(one, other)| {
            (one.latitude > point.latitude) != (other.latitude > point.latitude)
                && point.longitude
                    < (other.longitude - one.longitude) * (point.latitude - one.latitude)
                        / (other.latitude - one.latitude)
                        + one.longitude
        });
        Ok(crossings.count() % 2 == 1)
    }

    fn points(&self, arguments: &'e [Node], frame: Frame<C::Node>) -> Outcome<Vec<Point>> {
        let mut points = Vec::new();
        for argument in arguments {
            let texts = match self.evaluate(argument, frame)? {
                Value::Nodes(nodes) => self.texts(nodes.into_iter().map(|node| self.atom_of(node)).collect()),
                other => vec![self.text(&other).into_owned().into()],
            };
            for text in texts {
                self.bounded_text(text.len() * 16, argument)?;
                for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
                    points.push(point(part).ok_or_else(|| {
                        self.mismatch(
                            argument,
                            "This is no place.",
                            "A place is written `latitude longitude altitude accuracy`, several with `;` between.",
                        )
                    })?);
                }
            }
        }
        Ok(points)
    }
}

fn point(text: &str) -> Option<Point> {
    let numbers: Vec<f64> = text
        .split_ascii_whitespace()
        .map(|number| number.parse().ok().filter(|number: &f64| number.is_finite()))
        .collect::<Option<_>>()?;
    let (latitude, longitude) = match numbers.as_slice() {
        [latitude, longitude] | [latitude, longitude, _] => (*latitude, *longitude),
        [latitude, longitude, _, accuracy] if *accuracy >= 0.0 => (*latitude, *longitude),
        _ => return None,
    };
    let is_on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    is_on_earth.then_some(Point { latitude, longitude })
}

/// The edges of a shape, the last back to the first.
fn edges(points: &[Point]) -> impl Iterator<Item = (Point, Point)> {
    points.iter().copied().zip(points.iter().copied().cycle().skip(1))
}

/// The distance of two points on a sphere, by the haversine, which keeps short ones exact.
fn between(one: Point, other: Point) -> f64 {
    let (a, b) = (one.latitude.to_radians(), other.latitude.to_radians());
    let across = (other.longitude - one.longitude).to_radians();
    let half = ((b - a) / 2.0).sin().powi(2) + a.cos() * b.cos() * (across / 2.0).sin().powi(2);
    2.0 * RADIUS * half.sqrt().min(1.0).asin()
}

fn to_the_centimetre(metres: f64) -> f64 {
    (metres * 100.0).round() / 100.0
}
