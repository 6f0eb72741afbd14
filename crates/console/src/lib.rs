//! View models to HTML and SVG, with embedded assets.
