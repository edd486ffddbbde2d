//! A network of its own for the agent, with one cable to us that can be cut.

use std::process::Command;

/// A network namespace; it goes away with this value.
#[derive(Debug)]
pub(super) struct Namespace {
    name: String,
    ours: String,
}

impl Namespace {
    pub(super) fn make() -> Self {
        let process = std::process::id();
        let name = format!("andon-it-{process}-net");
        // Four addresses for each process, of a network that nobody here has.
        let number = (process % 16384) * 4;
        let address = |host: u32| format!("10.213.{}.{}", number >> 8, (number & 255) + host);
        let namespace = Self {
            ours: address(1),
            name: name.clone(),
        };
        let (near, far) = (format!("an{process}"), format!("af{process}"));
        ip(&format!("netns add {name}"));
        ip(&format!(
            "link add {near} type veth peer name {far} netns {name}"
        ));
        ip(&format!("addr add {}/30 dev {near}", address(1)));
        ip(&format!("link set {near} up"));
        ip(&format!("-n {name} addr add {}/30 dev {far}", address(2)));
        ip(&format!("-n {name} link set {far} up"));
        ip(&format!("-n {name} link set lo up"));
        namespace
    }

    /// Our address at this end of the cable.
    pub(super) fn address(&self) -> &str {
        &self.ours
    }

    /// What stands in front of a program that is to run there. `ip netns exec` would do more: in its own view of all mounts it would
    /// hold the images of other tests, and a cut one cannot be brought back while anybody holds it.
    pub(super) fn wrapper(&self) -> Vec<String> {
        vec![
            "nsenter".to_owned(),
            format!("--net=/run/netns/{}", self.name),
        ]
    }

    /// Nothing leaves for these ports any more; for no ports, nothing at all.
    pub(super) fn cut(&self, ports: &[u16]) {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let what = match ports.is_empty() {
            true => String::new(),
            false => format!("tcp dport {{ {} }}", ports.join(", ")),
        };
        self.nft("add table inet cut");
        self.nft("add chain inet cut out { type filter hook output priority 0; policy accept; }");
        self.nft(&format!("add rule inet cut out {what} drop"));
    }

    /// Undoes [`Namespace::cut`].
    pub(super) fn mend(&self) {
        self.nft("delete table inet cut");
    }

    fn nft(&self, what: &str) {
        let wrapper = self.wrapper();
        run(Command::new(&wrapper[0])
            .arg(&wrapper[1])
            .args(["nft", what]));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The cable goes with its far end.
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .output();
    }
}

fn ip(arguments: &str) {
    run(Command::new("ip").args(arguments.split(' ')));
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
