//! Answers kept for requests that ask the same.
//!
//! Two ways lead to a kept answer. The exact key is a digest of everything that changes an answer ([`key`]): who asks, the
//! policy's version, the models, the headers that go up, and every member of the request. The other way needs all of that
//! to be equal but the last question, whose vector must be close to a kept one ([`index`]) and whose words must say nothing
//! to the contrary ([`guard`]). How long an answer is kept and how close is close follows from the question's category
//! ([`Rules`]); what is kept at all is bounded by count and bytes, least recently used out first ([`Cache`]).
//!
//! Invariants: an answer is only found by a request whose scope is equal in every part; nothing is found past its time;
//! the bounds hold after every call. No clock, no IO: time is an argument.
//!
//! ```
//! use tollgate_cache::{Answer, Bounds, Cache, Keys, Parts, Scope};
//! use tollgate_core::Timestamp;
//! let cache = Cache::new(Bounds::default());
//! let body = br#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#;
//! let parts = Parts { body, members: vec![("model", 9..12), ("messages", 24..56)], question: None };
//! let mine = Keys::of(&Scope::default().part("caller", "ada"), &parts);
//! let theirs = Keys::of(&Scope::default().part("caller", "bob"), &parts);
//! let answer = Answer { body: "{}".into(), expires: Timestamp(10), ..Answer::default() };
//! assert!(cache.put(mine.exact, answer, None).is_some());
//! assert!(cache.exact(&mine.exact, Timestamp(9)).is_some());
//! assert!(cache.exact(&theirs.exact, Timestamp(9)).is_none());
//! assert!(cache.exact(&mine.exact, Timestamp(10)).is_none());
//! ```

mod answers;
pub mod guard;
pub mod index;
pub mod key;
mod rules;

pub use answers::{Answer, Bounds, Cache, Chosen, Counts, Found, Question, Search};
pub use key::{Keys, Parts, Scope};
pub use rules::{Category, Rules};
