//! Where the running agent is reached.

use std::path::{Path, PathBuf};

use crate::config::{self, Env, Paths};

/// Where the packaged service has its socket.
const PACKAGED: &str = "/run/andon/andon.sock";

/// The socket that was named, else the packaged one if it is there, else the one that the configuration leads to.
pub(super) fn find(named: Option<&Path>, env: &Env, main: &Path) -> PathBuf {
    find_beside(named, env, main, Path::new(PACKAGED))
}

fn find_beside(named: Option<&Path>, env: &Env, main: &Path, packaged: &Path) -> PathBuf {
    if let Some(named) = named {
        return named.to_owned();
    }
    if let Some(named) = env.get("ANDON_SOCKET").filter(|path| !path.is_empty()) {
        return named.into();
    }
    if packaged.exists() {
        return packaged.to_owned();
    }
    let paths = Paths {
        main: main.to_owned(),
    };
    // Whoever may not read the configuration is told about the packaged place.
    config::load(&paths, env).map_or_else(
        |_| packaged.to_owned(),
        |loaded| loaded.settings.agent.socket,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_about_the_socket_wins() {
        let dir = tempfile::tempdir().unwrap();
        let main = dir.path().join("andon.toml");
        let packaged = dir.path().join("packaged.sock");
        let none = Env::default();
        let set = Env([("ANDON_SOCKET".to_owned(), "/env.sock".to_owned())].into());
        let named = Path::new("/named.sock");
        let find = |named, env| find_beside(named, env, &main, &packaged);
        assert_eq!(find(Some(named), &set), named);
        assert_eq!(find(None, &set), Path::new("/env.sock"));
        assert_eq!(find(None, &none), packaged);
        std::fs::write(&main, "[agent]\nsite = 'a'\ndata_dir = '/data'\n").unwrap();
        assert_eq!(find(None, &none), Path::new("/data/andon.sock"));
        std::fs::write(&packaged, "").unwrap();
        assert_eq!(find(None, &none), packaged);
    }
}
