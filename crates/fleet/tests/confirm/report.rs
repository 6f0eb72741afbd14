//! Reports in the tree, written anew on demand.

use std::path::Path;

/// Writes a report where `UPDATE_REPORTS` is set, and says so.
pub(super) fn write(name: &str, text: &str) {
    if std::env::var_os("UPDATE_REPORTS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reports").join(name);
        std::fs::write(&path, text).unwrap();
        println!("wrote {}", path.display());
    }
}
