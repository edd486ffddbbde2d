//! The files that `init` writes: short enough to be read, with the next keys to want as comments.

use std::fmt::Write as _;

use super::answers::{Answers, Hook, Source};

/// `andon.toml`
pub(super) fn main(answers: &Answers) -> String {
    let mut out = String::from(
        "# The configuration of andon. Everything that is not said here has the default of `andon check --show`.\n\n[agent]\n",
    );
    line(&mut out, "site", &quoted(&answers.site));
    line(&mut out, "site_name", &quoted(&answers.site_name));
    if let Some(data_dir) = &answers.data_dir {
        line(&mut out, "data_dir", &quoted(&data_dir.to_string_lossy()));
    }
    out.push_str("# timezone = \"Europe/Berlin\"  # in which people are told times\n");
    out.push_str("\n[[machine]]\n");
    line(&mut out, "id", &quoted(&answers.machine));
    out.push_str("# name = \"CNC Mill #1\"  # for people\n");
    out.push_str("# may_be_off = true  # no answer then means off, and is no alert\n");
    source(&mut out, answers);
    match &answers.destination {
        Some(hook) => destination(&mut out, hook),
        None => out.push_str(
            "\n# Nobody is told yet. Remove the marks and restart or `andon reload`:\n# [[destination]]\n# name = \"ops\"\n# type = \"webhook\"\n# url = \"https://ops.example.com/andon\"\n#\n# [[route]]\n# default = true\n# to = [\"ops\"]\n",
        ),
    }
    out
}

fn source(out: &mut String, answers: &Answers) {
    let (machine, tag) = (quoted(&answers.machine), quoted(&answers.tag));
    match &answers.source {
        Source::Modbus {
            address,
            unit,
            register,
            form,
        } => {
            out.push_str("\n[[source.modbus]]\nname = \"modbus-1\"\n");
            line(out, "address", &quoted(address));
            out.push_str("poll = \"1s\"\n\n[[source.modbus.units]]\n");
            line(out, "id", &unit.to_string());
            line(out, "machine", &machine);
            let (register, form) = (quoted(register), quoted(form));
            let _ = writeln!(
                out,
                "tags = [\n  {{ tag = {tag}, read = {register}, type = {form} }},  # more keys: unit = \"°C\", scale = 0.1, order = \"cdab\"\n]"
            );
        }
        Source::Mqtt { url, ca, topic } => {
            out.push_str("\n[[source.mqtt]]\nname = \"mqtt-1\"\n");
            line(out, "url", &quoted(url));
            if let Some(ca) = ca {
                line(out, "ca", &quoted(ca));
            }
            out.push_str("# user = \"andon\"\n# password = { file = \"/etc/andon/broker.pw\" }\n");
            out.push_str("\n[[source.mqtt.subscribe]]\n");
            line(out, "topic", &quoted(topic));
            line(out, "machine", &machine);
            out.push_str("payload = \"number\"\n");
            line(out, "tag", &tag);
            out.push_str("stale_after = \"60s\"  # silence for longer means that nobody sees\n");
        }
    }
}

fn destination(out: &mut String, hook: &Hook) {
    out.push_str("\n[[destination]]\nname = \"ops\"\ntype = \"webhook\"\n");
    line(out, "url", &quoted(hook.url.as_str()));
    if hook.url.scheme() == "http" {
        out.push_str("allow_http = true\n");
    }
    match hook.private() {
        Some(network) => line(out, "allow_addresses", &format!("[{}]", quoted(&network))),
        None => out.push_str(
            "# allow_addresses = [\"10.0.0.0/8:443\"]  # needed if its address is a private one\n",
        ),
    }
    if let Some(file) = &hook.secret_file {
        let file = quoted(file);
        let sign = format!("{{ scheme = \"standard-webhooks\", secret = {{ file = {file} }} }}");
        line(out, "sign", &sign);
    }
    out.push_str("\n[[route]]\ndefault = true\nto = [\"ops\"]\n");
}

/// `rules/first.toml`
pub(super) fn rules(answers: &Answers) -> String {
    let mut out = String::from("# What is abnormal. Try changes with `andon check`.\n\n[[rule]]\n");
    // Any tag is an id, so that this is one too unless it is too long.
    let mut id = answers.tag.to_string();
    id.truncate(50);
    line(&mut out, "id", &quoted(&format!("{id}-high")));
    line(&mut out, "machine", &quoted(&answers.machine));
    line(&mut out, "tag", &quoted(&answers.tag));
    line(&mut out, "above", &format!("{:?}", answers.limit));
    out.push_str("on_delay = \"10s\"  # it must last this long\n");
    out.push_str("off_delay = \"30s\"  # and be gone this long\n");
    out.push_str("severity = \"error\"  # critical, error, warning, info\n");
    out.push_str("# deadband = 2.0\n# action = \"Reduce feed, check coolant flow.\"\n");
    out
}

fn line(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "{key} = {value}");
}

/// A TOML string; `${` in an answer is no variable.
fn quoted(text: &str) -> String {
    toml::Value::from(text.replace("${", "$${")).to_string()
}
