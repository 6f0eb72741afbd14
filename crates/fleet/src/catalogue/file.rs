//! The catalogue files: rows of figures, each with its source.

use super::{Gpu, Model};
use crate::Error;
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// The most GPUs or models in a catalogue.
pub const MAX_ROWS: usize = 1024;

const GPUS: &str = include_str!("gpus.yaml");
const MODELS: &str = include_str!("models.yaml");

/// The key of sources that nothing published stands behind.
const ESTIMATE: &str = "estimate";

/// Where a figure comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// As text for people.
    pub text: String,
    /// Whether it is an estimate: the file calls the source `estimate`.
    pub estimate: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<T> {
    sources: BTreeMap<String, String>,
    rows: BTreeMap<String, Row<T>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<T> {
    #[serde(default)]
    aliases: Vec<String>,
    source: String,
    #[serde(default)]
    sources: BTreeMap<String, String>,
    figures: T,
}

/// Where the figures of one row come from.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Origins {
    usual: Source,
    by_figure: BTreeMap<String, Source>,
}

/// Known GPUs and models.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Catalogue {
    gpus: Table<Gpu>,
    models: Table<Model>,
}

#[derive(Clone, PartialEq, Debug)]
struct Table<T> {
    rows: BTreeMap<String, (T, Origins)>,
    aliases: BTreeMap<String, String>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), aliases: BTreeMap::new() }
    }
}

impl Catalogue {
    /// What is shipped with the program.
    ///
    /// # Errors
    /// None in a program that passed its tests; [`Error::Format`] says which row is broken.
    pub fn shipped() -> Result<Self, Error> {
        let mut catalogue = Self::default();
        catalogue.add_gpus("gpus.yaml", GPUS)?;
        catalogue.add_models("models.yaml", MODELS)?;
        Ok(catalogue)
    }

    /// Adds or replaces GPUs from a file of the shape of the shipped `gpus.yaml`; `place` names it in errors.
    ///
    /// # Errors
    /// [`Error::Format`] with the place of what is wrong, [`Error::TooMany`].
    pub fn add_gpus(&mut self, place: &str, yaml: &str) -> Result<(), Error> {
        self.gpus.add(place, yaml, &Gpu::FIGURES, |gpu: &mut Gpu, name| gpu.name = name)
    }

    /// Adds or replaces models from a file of the shape of the shipped `models.yaml`.
    ///
    /// # Errors
    /// [`Error::Format`] with the place of what is wrong, [`Error::TooMany`].
    pub fn add_models(&mut self, place: &str, yaml: &str) -> Result<(), Error> {
        self.models.add(place, yaml, &Model::FIGURES, |model: &mut Model, name| model.name = name)
    }

    /// The GPU of this name or alias, whatever its case.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names that there are.
    pub fn gpu(&self, name: &str) -> Result<&Gpu, Error> {
        self.gpus.find("GPU", name).map(|(gpu, _)| gpu)
    }

    /// The model of this name or alias, whatever its case.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names that there are.
    pub fn model(&self, name: &str) -> Result<&Model, Error> {
        self.models.find("model", name).map(|(model, _)| model)
    }

    /// All GPUs, by name.
    pub fn gpus(&self) -> impl Iterator<Item = &Gpu> {
        self.gpus.rows.values().map(|(gpu, _)| gpu)
    }

    /// All models, by name.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.rows.values().map(|(model, _)| model)
    }

    /// Where a figure of a GPU comes from; `None` where there is no such GPU.
    #[must_use]
    pub fn gpu_source(&self, name: &str, figure: &str) -> Option<&Source> {
        self.gpus.source(name, figure)
    }

    /// Where a figure of a model comes from; `None` where there is no such model.
    #[must_use]
    pub fn model_source(&self, name: &str, figure: &str) -> Option<&Source> {
        self.models.source(name, figure)
    }
}

impl<T: DeserializeOwned> Table<T> {
    fn add(
        &mut self,
        place: &str,
        yaml: &str,
        figures: &[&str],
        rename: impl Fn(&mut T, String),
    ) -> Result<(), Error> {
        let file: File<T> = serde_saphyr::from_str(yaml).map_err(|problem| Error::Format {
            place: place.into(),
            problem: problem.to_string(),
            fix: "write it as the shipped catalogue is written".into(),
        })?;
        for (name, mut row) in file.rows {
            let cite = |key: &String| {
                let source = |text: &String| Source { text: text.clone(), estimate: key == ESTIMATE };
                file.sources.get(key).map(source).ok_or_else(|| Error::Format {
                    place: format!("{place}: rows.{name}"),
                    problem: format!("the source `{key}` is not described"),
                    fix: "add it under `sources`".into(),
                })
            };
            if let Some(odd) = row.sources.keys().find(|key| !figures.contains(&key.as_str())) {
                return Err(Error::Format {
                    place: format!("{place}: rows.{name}.sources"),
                    problem: format!("`{odd}` is no figure"),
                    fix: format!("name one of {}", figures.join(", ")),
                });
            }
            let usual = cite(&row.source)?;
            let by_figure = row
                .sources
                .iter()
                .map(|(figure, key)| Ok((figure.clone(), cite(key)?)))
                .collect::<Result<_, Error>>()?;
            let name = name.to_lowercase();
            rename(&mut row.figures, name.clone());
            self.aliases.extend(row.aliases.into_iter().map(|alias| (alias.to_lowercase(), name.clone())));
            self.rows.insert(name, (row.figures, Origins { usual, by_figure }));
            if self.rows.len() > MAX_ROWS {
                return Err(Error::TooMany {
                    what: "catalogue rows",
                    limit: MAX_ROWS,
                    fix: "give fewer rows",
                });
            }
        }
        Ok(())
    }
}

impl<T> Table<T> {
    fn find(&self, what: &'static str, name: &str) -> Result<&(T, Origins), Error> {
        let wanted = name.to_lowercase();
        let own = self.rows.get(&wanted).or_else(|| self.rows.get(self.aliases.get(&wanted)?));
        own.ok_or_else(|| {
            let known = self.rows.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            Error::Unknown { what, name: name.into(), known }
        })
    }

    fn source(&self, name: &str, figure: &str) -> Option<&Source> {
        let (_, origins) = self.find("row", name).ok()?;
        Some(origins.by_figure.get(figure).unwrap_or(&origins.usual))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Dtype;

    #[test]
    fn shapes_give_the_stated_parameters() {
        for model in Catalogue::shipped().unwrap().models() {
            let stated = model.stated_parameters.unwrap() as f64;
            let error = model.parameters() as f64 / stated - 1.0;
            assert!(error.abs() < 0.003, "{}: {} against {stated}", model.name, model.parameters());
        }
    }

    /// KV bytes of a token in 16 bits, as the papers of the models state or imply them.
    #[test]
    fn kv_bytes_are_those_of_the_papers() {
        let catalogue = Catalogue::shipped().unwrap();
        for (name, bytes) in [
            ("llama-3.1-8b", 131_072.0),
            ("llama-3-70b", 327_680.0),
            ("qwen3-30b-a3b", 98_304.0),
            ("qwen3-235b-a22b", 192_512.0),
            ("deepseek-v3", 70_272.0),
        ] {
            assert_eq!(catalogue.model(name).unwrap().kv_bytes_per_token(Dtype::Fp16), bytes, "{name}");
        }
        let windowed = catalogue.model("gpt-oss-20b").unwrap();
        assert_eq!(windowed.kv_bytes(100, Dtype::Fp16), 100.0 * windowed.kv_bytes_per_token(Dtype::Fp16));
        assert!(
            windowed.kv_bytes(10_000, Dtype::Fp16)
                < 0.51 * 10_000.0 * windowed.kv_bytes_per_token(Dtype::Fp16)
        );
    }

    #[test]
    fn names_have_aliases_and_no_case() {
        let catalogue = Catalogue::shipped().unwrap();
        assert_eq!(catalogue.gpu("H100").unwrap().name, "h100-sxm");
        assert_eq!(catalogue.gpu("A100_80GB").unwrap().price_micro_per_hour, 2_210_000);
        let error = catalogue.gpu("h1000").unwrap_err().to_string();
        assert!(error.contains("`h1000`") && error.contains("h100-sxm"), "{error}");
        assert!(catalogue.gpu_source("a10g", "price_micro_per_hour").unwrap().text.contains("fleet-sim"));
        assert!(catalogue.model_source("deepseek-r1", "layers").unwrap().text.contains("config.json"));
    }

    #[test]
    fn a_file_adds_and_says_what_is_wrong() {
        let mut catalogue = Catalogue::shipped().unwrap();
        let row = |source: &str| {
            format!(
                "sources: {{ own: \"measured here\" }}\nrows:\n  Mine:\n    source: {source}\n    figures: {{ memory_bytes: 1, \
                 bandwidth_bytes_per_s: 1, flops_fp16_per_s: 1, link_bytes_per_s: 1, network_bytes_per_s: 1, pcie_bytes_per_s: 1, \
                 idle_power_w: 1, tdp_power_w: 1, host_power_w: 0, per_host: 1, price_micro_per_hour: 5 }}\n"
            )
        };
        catalogue.add_gpus("own.yaml", &row("own")).unwrap();
        assert_eq!(catalogue.gpu("mine").unwrap().price_micro_per_hour, 5);
        assert!(catalogue.add_gpus("own.yaml", &row("other")).unwrap_err().to_string().contains("`other`"));
        let lacking = "sources: {a: b}\nrows: {x: {source: a, figures: {memory_bytes: 1}}}";
        assert!(catalogue.add_gpus("own.yaml", lacking).unwrap_err().to_string().contains("bandwidth"));
    }

    #[test]
    fn sources_are_of_figures_and_estimates_are_known_as_such() {
        let mut catalogue = Catalogue::shipped().unwrap();
        let estimate = |figure: &str| catalogue.gpu_source("l4", figure).unwrap().estimate;
        assert!(estimate("price_micro_per_hour") && estimate("idle_power_w") && !estimate("memory_bytes"));
        let odd = "sources: {a: b}\nrows: {x: {source: a, sources: {price: a}, figures: {FIGURES}}}";
        let figures: Vec<String> = Gpu::FIGURES.iter().map(|figure| format!("{figure}: 1")).collect();
        let odd = odd.replace("FIGURES", &figures.join(", "));
        let error = catalogue.add_gpus("own.yaml", &odd).unwrap_err().to_string();
        assert!(error.contains("`price` is no figure") && error.contains("price_micro_per_hour"), "{error}");
        assert!(catalogue.add_gpus("own.yaml", &odd.replace("price: a", "per_host: a")).is_ok());
        // The lists are those of the fields.
        for (named, figures) in [
            (
                catalogue.add_gpus("own.yaml", "sources: {}\nrows: {x: {source: a, figures: {odd: 1}}}"),
                Gpu::FIGURES,
            ),
            (
                catalogue.add_models("own.yaml", "sources: {}\nrows: {x: {source: a, figures: {odd: 1}}}"),
                Model::FIGURES,
            ),
        ] {
            let error = named.unwrap_err().to_string();
            assert!(error.contains(&format!("expected one of {}\n", figures.join(", "))), "{error}");
        }
    }
}
