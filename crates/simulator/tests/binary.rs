//! The `aqueduct-simulator` program: one line of JSON says how to get in.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_aqueduct-simulator"))
}

/// Ends the program when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_serves_what_its_line_promises() {
    let mut command = program();
    command.args(["hubspot", "--contacts", "25", "--seed", "3", "--limits", "starter", "--index-lag", "60"]).stdout(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    assert!(["client_id", "client_secret", "refresh_token"].iter().all(|name| said[name].is_string()));

    let address = said["base_url"].as_str().unwrap().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let token = said["access_token"].as_str().unwrap();
    write!(
        stream,
        "GET /crm/v3/objects/contacts?limit=100 HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.to_lowercase().contains("x-hubspot-ratelimit-max: 100"), "{head}");
    let rows = serde_json::from_str::<Value>(body).unwrap()["results"].as_array().unwrap().len();
    assert!((20..=25).contains(&rows), "{rows}: some of the 25 are archived or merged");
}

#[test]
fn it_serves_salesforce_too() {
    let mut command = program();
    command.args(["salesforce", "--contacts", "25", "--accounts", "7", "--limits", "developer"]).stdout(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let names = ["login_url", "client_id", "client_secret", "refresh_token", "private_key", "username", "access_token"];
    assert!(names.iter().all(|name| said[name].is_string()));

    let address = said["base_url"].as_str().unwrap().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let token = said["access_token"].as_str().unwrap();
    write!(
        stream,
        "GET /services/data/v62.0/query?q=SELECT+Id+FROM+Account HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.to_lowercase().contains("sforce-limit-info: api-usage=1/15000"), "{answer}");
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert!((4..=7).contains(&body["totalSize"].as_u64().unwrap()), "some of the 7 are deleted or merged");
}

#[test]
fn wrong_arguments_are_named() {
    for (arguments, word) in [
        (&["pipedrive"][..], "pipedrive"),
        (&["hubspot", "--contacts", "many"], "many"),
        (&["hubspot", "--colour", "red"], "--colour"),
        (&["brevo", "--limits", "gold"], "gold"),
        (&["salesforce", "--limits", "starter"], "starter"),
        (&[], "which vendor"),
    ] {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(word) && said.contains("usage:"), "{said}");
        assert!(output.stdout.is_empty());
    }
    assert!(program().arg("--help").output().unwrap().status.success());
}
