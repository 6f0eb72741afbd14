//! Where the database of an installation lies, and files that are read whole.

use anyhow::{Context, Result, bail};
use clap::Args;
use std::io::{Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use tollgate_gateway::config;
use tollgate_store::{Location, Store, StoreConfig};

/// Largest file that is read as input, in bytes; a request body of the gateway may be no larger by default.
const INPUT_MAX: u64 = 32 << 20;
/// The folder that `serve` uses when no other is given.
const DATA: &str = "tollgate-data";
/// The database in its folder.
const DATABASE: &str = "tollgate.db";

/// Which database.
#[derive(Args, Debug, Default)]
pub(crate) struct Place {
    /// The configuration file whose database is meant
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub(crate) config: Option<PathBuf>,
    /// The folder of the database [default: tollgate-data, as for `serve` without a file]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Place {
    fn file(&self) -> Result<PathBuf> {
        match (&self.data, &self.config) {
            (Some(dir), _) => Ok(dir.join(DATABASE)),
            (None, None) => Ok(Path::new(DATA).join(DATABASE)),
            (None, Some(path)) => match config::load(path)?.database {
                Some(file) => Ok(file),
                None => bail!("{}: `data: memory` keeps nothing; set `data:` to a folder", path.display()),
            },
        }
    }

    /// Opens the database; `make` says whether a missing one is made.
    pub(crate) fn open(&self, make: bool) -> Result<Store> {
        let file = self.file()?;
        if !make && !file.is_file() {
            let shown = file.display();
            bail!(
                "there is no database at {shown}; name its folder with --data DIR or its configuration with --config FILE"
            );
        }
        if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        Ok(Store::open(&Location::File(file), StoreConfig::default())?)
    }
}

/// Refuses to read two of these from standard input: the second would find it empty.
pub(crate) fn one_from_stdin<'p>(paths: impl IntoIterator<Item = Option<&'p Path>>) -> Result<()> {
    if paths.into_iter().flatten().filter(|path| path.as_os_str() == "-").count() > 1 {
        bail!("only one file can be standard input; name the others");
    }
    Ok(())
}

/// Writes a secret to a new file that only its owner reads.
pub(crate) fn write_secret(path: &Path, secret: &str) -> Result<()> {
    let shown = path.display();
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("cannot make {shown}"))?;
    writeln!(file, "{secret}").and_then(|()| file.sync_all()).with_context(|| format!("cannot write {shown}"))
}

/// Reads a file, or standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = INPUT_MAX + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).context("cannot read standard input")?;
    } else {
        let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        file.take(most).read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
    }
    if bytes.len() as u64 > INPUT_MAX {
        bail!("{} is larger than {INPUT_MAX} bytes", path.display());
    }
    Ok(bytes)
}

/// Reads a file of text.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).with_context(|| format!("{} is not UTF-8", path.display()))
}
