//! The embedded default: a configuration that works with nothing else installed.

use super::{ConfigError, Settings, read};

/// The default file, with `{NAME}` where the address of the simulated instance NAME goes.
pub const DEFAULT: &str = include_str!("default.yaml");
/// The simulated instances of the default.
pub const DEFAULT_INSTANCES: &[&str] = &["short-1", "short-2", "long-1"];

/// The simulated model that stands for others.
const SIMULATED: &str = "sim-large";

/// The default settings, with these addresses for [`DEFAULT_INSTANCES`]; the database stands in the folder of
/// `path`.
///
/// # Errors
/// [`ConfigError`] when there are fewer addresses than instances.
pub fn default_settings(
    addresses: &[std::net::SocketAddr],
    path: &std::path::Path,
) -> Result<Settings, ConfigError> {
    let filled = DEFAULT_INSTANCES.iter().zip(addresses).fold(DEFAULT.to_owned(), |text, (name, address)| {
        text.replace(&format!("{{{name}}}"), &address.to_string())
    });
    read(&filled, path)
}

/// Adds models of these names to the default settings: each served by every simulated instance, as its largest model.
pub fn simulate(settings: &mut Settings, names: &[String]) {
    let Some(pattern) = settings.models.iter().find(|model| model.name == SIMULATED).cloned() else { return };
    for name in names {
        if settings.models.iter().any(|model| model.name == *name || model.aliases.contains(name)) {
            continue;
        }
        let model = super::settings::Model { name: name.clone(), aliases: Vec::new(), ..(*pattern).clone() };
        settings.models.push(std::sync::Arc::new(model));
        for instance in settings.pools.iter_mut().flat_map(|pool| &mut pool.instances) {
            instance.models.insert(name.clone(), SIMULATED.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_good_once_its_addresses_are_known() {
        let addresses: Vec<_> = (1..=3).map(|p| ([127, 0, 0, 1], 9000 + p).into()).collect();
        let settings = default_settings(&addresses, "tollgate.yaml".as_ref()).unwrap();
        let instances: Vec<_> = settings.pools.iter().flat_map(|p| &p.instances).collect();
        let urls: Vec<_> = instances.iter().map(|i| (i.name.as_str(), i.url.to_string())).collect();
        let expected = ["short-1", "short-2", "long-1"].into_iter().zip(["9001", "9002", "9003"]);
        assert!(urls.iter().map(|(n, u)| (*n, u.rsplit(':').next().unwrap())).eq(expected), "{urls:?}");
        assert_eq!(instances[0].models.len(), settings.models.len());
        assert!(default_settings(&addresses[..1], "tollgate.yaml".as_ref()).is_err());
    }
}
