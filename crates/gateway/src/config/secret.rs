//! Secrets by reference: `env:NAME` or `file:/path`, never the secret itself in a configuration file.

use std::fmt;
use std::path::PathBuf;

/// Longest secret read from a file, in bytes.
const SECRET_MAX: u64 = 16 * 1024;

/// Where a secret is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file whose content, less trailing white space, is the secret.
    File(PathBuf),
}

/// A secret that never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Why a secret could not be had; never holds the secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    /// It is not a reference.
    #[error("a secret is given by reference: `env:NAME` or `file:/path`, not by its value")]
    NotAReference,
    /// The environment variable is not set.
    #[error("environment variable {0} is not set")]
    NoVariable(String),
    /// The file cannot be read.
    #[error("cannot read {path}: {why}")]
    NoFile {
        /// The file.
        path: String,
        /// What the system said.
        why: String,
    },
    /// The secret is empty or has characters that a header cannot carry.
    #[error("the secret at {0} is empty or holds characters that a header cannot carry")]
    Unusable(String),
}

impl SecretRef {
    /// Reads a reference; the secret itself is not looked up yet.
    ///
    /// # Errors
    /// [`SecretError::NotAReference`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.into())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err(SecretError::NotAReference),
        }
    }

    /// Looks the secret up.
    ///
    /// # Errors
    /// Any [`SecretError`] but [`SecretError::NotAReference`].
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        let (place, text) = match self {
            Self::Env(name) => (format!("env:{name}"), read_variable(name)?),
            Self::File(path) => (format!("file:{}", path.display()), read_file(path)?),
        };
        let text = text.trim_end();
        if text.is_empty() || http::HeaderValue::from_str(text).is_err() {
            return Err(SecretError::Unusable(place));
        }
        Ok(Secret(text.into()))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where secrets are read from the environment"
)]
fn read_variable(name: &str) -> Result<String, SecretError> {
    std::env::var(name).map_err(|_| SecretError::NoVariable(name.into()))
}

fn read_file(path: &std::path::Path) -> Result<String, SecretError> {
    let fail = |why: String| SecretError::NoFile { path: path.display().to_string(), why };
    let size = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?.len();
    if size > SECRET_MAX {
        return Err(fail(format!("{size} bytes is more than the {SECRET_MAX} that a secret may have")));
    }
    std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_secret_is_refused() {
        for text in ["sk-live-123", "", "env:", "file:", "vault:x"] {
            assert_eq!(SecretRef::parse(text), Err(SecretError::NotAReference), "{text}");
        }
    }

    #[test]
    fn reads_a_file_and_never_prints_it() {
        let path = std::env::temp_dir().join(format!("tollgate-secret-{}", std::process::id()));
        std::fs::write(&path, "s3cret\n").unwrap();
        let secret = SecretRef::parse(&format!("file:{}", path.display())).unwrap().resolve().unwrap();
        assert_eq!((secret.expose(), format!("{secret:?}").as_str()), ("s3cret", "[secret]"));
        std::fs::write(&path, " \n").unwrap();
        assert!(matches!(SecretRef::File(path.clone()).resolve(), Err(SecretError::Unusable(_))));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(SecretRef::File(path).resolve(), Err(SecretError::NoFile { .. })));
        let missing = SecretRef::parse("env:TOLLGATE_TEST_UNSET").unwrap().resolve();
        assert_eq!(missing, Err(SecretError::NoVariable("TOLLGATE_TEST_UNSET".into())));
    }
}
