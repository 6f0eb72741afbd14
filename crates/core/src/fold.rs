//! Names as a reader that folds case takes them.
//!
//! JSON has no case, but readers do: Go's takes `Name` for `name`, and folds `ſ` to s and the Kelvin sign to k too
//! (encoding/json, "foldName"). Two such readers of one text must not see two things.
//!
//! ```
//! assert!(tollgate_core::fold::same("Override".as_bytes(), "override"));
//! ```

/// The letter that a reader that folds case takes `c` for.
#[must_use]
pub const fn letter(c: char) -> char {
    match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    }
}

/// A name as such a reader takes it.
#[must_use]
pub fn name(name: &str) -> String {
    name.chars().map(letter).collect()
}

/// Whether such a reader takes `name` for `word`.
#[must_use]
pub fn same(name: &[u8], word: &str) -> bool {
    if name.is_ascii() && word.is_ascii() {
        return name.eq_ignore_ascii_case(word.as_bytes());
    }
    std::str::from_utf8(name).is_ok_and(|name| name.chars().map(letter).eq(word.chars().map(letter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_fold_as_readers_fold_them() {
        for (a, b, is) in [
            ("Name", "nAME", true),
            ("to\u{212a}en", "token", true),
            ("token", "to\u{212a}en", true),
            ("\u{17f}ystem", "System", true),
            ("straße", "strasse", false),
            ("name", "names", false),
            ("É", "é", false),
        ] {
            assert_eq!(same(a.as_bytes(), b), is, "{a} {b}");
            assert_eq!(name(a) == name(b), is, "{a} {b}");
        }
        assert!(!same(b"\xff", "y"));
    }
}
