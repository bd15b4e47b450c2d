//! `aqueduct alerts`: a file that is checked, and messages that arrive.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::account::nowhere;
use crate::project::Project;

/// Takes one message and gives its body.
fn take_one() -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let taken = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
        String::from_utf8(body).unwrap()
    });
    (address, taken)
}

#[test]
fn a_test_says_of_every_sink_what_happened() {
    let (address, taken) = take_one();
    let mut project = Project::new();
    project.set("HOOK", format!("{address}/canary"));
    project.set("CHAT", format!("{}/canary", nowhere()));
    project.write(
        "aqueduct.yaml",
        "alerts:\n  sinks:\n    chat: { slack: { url: \"${CHAT}\" } }\n    hook: { webhook: { url: \"${HOOK}\" } }\n",
    );
    let ended = project.run("alerts test --json").with_code(5);
    let said = ended.json_lines();
    assert_eq!((&said[0]["sink"], &said[0]["sent"]), (&json!("chat"), &json!(false)));
    assert_eq!(said[0]["reason"], "no connection: check the address, the network and the certificate");
    assert_eq!(said[1], json!({"sink": "hook", "is": "webhook at 127.0.0.1", "sent": true, "reason": null}));
    let message: Value = serde_json::from_str(&taken.join().unwrap()).unwrap();
    assert_eq!((&message["event"], &message["title"]), (&json!("test"), &json!("this is a test of `hook`")));
    assert!(!ended.out.contains("canary") && !ended.err.contains("canary"), "an address may be all that somebody needs to write");

    let words = project.run("alerts test");
    assert!(words.out.contains("chat: NOT sent (Slack webhook at 127.0.0.1)"), "{}", words.out);
}

#[test]
fn a_file_is_checked_and_its_mistakes_are_placed() {
    let project = Project::new();
    let missing = project.run("alerts check").with_code(2);
    assert!(missing.err.contains("AQ1012") && missing.err.contains("aqueduct.yaml"), "{}", missing.err);
    project.write("aqueduct.yaml", "alerts:\n  sinks:\n    chat: { slack: { url: https://hooks.example/x } }\n  rules: [{ to: [chta] }]\n");
    let wrong = project.run("alerts check").with_code(2);
    assert!(wrong.err.contains("aqueduct.yaml:4:18") && wrong.err.contains("Did you mean `chat`?"), "{}", wrong.err);
    project.write("other.yaml", project.read("aqueduct.yaml").replace("chta", "chat"));
    let right = project.run("alerts check --alerts other.yaml").with_code(0);
    assert_eq!(
        right.out,
        "other.yaml: sound\n  chat: Slack webhook at hooks.example\n`aqueduct alerts test` sends a message through each.\n"
    );
    project.write("aqueduct.yaml", "{}\n");
    assert!(project.run("alerts check").with_code(2).err.contains("no section `alerts`"));
}
