//! A mail server: plain, with STARTTLS, or encrypted from the first byte; it remembers what it is given.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    None,
    StartTls,
    Tls,
}

/// What a client did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) encrypted: bool,
    pub(crate) user: Option<String>,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) text: String,
}

#[derive(Clone)]
pub(crate) struct MailServer {
    pub(crate) address: SocketAddr,
    /// The certificate of the authority that signed its own, in PEM.
    pub(crate) authority: String,
    letters: Arc<Mutex<Vec<Letter>>>,
}

#[derive(Clone)]
struct Inside {
    encryption: Encryption,
    acceptor: TlsAcceptor,
    password: &'static str,
    refuses: bool,
    letters: Arc<Mutex<Vec<Letter>>>,
}

impl MailServer {
    /// Starts one that takes any user with this password, and refuses every recipient if it is told to.
    pub(crate) async fn start(encryption: Encryption, password: &'static str, refuses: bool) -> Self {
        let (authority, config) = certificates();
        let letters: Arc<Mutex<Vec<Letter>>> = Arc::default();
        let inside = Inside { encryption, acceptor: TlsAcceptor::from(Arc::new(config)), password, refuses, letters: letters.clone() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inside = inside.clone();
                tokio::spawn(async move {
                    if inside.encryption == Encryption::Tls {
                        if let Ok(stream) = inside.acceptor.accept(stream).await {
                            inside.talk(BufReader::new(stream), true, true).await;
                        }
                    } else if let Some(stream) = inside.talk(BufReader::new(stream), false, true).await
                        && let Ok(stream) = inside.acceptor.accept(stream).await
                    {
                        inside.talk(BufReader::new(stream), true, false).await;
                    }
                });
            }
        });
        Self { address, authority, letters }
    }

    pub(crate) fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap().clone()
    }
}

impl Inside {
    /// Talks until the client goes; gives the stream back when it is to be encrypted.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: BufReader<S>, encrypted: bool, greets: bool) -> Option<S> {
        let mut letter = Letter { encrypted, ..Letter::default() };
        if greets {
            stream.write_all(b"220 localhost\r\n").await.ok()?;
        }
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = match word.as_str() {
                "EHLO" => {
                    let mut lines = vec!["localhost"];
                    if self.encryption == Encryption::StartTls && !encrypted {
                        lines.push("STARTTLS");
                    }
                    if encrypted || self.encryption == Encryption::None {
                        lines.push("AUTH PLAIN");
                    }
                    let last = lines.pop().unwrap();
                    lines.iter().map(|line| format!("250-{line}\r\n")).collect::<String>() + &format!("250 {last}\r\n")
                }
                "STARTTLS" => {
                    stream.write_all(b"220 go on\r\n").await.ok()?;
                    return Some(stream.into_inner());
                }
                "AUTH" => {
                    let given = STANDARD.decode(line.rsplit(' ').next().unwrap_or_default()).unwrap_or_default();
                    let given = String::from_utf8(given).unwrap_or_default();
                    let parts: Vec<&str> = given.split('\0').collect();
                    if parts.get(2) == Some(&self.password) {
                        letter.user = Some(parts[1].to_owned());
                        "235 welcome\r\n".to_owned()
                    } else {
                        "535 wrong password for ops@example.com\r\n".to_owned()
                    }
                }
                "MAIL" => {
                    letter.from = address(line);
                    "250 ok\r\n".to_owned()
                }
                "RCPT" if self.refuses => "550 no such mailbox ops@example.com\r\n".to_owned(),
                "RCPT" => {
                    letter.to.push(address(line));
                    "250 ok\r\n".to_owned()
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await.ok()?;
                    loop {
                        let mut line = String::new();
                        stream.read_line(&mut line).await.ok()?;
                        if line == ".\r\n" {
                            break;
                        }
                        letter.text.push_str(&line);
                    }
                    self.letters.lock().unwrap().push(letter.clone());
                    "250 taken\r\n".to_owned()
                }
                "QUIT" => {
                    stream.write_all(b"221 bye\r\n").await.ok()?;
                    return None;
                }
                _ => "250 ok\r\n".to_owned(),
            };
            stream.write_all(answer.as_bytes()).await.ok()?;
        }
    }
}

fn address(line: &str) -> String {
    line.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}

/// An authority, and what a server for `localhost` needs to be believed by who believes the authority.
fn certificates() -> (String, ServerConfig) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let own_key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&own_key, &issuer).unwrap();
    let certificate: CertificateDer<'static> = own.der().clone();
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    (authority, builder.with_no_client_auth().with_single_cert(vec![certificate], secret).unwrap())
}
