//! Names of this host's users, from `/etc/passwd`.
//!
//! Users of a directory service are not in it and show as their number: asking a network service for a name while
//! somebody acknowledges an alert is not worth the wait.

use std::fs;

/// The name of a user, if the host knows one. The file is read each time, because users come and go while the agent runs.
pub(super) fn name(uid: u32) -> Option<String> {
    name_in(&fs::read_to_string("/etc/passwd").ok()?, uid)
}

fn name_in(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let found: u32 = fields.nth(1)?.parse().ok()?;
        (found == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number_whatever_else_stands_in_the_file() {
        let passwd = "# users\nroot:x:0:0:root:/root:/bin/sh\n:x:7:7::/:\nbroken\n+::::::\nmaria:x:1000:1000:Maria:/home/maria:/bin/sh\n";
        assert_eq!(name_in(passwd, 1000).as_deref(), Some("maria"));
        assert_eq!(name_in(passwd, 0).as_deref(), Some("root"));
        assert_eq!(name_in(passwd, 7), None);
        assert_eq!(name_in(passwd, 4711), None);
    }
}
