//! The folder of one run of the demo: the shipped configuration, what differs from run to run, and the agent's data. It is
//! removed at the end, whatever the end is.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The configuration that the demo runs, a model for users.
const CONFIG: &str = include_str!("../../config/demo.toml");
/// The rules that are shipped.
const RULES: &str = include_str!("../../rules/cnc-mill.toml");
/// Delays that nobody has to wait for.
const SHORT: &str = include_str!("short.toml");

/// A folder in the system's place for such.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes it, for its owner only.
    pub(super) fn make() -> io::Result<Self> {
        let random = fastrand::u32(..);
        let name = format!("andon-demo-{}-{random:08x}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// The main file of the configuration.
    pub(super) fn main(&self) -> PathBuf {
        self.0.join("andon.toml")
    }

    /// The agent's socket, as the configuration puts it.
    pub(super) fn socket(&self) -> PathBuf {
        self.0.join("data/andon.sock")
    }

    /// Writes the configuration, with the ports and keys of this run.
    pub(super) fn fill(
        &self,
        modbus: SocketAddr,
        receiver: SocketAddr,
        keys: &[(&str, Vec<u8>)],
    ) -> io::Result<()> {
        for folder in ["conf.d", "rules", "data"] {
            fs::create_dir(self.0.join(folder))?;
        }
        // Escaped, because a path may hold what TOML would read.
        let folder = toml::Value::String(self.0.to_string_lossy().into_owned());
        let vars = format!(
            "# What differs from run to run.\n[vars]\nfolder = {folder}\nmodbus_port = \"{}\"\nreceiver_port = \"{}\"\n",
            modbus.port(),
            receiver.port(),
        );
        fs::write(self.main(), CONFIG)?;
        fs::write(self.0.join("conf.d/this-run.toml"), vars)?;
        fs::write(self.0.join("rules/cnc-mill.toml"), RULES)?;
        // Later by name, so that it changes what the shipped file says.
        fs::write(self.0.join("rules/short.toml"), SHORT)?;
        for (name, key) in keys {
            let path = self.0.join(format!("{name}.key"));
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            writeln!(file, "whsec_{}", STANDARD.encode(key))?;
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody is left to be told; it lies where the system clears up by itself.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Env, Paths};

    #[test]
    fn the_shipped_configuration_and_rules_are_without_a_mistake_or_warning() {
        let folder = Folder::make().unwrap();
        let port = SocketAddr::from(([127, 0, 0, 1], 4711));
        let keys = [("ops", vec![7; 24]), ("manager", vec![8; 24])];
        folder.fill(port, port, &keys).unwrap();
        let paths = Paths {
            main: folder.main(),
        };
        let loaded = config::load(&paths, &Env::default()).unwrap();
        assert_eq!(loaded.warnings, []);
        assert_eq!(loaded.settings.agent.socket, folder.socket());
        assert_eq!(loaded.plant.watches.len(), 5);
    }

    #[test]
    fn nothing_is_left_behind() {
        let folder = Folder::make().unwrap();
        let path = folder.0.clone();
        fs::write(path.join("x"), "x").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
