//! The words by which questions are compared: lists made by hand from general knowledge, fitted to no data.

/// Words that carry no matter of a question. Ascending.
pub(super) const EMPTY: &[&str] = &[
    "a", "about", "actually", "all", "also", "am", "an", "and", "any", "anybody", "anyone", "are", "as",
    "at", "be", "been", "being", "but", "by", "can", "could", "did", "do", "does", "doing", "done", "each",
    "else", "ever", "every", "exactly", "for", "from", "get", "gets", "getting", "go", "going", "got", "had",
    "has", "have", "having", "hello", "help", "her", "here", "hey", "hi", "him", "his", "how", "i", "if",
    "im", "in", "into", "is", "it", "its", "ive", "just", "know", "let", "like", "looking", "may", "me",
    "mean", "might", "mine", "much", "must", "my", "myself", "need", "of", "ok", "okay", "on", "one", "or",
    "our", "ours", "please", "really", "s", "shall", "she", "should", "so", "some", "somebody", "someone",
    "sort", "such", "tell", "than", "thank", "thanks", "that", "the", "their", "them", "then", "there",
    "these", "they", "thing", "things", "this", "those", "to", "up", "upon", "us", "very", "via", "want",
    "was", "way", "ways", "we", "were", "what", "whats", "when", "where", "which", "while", "who", "whom",
    "whose", "why", "will", "with", "would", "you", "your", "yours", "yourself",
];

/// Words that turn a question around. Ascending.
pub(super) const NEGATIVE: &[&str] = &[
    "aint", "cannot", "cant", "couldnt", "didnt", "doesnt", "dont", "except", "hadnt", "hasnt", "havent",
    "isnt", "lack", "neither", "never", "no", "nobody", "none", "nor", "not", "nothing", "refuse",
    "shouldnt", "stop", "unable", "wasnt", "werent", "without", "wont", "wouldnt",
];

/// Words after which the word that follows is where something goes, comes from or is measured by. Ascending.
pub(super) const DIRECTION: &[&str] =
    &["after", "before", "between", "from", "into", "over", "per", "than", "to", "under", "versus", "vs"];

/// Words that make an answer old soon. Ascending.
pub(super) const SOON_OLD: &[&str] = &[
    "currently",
    "latest",
    "live",
    "newest",
    "news",
    "now",
    "nowadays",
    "recent",
    "recently",
    "today",
    "todays",
    "tomorrow",
    "tonight",
    "upcoming",
    "weather",
    "yesterday",
];

/// Words that say of how many something holds, where they follow the verb that opens a question. Ascending.
pub(super) const QUANTIFIERS: &[&str] =
    &["all", "any", "both", "each", "every", "few", "many", "most", "no", "some"];

/// Verbs whose person asked is no matter: "give me", "tell us".
pub(super) const GIVEN: &[&str] = &["give", "make", "take"];

/// Signs of calculation that change a result.
pub(super) const OPERATORS: &str = "*/+-×÷^=<>";

/// Numbers in words, with their value.
pub(super) const NUMBERS: &[(&str, &str)] = &[
    ("zero", "0"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("eleven", "11"),
    ("twelve", "12"),
    ("twenty", "20"),
    ("thirty", "30"),
    ("forty", "40"),
    ("fifty", "50"),
    ("hundred", "100"),
    ("thousand", "1000"),
    ("million", "1000000"),
    ("billion", "1000000000"),
    ("once", "1x"),
    ("twice", "2x"),
    ("double", "2x"),
    ("half", "1/2"),
    ("first", "1st"),
    ("second", "2nd"),
    ("third", "3rd"),
];

/// What follows "how" where a number is asked for.
pub(super) const AMOUNTS: &[&str] =
    &["much", "many", "long", "old", "far", "often", "big", "tall", "fast", "large", "high", "deep", "soon"];

/// Verbs that open a question, or follow "how" where a way is asked for.
pub(super) const AUXILIARIES: &[&str] = &[
    "is", "are", "am", "was", "were", "do", "does", "did", "can", "could", "will", "would", "should", "has",
    "have", "had", "may", "must", "isnt", "arent", "dont", "doesnt", "cant",
];

/// Words behind which a question stands inside of a sentence.
pub(super) const LEADS_IN: &[&str] =
    &["know", "me", "explain", "understand", "and", "about", "wonder", "wondering", "out", "see"];

/// "What is the way to", "what time", "what is the reason for".
pub(super) const WAYS: &[&str] =
    &["way", "ways", "method", "methods", "steps", "step", "procedure", "process"];
pub(super) const TIMES: &[&str] = &["time", "date", "year", "day"];
pub(super) const REASONS: &[&str] = &["reason", "reasons", "cause", "causes"];
