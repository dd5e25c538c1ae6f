//! Mails, for one machine: printed, for whoever runs it to read.

use std::io::{self, Write};

use async_trait::async_trait;
use lmall_app::ports::{Mail, MailError, Mailer};
use lmall_domain::customer::MailKind;
use serde::Serialize;

/// Prints each mail to standard output, as one line: `mail {"to":…,"purpose":…,"token":…}`.
///
/// Standard output is the operator's own; logs, which may go elsewhere, never have a mail.
#[derive(Debug, Clone, Copy, Default)]
pub struct PrintedMails;

#[derive(Serialize)]
struct Line<'a> {
    to: &'a str,
    purpose: MailKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

#[async_trait]
impl Mailer for PrintedMails {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        print(mail, &mut io::stdout().lock()).map_err(|error| MailError(error.into()))
    }
}

fn print(mail: &Mail, out: &mut impl Write) -> io::Result<()> {
    let token = mail.token.as_deref();
    let line = Line { to: mail.to.as_str(), purpose: mail.purpose, token };
    writeln!(out, "mail {}", serde_json::to_string(&line)?)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use lmall_domain::customer::Email;

    use super::*;

    #[test]
    fn a_mail_is_one_line() {
        let mail = Mail {
            id: "cus_1-customer-1".parse().unwrap(),
            to: Email::normalised("ann@example.org"),
            purpose: MailKind::ResetPassword,
            token: Some("cus_1.1.x".to_owned()),
        };
        let mut out = Vec::new();
        print(&mail, &mut out).unwrap();
        let line =
            r#"mail {"to":"ann@example.org","purpose":"reset_password","token":"cus_1.1.x"}"#;
        assert_eq!(String::from_utf8(out).unwrap(), format!("{line}\n"));
        assert!(!format!("{mail:?}").contains("ann"), "never in a log");
    }
}
