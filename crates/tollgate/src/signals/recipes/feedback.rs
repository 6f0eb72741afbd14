//! What a user's next turn says of the answer before it.
//!
//! The open sets with labels of people are small, and the large one has no licence to learn from: it is judged and never learned
//! from. So most of what is learned is made here by hand, from general knowledge: how people object, ask back, want another
//! answer, are content, or simply go on.

use super::super::sets::Sets;
use super::benign::{CLINC, METATOOL};
use super::{Made, Recipe, judged, sample};
use anyhow::Result;
use tollgate_signals::learn::Example;

/// In the order of the recipe's labels.
const NONE: usize = 0;
const LABELS: &[(&str, &str)] = &[
    ("none", "NONE"),
    ("wrong_answer", "WRONG_ANSWER"),
    ("need_clarification", "NEED_CLARIFICATION"),
    ("want_different", "WANT_DIFFERENT"),
    ("satisfied", "SAT"),
];

pub(super) const FEEDBACK: Recipe = Recipe {
    name: "feedback",
    purpose: "Tells what a user says of the answer before: that it is wrong, unclear, not what is wanted, or good; or nothing, where \
              the next request simply follows.",
    labels: &["none", "wrong_answer", "need_clarification", "want_different", "satisfied"],
    config: |config| {
        config.grams = 4000;
        config.balanced = true;
    },
    made: Made::Texts(examples),
    sets: &[
        ("emnlp2023-learning-from-free-text-human-feedback", "Apache-2.0"),
        ("what people say after an answer, synthetic", "of this project"),
        CLINC,
        METATOOL,
    ],
    apart: &["people"],
    limits: &[
        "Objections and questions back are learned from 84 turns of people and from sentences made by hand.",
        "Turns of bookings (SGD, MultiWOZ) are judged and never learned from: their licence is not settled.",
        "English.",
        "It does not ship: of what people said it tells too little, and the signal `feedback` goes by lists of words.",
    ],
};

const WRONG: &[&str] = &[
    "That is wrong{}",
    "No, that's not right{}",
    "That's incorrect{}",
    "You made a mistake{}",
    "This doesn't work{}",
    "I don't think so{}",
    "It still fails{}",
    "That is not what I asked{}",
    "You misunderstood me{}",
    "Your answer is false{}",
    "I said {what}, not that{}",
    "Actually it is {what}{}",
    "No, I meant {what}{}",
    "That can't be true{}",
    "You got it wrong{}",
    "I asked for {what}, not this{}",
    "That's not correct, it should be {what}{}",
    "There is an error in your answer{}",
    "That makes no sense{}",
    "The result is wrong, check {what} again{}",
    "I didn't ask for that{}",
    "I do not believe that is so{}",
];
const UNCLEAR: &[&str] = &[
    "What do you mean{}",
    "I don't understand{}",
    "Can you explain that again{}",
    "What does that mean{}",
    "Could you clarify{}",
    "Can you explain it in simpler words{}",
    "I'm confused{}",
    "Huh?{}",
    "What?{}",
    "Are you sure{}",
    "What are you talking about{}",
    "Can you give an example{}",
    "Please elaborate{}",
    "How do you mean that{}",
    "What is {what} supposed to be{}",
    "Sorry, what{}",
    "I'm not sure what you are talking about{}",
    "Can you say that more clearly{}",
    "Which one do you mean{}",
    "What was that{}",
    "You lost me{}",
    "I don't get it{}",
    "Could you repeat that in plain words{}",
    "Who do you mean by that{}",
];
const OTHER: &[&str] = &[
    "Do you have anything else{}",
    "Show me another one{}",
    "I'd prefer something else{}",
    "Are there other options{}",
    "Is there another {what}{}",
    "Give me a different {what}{}",
    "What other choices do I have{}",
    "Try a different approach{}",
    "I don't like it, find me another{}",
    "Any others{}",
    "What else is there{}",
    "Can you find me another {what}{}",
    "Are there any other ones{}",
    "Keep looking{}",
    "No, I want something different{}",
    "Can I see some alternatives{}",
    "Do you have any other suggestions{}",
    "Is there anything else like that{}",
    "Search for another {what}{}",
    "I was hoping for something else{}",
    "Write another version{}",
    "Do they have more {what}s{}",
];
const GOOD: &[&str] = &[
    "Thanks{}",
    "Thank you{}",
    "Great, thank you{}",
    "Perfect{}",
    "That's all I need{}",
    "That works{}",
    "Awesome{}",
    "Very helpful{}",
    "Okay great, that is all{}",
    "No, that's it{}",
    "That will be all{}",
    "Exactly what I needed{}",
    "You have been very helpful{}",
    "Great job{}",
    "Nope, that's everything{}",
    "No thanks, I'm good{}",
    "Wonderful, thank you so much{}",
    "That was perfect{}",
    "That is all for today{}",
    "Thanks, that solved it{}",
    "No, I don't need anything else{}",
    "Cool, bye{}",
    "Good, that helps a lot{}",
    "Not right now, thanks{}",
    "I appreciate your help{}",
];
/// What follows any of them.
const ENDS: &[&str] =
    &[".", "!", "", ", please.", " though.", " at all.", ", have a nice day.", ", I think.", " really", "?"];
/// What is spoken of.
const WHATS: &[&str] = &[
    "restaurant",
    "flight",
    "movie",
    "function",
    "recipe",
    "hotel",
    "song",
    "book",
    "answer",
    "address",
    "proof",
    "date",
    "event",
    "doctor",
    "version",
    "table",
    "apartment",
    "bus",
    "city",
    "plan",
];
/// Requests that follow on an answer and say nothing of it.
const NEXT: &[&str] = &[
    "Yes, please book the {what}.",
    "What is the price of the {what}?",
    "I need a {what} for four people.",
    "Where is the {what}?",
    "Yes, that one.",
    "On Friday at six.",
    "I also need a {what}.",
    "How long is the {what}?",
    "Does the {what} have wifi?",
    "In the north of town.",
    "It should be cheap.",
    "Can you give me the phone number of the {what}?",
    "Two tickets, please.",
    "I am looking for a {what}.",
    "Could you find me a {what}?",
    "No, I want it for two nights.",
    "What rating does the {what} have?",
    "Please reserve the {what} for Monday.",
    "Any kind of {what} is fine.",
    "I want to leave from Cambridge.",
    "Yes it is.",
    "Now write a test for the {what}.",
    "And how much is the {what} in euros?",
    "Also translate the {what} into French.",
    "No preference.",
    "Sounds good, please book it.",
    "I'd like to know more about the {what}.",
    "Does it have a garage?",
];

fn synthetic() -> Vec<Example> {
    let mut all = Vec::new();
    for (label, forms) in [NEXT, WRONG, UNCLEAR, OTHER, GOOD].into_iter().enumerate() {
        for (at, form) in forms.iter().enumerate() {
            // Not the whole cross: eight of each form, walked through evenly.
            for turn in 0..8 {
                let pick = |list: &[&'static str], step: usize| {
                    list.get((at * step + turn * 3) % list.len()).copied().unwrap_or_default()
                };
                let text = form.replacen("{what}", pick(WHATS, 7), 1).replacen("{}", pick(ENDS, 5), 1);
                let text = if (at + turn) % 3 == 0 { text.to_lowercase() } else { text };
                let mut example = Example::new(text, label).from("synthetic turns");
                example.group = format!("synthetic: {form}");
                all.push(example);
            }
        }
    }
    all
}

fn examples(sets: &Sets) -> Result<Vec<Example>> {
    let mut all = Vec::new();
    for row in sets.rows("feedback/rows.jsonl.gz")? {
        let Some(label) = LABELS.iter().position(|(_, theirs)| *theirs == row.text("label")) else {
            continue;
        };
        let people = row.text("source") == "ukp";
        let example = Example::new(row.text("text"), label);
        all.push(if people { example.from("people") } else { judged(example.from("bookings")) });
    }
    if all.is_empty() {
        return Ok(all);
    }
    all.extend(synthetic());
    for (file, field, most, from) in [
        ("clinc150/rows.jsonl.gz", "text", 600, "clinc150"),
        ("metatool/queries.jsonl.gz", "query", 400, "metatool"),
    ] {
        let rows = sample(sets.rows(file)?, most).into_iter();
        all.extend(rows.map(|row| Example::new(row.text(field), NONE).from(from)));
    }
    Ok(all)
}
