//! Mail, over SMTP.

use std::time::{Duration, UNIX_EPOCH};

use aqueduct_pipeline::schema::{Error, Result, Timestamp, codes};
use async_trait::async_trait;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message as Mail};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use serde_saphyr::Spanned;

use super::{NotSent, Sink, resolved, timeout};
use crate::alerts::message::Message;
use crate::alerts::rules::Source;
use crate::alerts::section::{EmailSection, TlsWord};

/// A mail server and who gets mail.
pub(crate) struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    host: String,
    from: Mailbox,
    to: Vec<Mailbox>,
    timeout: Duration,
}

impl Email {
    pub(crate) fn check(section: EmailSection, source: &Source<'_>) -> Result<Self> {
        let timeout = timeout(section.timeout.as_ref(), Duration::from_secs(20), source)?;
        let host = expanded(&section.host, source)?;
        if host.is_empty() || !host.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._:".contains(letter)) {
            return Err(source.at("`host` is the name of a mail server, without a port", &section.host));
        }
        let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if section.tls == TlsWord::None && !here {
            let error = source.at("`tls: none` is for a mail server on this machine alone", &section.host);
            return Err(error.advise("Use `tls: starttls` or `tls: tls`."));
        }
        let (tls, usual) = match section.tls {
            TlsWord::Starttls => (Tls::Required(encryption(&host, &section, source)?), 587),
            TlsWord::Tls => (Tls::Wrapper(encryption(&host, &section, source)?), 465),
            TlsWord::None => (Tls::None, 25),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.as_str())
            .port(section.port.unwrap_or(usual))
            .tls(tls)
            .timeout(Some(timeout));
        match (section.user, section.password) {
            (Some(user), Some(password)) => {
                let (user, password) = (resolved(user, source)?, resolved(password, source)?);
                builder = builder.credentials(Credentials::new(user.value.expose().to_owned(), password.value.expose().to_owned()));
            }
            (None, None) => {}
            (Some(user), None) => return Err(source.at("there is a `user` without a `password`", &user)),
            (None, Some(password)) => return Err(source.at("there is a `password` without a `user`", &password)),
        }
        let from = mailbox(&section.from, source)?;
        let to = section.to.iter().map(|to| mailbox(to, source)).collect::<Result<Vec<_>>>()?;
        if to.is_empty() {
            return Err(source.near("there is nobody in `to`", "to:"));
        }
        Ok(Self { transport: builder.build(), host, from, to, timeout })
    }

    fn mail(&self, message: &Message, now: Timestamp) -> Option<Mail> {
        let subject = format!("[aqueduct] {}: {}", message.severity.word(), message.title);
        let since_epoch = Duration::from_micros(u64::try_from(now.microseconds()).unwrap_or(0));
        // Mail about one problem belongs together; the first of it may never have been sent, which readers of mail do not mind.
        let thread = format!("<{}@aqueduct.invalid>", message.problem);
        let mut builder = Mail::builder()
            .from(self.from.clone())
            .subject(subject)
            .date(UNIX_EPOCH + since_epoch)
            .message_id(Some(format!("<{}@aqueduct.invalid>", message.id)))
            .references(thread)
            // So that no one's holiday notice answers (RFC 3834).
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        let advice = if message.advice.is_empty() { String::new() } else { format!("\n\nWhat to do now:\n{}", message.advice) };
        builder.body(format!("{}\n\n{}{advice}\n\n-- \n{}\n", message.title, message.text, message.footer)).ok()
    }
}

#[async_trait]
impl Sink for Email {
    fn words(&self) -> String {
        format!("mail by {} to {} address(es)", self.host, self.to.len())
    }

    async fn send(&self, message: &Message, now: Timestamp) -> Result<(), NotSent> {
        let mail = self.mail(message, now).ok_or_else(|| NotSent::lasting("the message cannot be written as mail"))?;
        self.transport.send(mail).await.map(|_| ()).map_err(|error| not_sent(&error, self.timeout))
    }
}

/// Why mail was not taken. The server's own words are left out: they often repeat an address.
fn not_sent(error: &lettre::transport::smtp::Error, timeout: Duration) -> NotSent {
    if let Some(code) = error.status() {
        let reason = match code.to_string().as_str() {
            "535" | "534" | "530" => "the mail server refused user and password (it answered 535)".to_owned(),
            said => format!("the mail server answered {said}"),
        };
        return if error.is_permanent() { NotSent::lasting(reason) } else { NotSent::passing(reason) };
    }
    if error.is_tls() || is_about_encryption(error) {
        return NotSent::lasting("the connection could not be encrypted: the certificate is not known, or is another server's");
    }
    if error.is_timeout() {
        return NotSent::passing(format!("no answer within {} seconds", timeout.as_secs()));
    }
    if error.is_client() {
        return NotSent::lasting("the mail server does not offer what is needed: STARTTLS, or a way to log in");
    }
    NotSent::passing("no connection to the mail server, or it broke off: check host, port and `tls`")
}

/// Whether encryption failed. lettre tells a certificate that is refused as a connection that broke off, with the reason inside.
fn is_about_encryption(error: &lettre::transport::smtp::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let within = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if inner.is::<rustls::Error>() || within.is_some_and(|within| within.is::<rustls::Error>()) {
            return true;
        }
        source = inner.source();
    }
    false
}

fn encryption(host: &str, section: &EmailSection, source: &Source<'_>) -> Result<TlsParameters> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(file) = &section.ca_file {
        let pem = std::fs::read(&file.value).map_err(|error| {
            let error = Error::new(codes::FILE_UNREADABLE, format!("`{}` cannot be read ({})", file.value.display(), error.kind()));
            error.at(source.file, file.referenced.line(), file.referenced.column())
        })?;
        let unusable = || source.at("`ca_file` is not a certificate in PEM", file);
        if !pem.windows(27).any(|window| window == b"-----BEGIN CERTIFICATE-----") {
            return Err(unusable());
        }
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|_| unusable())?);
    }
    builder.build_rustls().map_err(|_| source.at("the connection to this host cannot be encrypted", &section.host))
}

fn expanded(text: &Spanned<String>, source: &Source<'_>) -> Result<String> {
    let mut secret = aqueduct_pipeline::schema::Secret::new(text.value.clone());
    source.environment.expand_secret(&mut secret, source.file, source.text)?;
    Ok(secret.expose().to_owned())
}

fn mailbox(text: &Spanned<String>, source: &Source<'_>) -> Result<Mailbox> {
    expanded(text, source)?
        .parse()
        .map_err(|_| source.at("this is not a mail address, such as `ops@example.com` or `Ops <ops@example.com>`", text))
}
