//! The files of a configuration as they lie on disk: which there are, in which order, and their text.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};

use super::{
    apart::apart,
    file,
    section::{Problems, Read},
    tree::{Node, Place},
    vars::Vars,
};

/// The longest file, in bytes.
const LONGEST: u64 = 1 << 20;
/// The most files.
const MOST: usize = 1000;

/// Where a configuration lies. `conf.d/*.toml` and `rules/*.toml` are looked for beside the main file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `/etc/andon/andon.toml`
    pub main: PathBuf,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The main file, or one of `conf.d`.
    Config,
    /// Rules.
    Rules,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFile {
    /// As it was found, for messages.
    pub path: PathBuf,
    /// What it is for.
    pub role: Role,
    /// What it says.
    pub text: String,
}

/// All files of a configuration, in the order of their layers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSet {
    /// The files.
    pub files: Vec<ConfigFile>,
}

impl ConfigFile {
    /// The file's name as places carry it.
    pub fn name(&self) -> Arc<str> {
        self.path.to_string_lossy().into()
    }
}

impl FileSet {
    /// Reads the files. One that cannot be read is a mistake.
    pub fn read(paths: &Paths, problems: &Problems) -> Self {
        let directory = paths.main.parent().unwrap_or_else(|| Path::new(""));
        let mut set = Self::default();
        set.add(paths.main.clone(), Role::Config, problems);
        for path in toml_files(&directory.join("conf.d"), problems) {
            set.add(path, Role::Config, problems);
        }
        for path in toml_files(&directory.join("rules"), problems) {
            set.add(path, Role::Rules, problems);
        }
        for (path, place) in set.named_rules() {
            let path = directory.join(path);
            if path.is_dir() {
                for path in toml_files(&path, problems) {
                    set.add(path, Role::Rules, problems);
                }
            } else if path.exists() {
                set.add(path, Role::Rules, problems);
            } else {
                let message = format!("there is no {}", path.display());
                problems.error(Some(&place), "rules", message);
            }
        }
        set
    }

    /// The first 12 hexadecimal digits of SHA-256 over the names and texts of all files: tells configurations apart.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for file in &self.files {
            hash.update(file.name().as_bytes());
            hash.update([0]);
            hash.update(file.text.as_bytes());
            hash.update([0]);
        }
        hash.finalize()
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn add(&mut self, path: PathBuf, role: Role, problems: &Problems) {
        // A directory that is named twice, or `rules` named explicitly, is no second definition.
        if self.files.iter().any(|file| file.path == path) {
            return;
        }
        let place = Place {
            file: path.to_string_lossy().into(),
            line: 0,
        };
        if self.files.len() >= MOST {
            problems.error(
                Some(&place),
                "",
                format!("is one file too many; {MOST} are read at most"),
            );
            return;
        }
        match read_text(&path) {
            Ok(text) => self.files.push(ConfigFile { path, role, text }),
            Err(error) => problems.error(Some(&place), "", format!("cannot be read: {error}")),
        }
    }

    /// The last value of the key `rules`. Whatever is wrong with the files is reported when they are read for good.
    fn named_rules(&self) -> Vec<(PathBuf, Place)> {
        let named = |trees: &Vec<Node>| {
            let node = trees.iter().rev().find_map(|tree| tree.get("rules"))?;
            let paths = Vec::<PathBuf>::read(node).unwrap_or_default();
            Some((paths, node.place.clone()))
        };
        let Some((paths, place)) = apart(|| self.trees(), named) else {
            return Vec::new();
        };
        let named = paths.into_iter().map(|path| (path, place.clone()));
        named.collect()
    }

    /// The trees of all files of the configuration, as far as they can be read, with their variables filled in. Nothing is reported.
    pub(super) fn trees(&self) -> Vec<Node> {
        let files = self.files.iter().filter(|file| file.role == Role::Config);
        let mut trees: Vec<Node> = files
            .filter_map(|file| file::parse(&file.name(), &file.text).ok())
            .collect();
        let ignored = Problems::new();
        let vars = Vars::collect(trees.iter(), &ignored);
        for tree in &mut trees {
            vars.fill(tree, &ignored);
        }
        trees
    }
}

/// `*.toml` in a directory, by name; none where there is no such directory.
fn toml_files(directory: &Path, problems: &Problems) -> Vec<PathBuf> {
    let failed = |error: io::Error| {
        let place = Place {
            file: directory.to_string_lossy().into(),
            line: 0,
        };
        problems.error(Some(&place), "", format!("cannot be read: {error}"));
    };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            failed(error);
            return Vec::new();
        }
    };
    let mut paths = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => paths.push(entry.path()),
            Err(error) => failed(error),
        }
    }
    // Editors leave `.#x.toml` behind.
    paths.retain(|path| {
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        !hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "toml")
    });
    paths.sort();
    paths
}

fn read_text(path: &Path) -> io::Result<String> {
    let invalid = |message: &str| io::Error::new(io::ErrorKind::InvalidData, message.to_owned());
    if !fs::metadata(path)?.is_file() {
        return Err(invalid("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(invalid("it is longer than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        invalid(&format!("line {line} is not UTF-8 text"))
    })
}
