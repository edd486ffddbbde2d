//! An authority as a plant has one, made by `openssl`.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// An authority and certificates signed by it, in a folder of their own.
pub(crate) struct Authority(TempDir);

impl Authority {
    pub(crate) fn new() -> Self {
        let made = Self(tempfile::tempdir().expect("a folder"));
        made.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=Plant -days 2");
        made
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Makes `<file>.pem` and `<file>.key` for `alternative` (`IP:127.0.0.1`), valid as `dates` says (`-days 2`).
    pub(crate) fn issue(&self, file: &str, alternative: &str, dates: &str) {
        let write = |name: &str, text: &str| fs::write(self.path(name), text).expect("a file");
        write("ext", &format!("subjectAltName={alternative}\n"));
        self.openssl(&format!("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {file}.key -out {file}.csr -subj /CN={file}"));
        write("index", "");
        write("serial", "01\n");
        write(
            "ca.conf",
            "[ca]\ndefault_ca=c\n[c]\npolicy=p\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n[p]\ncommonName=supplied\n",
        );
        self.openssl(&format!("ca -batch -notext -config ca.conf -in {file}.csr -cert ca.pem -keyfile ca.key -out {file}.pem -extfile ext {dates}"));
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(self.path(&format!("{file}.key")), private).expect("its mode");
    }

    pub(crate) fn openssl(&self, arguments: &str) {
        let done = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(&self.0)
            .output()
            .expect("openssl");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}
