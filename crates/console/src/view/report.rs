//! A report: facts, tables and pictures, one below the other.

use serde::{Deserialize, Serialize};

/// A whole report, to be read without the program that made it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportView {
    /// What it is about.
    pub title: String,
    /// What it found, in a sentence or two.
    pub lead: String,
    /// The figures that matter, with their names.
    pub facts: Vec<(String, String)>,
    /// The parts.
    pub sections: Vec<ReportSection>,
}

/// One part of a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportSection {
    /// Its heading.
    pub title: String,
    /// What to see in it.
    pub text: String,
    /// Pictures.
    pub plots: Vec<Plot>,
    /// Tables.
    pub tables: Vec<ReportTable>,
}

/// Rows under a head.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportTable {
    /// Names of the columns.
    pub head: Vec<String>,
    /// The cells; a cell that reads as a number is set to the right.
    pub rows: Vec<Vec<String>>,
}

/// How an axis counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Equal steps; starts at 0 where nothing is below.
    #[default]
    Linear,
    /// Powers of ten; what is not above 0 is left out.
    Log,
}

/// How a row of points is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drawn {
    /// Straight lines from point to point.
    #[default]
    Line,
    /// A level until the next point.
    Steps,
    /// Points.
    Points,
}

/// A point: x, y, and what to say of it (empty: its coordinates). A y that is not a number breaks a line: nothing is known there.
pub type PlotPoint = (f64, f64, String);

/// One row of points.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlotSeries {
    /// Its name in the legend.
    pub name: String,
    /// How it is drawn.
    pub drawn: Drawn,
    /// By rising x.
    pub points: Vec<PlotPoint>,
}

/// A straight line across, with a word: a boundary, a limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The word.
    pub name: String,
    /// Where.
    pub at: f64,
    /// Whether it stands upright, at a value of x.
    pub upright: bool,
}

/// A stretch of x that is set off, with a word: where something does not hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shade {
    /// The word.
    pub name: String,
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}

/// A picture with two axes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// What x is, with its unit.
    pub x: String,
    /// What y is, with its unit.
    pub y: String,
    /// How x counts.
    pub x_scale: Scale,
    /// How y counts.
    pub y_scale: Scale,
    /// The rows of points, at most four.
    pub series: Vec<PlotSeries>,
    /// Lines across.
    pub marks: Vec<Mark>,
    /// Stretches that are set off; only the first of a name bears it.
    pub shades: Vec<Shade>,
}
