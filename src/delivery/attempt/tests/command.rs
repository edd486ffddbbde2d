//! A whole attempt that runs a real script.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;

#[tokio::test]
async fn a_script_is_told_of_an_alert_and_says_what_became_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("siren");
    let text = "#!/bin/sh\ncat > \"$1\"\necho \"$ANDON_EVENT $ANDON_TEXT\" >&2\nexit \"$2\"\n";
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("its mode");
    let (script, heard) = (script.display(), folder.path().join("heard"));
    let try_with = async |code: u8| {
        let siren = read(&format!(
            "type = \"command\"\ncommand = [\"{script}\", \"{}\", \"{code}\"]\ntimeout = \"60s\"\ngive_up_on = [64]",
            heard.display()
        ));
        let siren = siren.expect("a destination");
        let contact = Contact::new(&siren, None).expect("a contact");
        let hot = Notice {
            text: "too hot; $(id)".to_owned(),
            ..notice()
        };
        tell(&siren, &contact, &hot, now()).await
    };
    let done = try_with(0).await;
    assert_eq!(
        done.outcome,
        Outcome::Accepted {
            detail: "exit code 0: triggered too hot; $(id)".to_owned(),
            provider_id: None
        }
    );
    let payload = fs::read_to_string(&heard).expect("what it was told");
    let payload: serde_json::Value = serde_json::from_str(&payload).expect("a payload");
    assert_eq!(payload["text"], "too hot; $(id)");
    assert!(matches!(try_with(75).await.outcome, Outcome::Failed { .. }));
    let refused = try_with(1).await.outcome;
    assert!(matches!(refused, Outcome::Refused { give_up: false, .. }));
    let refused = try_with(64).await.outcome;
    assert!(matches!(refused, Outcome::Refused { give_up: true, .. }));
}
