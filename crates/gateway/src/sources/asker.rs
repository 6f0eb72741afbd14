//! One question to an endpoint, in the shape that it speaks, and what its answer says.
//!
//! Moderations give a score for each category, `/classify` (vLLM) a probability for each class, embeddings the nearness to
//! examples of each label (0.75 of the nearest and 0.25 of the mean of the two nearest, so that one odd example does not decide), a
//! chat model the label that it names first.

use super::remote::{Answer, Failure};
use crate::config::{EndpointSettings, SourceApi};
use http::{HeaderValue, Method, header};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tollgate_net::client::{Client, path_of};
use tollgate_net::upstream::{Outgoing, Timeouts};
use tollgate_signals::Labels;

/// Most tokens of a judge's answer: a label and a few words.
const JUDGE_TOKENS: u32 = 64;
/// Most tokens that a model's own form of a conversation adds to what is said in it.
const FRAME_TOKENS: u64 = 64;

/// The vectors of each label's examples.
type Exemplars = Vec<(String, Vec<Vec<f32>>)>;

/// See the module.
pub(super) struct Asker {
    client: Client,
    endpoint: Arc<EndpointSettings>,
    exemplars: OnceCell<Exemplars>,
}

impl Asker {
    pub(super) fn new(endpoint: Arc<EndpointSettings>, timeout: Duration) -> Self {
        let timeouts = Timeouts { connect: timeout, head: timeout, idle: timeout, total: timeout };
        let client = Client { timeouts, ..Client::default() };
        Self { client, endpoint, exemplars: OnceCell::new() }
    }

    pub(super) async fn ask(&self, text: &str) -> Answer {
        let model = &self.endpoint.model;
        match self.endpoint.api {
            SourceApi::Moderations => {
                let said = self.post("moderations", &json!({"model": model, "input": text})).await?;
                Ok((scores(&said).map_err(Failure::useless)?, tokens(&said)))
            }
            SourceApi::Classify => {
                let said = self.post("classify", &json!({"model": model, "input": text})).await?;
                Ok((classes(&said, &self.names()).map_err(Failure::useless)?, tokens(&said)))
            }
            SourceApi::Embeddings => {
                let exemplars = self.exemplars.get_or_try_init(|| self.embed_examples()).await?;
                let (mut vectors, tokens) = self.embed(&[text]).await?;
                let vector = vectors.pop().ok_or_else(|| Failure::useless("the endpoint gave no vector"))?;
                let near = |(label, examples): &(String, Vec<Vec<f32>>)| {
                    Ok((label.clone(), nearness(&vector, examples)?))
                };
                let labels: Result<Labels, String> = exemplars.iter().map(near).collect();
                Ok((labels.map_err(Failure::useless)?, tokens))
            }
            SourceApi::Chat => {
                let names = self.names();
                let messages = json!([{"role": "system", "content": task(&self.endpoint)},
                    {"role": "user", "content": text}]);
                let ask = json!({"model": model, "temperature": 0, "max_tokens": JUDGE_TOKENS, "messages": messages});
                let said = self.post("chat/completions", &ask).await?;
                let words =
                    said.pointer("/choices/0/message/content").and_then(Value::as_str).unwrap_or_default();
                Ok((named(words, &names).map_err(Failure::useless)?, tokens(&said)))
            }
        }
    }

    fn names(&self) -> Vec<String> {
        self.endpoint.labels.iter().map(|(label, _)| label.clone()).collect()
    }

    async fn embed_examples(&self) -> Result<Exemplars, Failure> {
        let mut all = Vec::new();
        for (label, examples) in &self.endpoint.labels {
            let texts: Vec<&str> = examples.iter().map(String::as_str).collect();
            all.push((label.clone(), self.embed(&texts).await?.0));
        }
        Ok(all)
    }

    async fn embed(&self, texts: &[&str]) -> Result<(Vec<Vec<f32>>, Option<u64>), Failure> {
        let said = self.post("embeddings", &json!({"model": self.endpoint.model, "input": texts})).await?;
        let data = said.get("data").and_then(Value::as_array);
        let data = data.ok_or_else(|| Failure::useless("the answer has no `data`"))?;
        let vector = |row: &Value| -> Option<Vec<f32>> {
            let numbers = row.get("embedding")?.as_array()?;
            numbers.iter().map(|number| number.as_f64().map(|x| x as f32)).collect()
        };
        let vectors: Option<Vec<Vec<f32>>> = data.iter().map(vector).collect();
        let vectors = vectors.filter(|vectors| vectors.len() == texts.len());
        let wrong = || Failure::useless("the answer has not one vector of numbers for each text");
        Ok((vectors.ok_or_else(wrong)?, tokens(&said)))
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let url = format!("{}/{path}", self.endpoint.url.trim_end_matches('/'));
        let why = |error: tollgate_net::Error| format!("the endpoint could not be asked: {error}");
        let unasked = |error| Failure::unasked(why(error));
        let mut request = Outgoing::new(Method::POST, path_of(&url)).map_err(unasked)?;
        request = request.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.endpoint.key {
            let value = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
            let mut value =
                value.map_err(|_| Failure::unasked("the endpoint's key cannot stand in a header"))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let answer = self.client.send(&url, request.body(body.to_string().into())).await;
        let answer = answer.map_err(|error| Failure { billed: !error.safe_to_retry(), why: why(error) })?;
        if !answer.status.is_success() {
            return Err(Failure::unasked(format!("the endpoint answered {}", answer.status.as_u16())));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| Failure::useless("the endpoint's answer is not JSON"))
    }
}

/// What a judge is told to do.
fn task(endpoint: &EndpointSettings) -> String {
    let names: Vec<&str> = endpoint.labels.iter().map(|(label, _)| label.as_str()).collect();
    let names = names.join(", ");
    format!("{}\nAnswer with one word of these, and nothing else: {names}.", endpoint.prompt)
}

/// Most tokens of a question about a text and of its answer: nothing has more tokens than bytes.
pub(super) fn tokens_most(endpoint: &EndpointSettings, text: &str) -> u64 {
    let (said, answered) = match endpoint.api {
        SourceApi::Chat => (task(endpoint).len() + text.len(), u64::from(JUDGE_TOKENS)),
        SourceApi::Moderations | SourceApi::Classify | SourceApi::Embeddings => (text.len(), 0),
    };
    (said as u64).saturating_add(answered).saturating_add(FRAME_TOKENS)
}

fn tokens(said: &Value) -> Option<u64> {
    said.pointer("/usage/total_tokens").and_then(Value::as_u64)
}

/// The categories of a moderation with their scores.
fn scores(said: &Value) -> Result<Labels, String> {
    let scores = said.pointer("/results/0/category_scores").and_then(Value::as_object);
    let scores = scores.ok_or("the answer has no `results[0].category_scores`")?;
    // A category without a share is one that nobody read: the others do not speak for it.
    let one = |(label, score): (&String, &Value)| {
        let share = share(score).ok_or_else(|| format!("the score of {label:?} is no number from 0 to 1"))?;
        Ok((label.clone(), share))
    };
    scores.iter().map(one).collect()
}

/// The classes of a classification with their probabilities: under the names that the configuration gives them in their order,
/// or the likeliest alone under its own.
fn classes(said: &Value, names: &[String]) -> Result<Labels, String> {
    let row = said.pointer("/data/0").ok_or("the answer has no `data[0]`")?;
    let shares: Option<Vec<f32>> =
        row.get("probs").and_then(Value::as_array).and_then(|all| all.iter().map(share).collect());
    let shares =
        shares.filter(|all| !all.is_empty()).ok_or("the answer has no probabilities at `data[0].probs`")?;
    if names.len() == shares.len() {
        return Ok(names.iter().cloned().zip(shares).collect());
    }
    if !names.is_empty() {
        return Err(format!("the endpoint has {} classes, `labels` names {}", shares.len(), names.len()));
    }
    let label =
        row.get("label").and_then(Value::as_str).ok_or("the answer names no label at `data[0].label`")?;
    Ok(vec![(label.to_owned(), shares.iter().copied().fold(0.0, f32::max))])
}

fn share(value: &Value) -> Option<f32> {
    value.as_f64().map(|share| share as f32).filter(|share| (0.0..=1.0).contains(share))
}

/// How near a text is to the examples of a label, in [0, 1].
fn nearness(vector: &[f32], examples: &[Vec<f32>]) -> Result<f32, String> {
    let all: Option<Vec<f32>> = examples.iter().map(|example| cosine(vector, example)).collect();
    let mut all =
        all.ok_or("the endpoint gave a vector without a length, or of another one than the examples'")?;
    all.sort_by(|a, b| b.total_cmp(a));
    let best = all.first().copied().unwrap_or(0.0);
    let second = all.get(1).copied().unwrap_or(best);
    Ok((0.75 * best + 0.25 * f32::midpoint(best, second)).clamp(0.0, 1.0))
}

fn cosine(a: &[f32], b: &[f32]) -> Option<f32> {
    let dot: f32 = a.iter().zip(b).map(|(x, y)| x * y).sum();
    let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
    Some(dot / (norm(a) * norm(b))).filter(|cosine| a.len() == b.len() && cosine.is_finite())
}

/// Words that turn the one behind them into its opposite.
const DENIALS: &[&str] = &["not", "no", "non", "never", "isn't", "hardly", "un"];

/// The label that a judge names first, as a word of its own.
fn named(words: &str, names: &[String]) -> Result<Labels, String> {
    let words = words.to_lowercase();
    let place = |name: &String| {
        let name = name.to_lowercase();
        let whole = |at: usize| {
            let (before, after) =
                (words.get(..at)?.chars().next_back(), words.get(at + name.len()..)?.chars().next());
            let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            (!letter(before) && !letter(after)).then_some(at)
        };
        words.match_indices(&name).find_map(|(at, _)| whole(at))
    };
    let first = names.iter().filter_map(|name| Some((place(name)?, name))).min();
    let (at, name) = first.ok_or("the judge named none of the labels")?;
    let mut before = words.get(..at).unwrap_or_default().split(|c: char| !c.is_alphanumeric() && c != '\'');
    if before.rfind(|word| !word.is_empty()).is_some_and(|word| DENIALS.contains(&word)) {
        return Err(format!("the judge denies {name:?} and names no other label"));
    }
    Ok(names.iter().map(|other| (other.clone(), if other == name { 1.0 } else { 0.0 })).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(of: &[(&str, f32)]) -> Labels {
        of.iter().map(|(label, share)| ((*label).to_owned(), *share)).collect()
    }

    #[test]
    fn answers_of_every_shape_by_hand() {
        let said = |odd: Value| json!({"results": [{"category_scores": {"hate": 0.25, "odd": odd}}]});
        assert_eq!(scores(&said(json!(1))), Ok(labels(&[("hate", 0.25), ("odd", 1.0)])));
        assert!(scores(&said(json!(7))).is_err() && scores(&said(Value::Null)).is_err());
        let said = json!({"data": [{"label": "b", "probs": [0.25, 0.75]}]});
        assert_eq!(classes(&said, &[]), Ok(labels(&[("b", 0.75)])));
        let names = ["x".to_owned(), "y".to_owned()];
        assert_eq!(classes(&said, &names), Ok(labels(&[("x", 0.25), ("y", 0.75)])));
        assert!(classes(&said, &names[..1]).is_err());
        for wrong in [json!({}), json!({"data": [{"probs": [2.0]}]}), json!({"data": [{"probs": []}]})] {
            assert!(classes(&wrong, &[]).is_err() && scores(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_judge_is_believed_for_the_word_that_comes_first_and_stands_alone() {
        let names = ["yes".to_owned(), "no".to_owned()];
        assert_eq!(named("No, although yes would be nice", &names), Ok(labels(&[("yes", 0.0), ("no", 1.0)])));
        assert_eq!(named("I know yesterday. Yes!", &names), Ok(labels(&[("yes", 1.0), ("no", 0.0)])));
        let safe = ["safe".to_owned(), "unsafe".to_owned()];
        assert!(named("Not safe.", &safe).is_err() && named("This is not at all: unsafe", &safe).is_ok());
        assert!(named("I know", &names).is_err() && named("", &names).is_err());
    }

    #[test]
    fn nearness_weighs_the_nearest_most() {
        let examples = [vec![1.0, 0.0], vec![0.0, 1.0]];
        assert!((nearness(&[2.0, 0.0], &examples).unwrap() - (0.75 + 0.25 * 0.5)).abs() < 1e-6);
        assert!(nearness(&[1.0], &examples).is_err(), "of another size");
        assert!(nearness(&[0.0, 0.0], &examples).is_err() && nearness(&[f32::NAN, 0.0], &examples).is_err());
    }
}
