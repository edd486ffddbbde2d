//! Where SNS is to bring an event: a topic or a telephone number, and the region in which that is.

use super::super::{phone::Phone, sms::Sms};
use crate::config::section::Section;

#[derive(Debug)]
pub(super) enum Target {
    /// By its ARN.
    Topic(String),
    /// By its number.
    Phone(Phone, Sms),
}

/// Either `topic` or `phone`.
pub(super) fn target(section: &Section<'_>) -> Option<Target> {
    let topic = section.optional::<String>("topic");
    let phone = section.optional::<Phone>("phone");
    match (topic, phone) {
        (Some(topic), None) if region_of(&topic).is_some() => Some(Target::Topic(topic)),
        (Some(topic), None) => {
            section.error("topic", format!("is \"{topic}\", must be the ARN of a topic, like \"arn:aws:sns:eu-central-1:123456789012:alerts\""));
            None
        }
        (None, Some(phone)) => Some(Target::Phone(phone, Sms::read(section))),
        // What is written and cannot be read was reported.
        _ if section.raw("topic").is_some() != section.raw("phone").is_some() => None,
        _ => {
            section.error("topic", "must be there, or `phone`, and not both");
            None
        }
    }
}

/// The region stands in the ARN of a topic; for a number it has to be said.
pub(super) fn region(section: &Section<'_>, target: Option<&Target>) -> Option<String> {
    let said = match section.optional::<String>("region") {
        Some(said) if !is_region(&said) => {
            section.error(
                "region",
                format!("is \"{said}\", must be like \"eu-central-1\""),
            );
            return None;
        }
        said => said,
    };
    match target? {
        Target::Topic(topic) => {
            let region = region_of(topic)?;
            if said.is_some_and(|said| said != region) {
                section.error(
                    "region",
                    format!("is another than that of the topic, {region}; leave it out"),
                );
                return None;
            }
            Some(region.to_owned())
        }
        Target::Phone(..) => {
            if section.raw("region").is_none() {
                section.error(
                    "region",
                    "is missing: a telephone number does not say by which region it is reached",
                );
            }
            said
        }
    }
}

fn is_region(region: &str) -> bool {
    let fine = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    region.len() <= 30 && region.split('-').count() >= 3 && region.split('-').all(fine)
}

/// `arn:aws:sns:REGION:123456789012:NAME`
pub(super) fn region_of(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.split(':').collect();
    let [_, partition, "sns", region, account, name] = parts[..] else {
        return None;
    };
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let bare = name.strip_suffix(".fifo").unwrap_or(name);
    let named = !bare.is_empty() && name.len() <= 256 && bare.bytes().all(plain);
    let fine = arn.starts_with("arn:") && partition.starts_with("aws") && is_region(region);
    (fine && digits && named).then_some(region)
}
