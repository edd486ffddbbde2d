//! Keys and URLs that are unlike those of their service: a mistake where they are written, a warning where a secret holds them, and never
//! a word of the secret.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::{
    config::section::{Problems, Section},
    destination::{Destination, testbed::node},
};

/// A kind with the key that is looked at as `$KEY`, a text that is not its own, whether that is a mistake where it is written, and what is
/// said about it.
const ODD: &[(&str, &str, bool, &str)] = &[
    (
        "type = 'slack'\nurl = $KEY",
        "https://example.com/canary",
        false,
        "is no webhook of Slack",
    ),
    ("type = 'slack'\nurl = $KEY", "canary", true, "is not a url"),
    (
        "type = 'teams'\nurl = $KEY",
        "https://prod-07.example.com/workflows/canary",
        false,
        "has no signature",
    ),
    (
        "type = 'teams'\nurl = $KEY",
        "https://plant.webhook.office.com/webhookb2/canary",
        false,
        "is that of an Office 365 connector",
    ),
    (
        "type = 'teams-connector'\nurl = $KEY",
        "https://prod-07.example.com/workflows/canary",
        false,
        "is not that of an Office 365 connector",
    ),
    (
        "type = 'discord'\nurl = $KEY",
        "https://discord.com/api/webhooks/223704706495545344/canary?wait=true",
        true,
        "has a part behind",
    ),
    (
        "type = 'discord'\nurl = $KEY",
        "https://discord.com/api/canary",
        false,
        "is no webhook of Discord",
    ),
    (
        "type = 'google-chat'\nurl = $KEY",
        "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=canary",
        true,
        "is not the whole url",
    ),
    (
        "type = 'google-chat'\nurl = $KEY",
        "https://example.com/?key=canary&token=canary",
        false,
        "is no webhook of Google Chat",
    ),
    (
        "type = 'opsknight'\nintegration_key = { env = 'HOME' }\nurl = $KEY",
        "https://ops.example.com/api/integrations/webhook?integrationId=canary",
        false,
        "is that of the webhook of an integration",
    ),
    (
        "type = 'opsknight'\nvia = 'webhook'\nintegration_key = { env = 'HOME' }\nurl = $KEY",
        "https://ops.example.com/api/integrations/canary",
        false,
        "names no integration",
    ),
    (
        "type = 'opsknight'\nurl = 'https://ops.example.com/api/events'\nintegration_key = $KEY",
        "canary",
        false,
        "is not 32 hexadecimal digits",
    ),
    (
        "type = 'harp'\nurl = $KEY",
        "harp.example.com/canary",
        true,
        "is not a url",
    ),
    (
        "type = 'webhook'\nurl = $KEY",
        "ops.example.com/canary",
        true,
        "is not a url",
    ),
    (
        "type = 'pagerduty'\nrouting_key = $KEY",
        "canary",
        false,
        "is not 32 letters and digits",
    ),
    (
        "type = 'opsgenie'\napi_key = $KEY",
        "canary",
        false,
        "as the key of an API integration is",
    ),
    (
        "type = 'jsm'\napi_key = $KEY",
        "canary",
        false,
        "as the key of an API integration is",
    ),
    (
        "type = 'slack-bot'\nchannel = '#line-2'\ntoken = $KEY",
        "xapp-canary",
        true,
        "is no token of a bot",
    ),
    (
        "type = 'telegram'\nchat_id = -1001234567890\ntoken = $KEY",
        "123:canary",
        true,
        "is no token of a bot",
    ),
    (
        "type = 'sendgrid'\nfrom = 'a@b.c'\nto = ['a@b.c']\napi_key = $KEY",
        "canary",
        false,
        "does not begin with `SG.`",
    ),
    (
        "type = 'resend'\nfrom = 'a@b.c'\nto = ['a@b.c']\napi_key = $KEY",
        "canary",
        false,
        "does not begin with `re_`",
    ),
    (
        "type = 'webhook'\nurl = 'https://ops.example.com/'\nsign = { scheme = 'standard-webhooks', secret = $KEY }",
        "canary?",
        true,
        "is not `whsec_`",
    ),
];

/// What is said about it, and whether that is a mistake.
fn said(toml: &str) -> Vec<(bool, String)> {
    let tree = node(toml.parse::<toml::Table>().expect("TOML").into());
    let problems = Problems::new();
    Destination::read("ops", Section::root(&tree, &problems));
    let said = problems.into_sorted().into_iter();
    said.map(|problem| (!problem.warning, problem.message))
        .collect()
}

fn kept(folder: &Path, text: &str) -> String {
    let path = folder.join("secret");
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
    format!("{{ file = '{}' }}", path.display())
}

#[test]
fn what_is_unlike_its_service_is_said_wherever_it_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    for (config, odd, is_wrong, expected) in ODD {
        let written = (config.replace("$KEY", &format!("'{odd}'")), *is_wrong);
        let secret = (config.replace("$KEY", &kept(folder.path(), odd)), false);
        for (config, mistake) in [written, secret] {
            let said = said(&config);
            let found = said.iter().find(|(_, message)| message.contains(expected));
            let found = found.unwrap_or_else(|| panic!("{config}: {said:?}"));
            assert_eq!(found.0, mistake, "{config}: {found:?}");
            for (_, message) in &said {
                assert!(!message.contains("canary"), "{message}");
            }
        }
    }
}
