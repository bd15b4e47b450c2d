//! The one place that reads the environment: variables, `.env` files and references in pipeline files.

use std::collections::HashMap;
use std::path::Path;

use aqueduct_schema::{Error, Result, Secret, codes};

/// Variables by name. The process's own come before those of `.env` files.
#[derive(Clone, Default)]
pub struct Environment {
    variables: HashMap<String, String>,
    /// `.env` files that are there and cannot be read, each with why: they may have what is missing.
    unread: Vec<String>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "environment of {} variables", self.variables.len())
    }
}

impl Environment {
    /// Exactly these variables.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: variables.into_iter().collect(), unread: Vec::new() }
    }

    /// The variables of the process.
    pub fn of_process() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this module is where the environment is read")]
        let variables = std::env::vars_os();
        let variables = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { variables: variables.collect(), unread: Vec::new() }
    }

    /// Adds the variables of a `.env` file that are not set yet. A file that does not exist adds none; one that cannot be read adds none
    /// either and is named where a variable is missing.
    ///
    /// # Errors
    /// `AQ1002` with the file and line when it is not a `.env` file; values are not shown.
    pub fn add_file(&mut self, path: &Path) -> Result<()> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let is_absent = matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory);
                let told = format!("`{}` ({})", path.display(), error.kind());
                if !is_absent && !self.unread.contains(&told) {
                    self.unread.push(told);
                }
                return Ok(());
            }
        };
        for entry in dotenvy::from_read_iter(text.as_bytes()) {
            let (name, value) = entry.map_err(|error| {
                let line = match &error {
                    dotenvy::Error::LineParse(line, _) => text.lines().position(|candidate| candidate.trim() == line.trim()),
                    _ => None,
                };
                Error::new(codes::BAD_YAML, "the file is not a list of NAME=VALUE lines").at(
                    path.display().to_string(),
                    line.map_or(1, |at| at as u64 + 1),
                    0,
                )
            })?;
            self.variables.entry(name).or_insert(value);
        }
        Ok(())
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Puts values into a text: `${VAR}`, `${VAR:-default}`, `${file:PATH}` (the file's content without the line end). `$$` is a `$`.
    ///
    /// # Errors
    /// `AQ1004` for a variable without a value and no default, `AQ1012` for a file that cannot be read.
    pub fn expand(&self, text: &str) -> Result<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some((reference, after)) = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                out.push_str(&self.resolve(reference)?);
                rest = after;
            } else {
                out.push('$');
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn resolve(&self, reference: &str) -> Result<String> {
        if let Some(path) = reference.strip_prefix("file:") {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Error::new(codes::FILE_UNREADABLE, format!("`{path}` cannot be read ({})", error.kind())))?;
            return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
        }
        let (name, default) = reference.split_once(":-").map_or((reference, None), |(name, default)| (name, Some(default)));
        self.get(name).or(default).map(str::to_owned).ok_or_else(|| {
            let mut advice = format!(
                "Set it (`export {name}=…`) or write `{name}=…` into a .env file in the folder that has pipelines/, or beside the pipeline file."
            );
            if !self.unread.is_empty() {
                advice.push_str(&format!(" Where it is in {}: that cannot be read by this user.", self.unread.join(" or ")));
            }
            Error::new(codes::MISSING_VARIABLE, format!("the variable `{name}` is not set")).advise(advice)
        })
    }

    /// [`Environment::expand`] for a secret that was read from a shielded file, with the place of the reference in it.
    ///
    /// # Errors
    /// As [`Environment::expand`], with line and column.
    pub fn expand_secret(&self, secret: &mut Secret, file: &str, source: &str) -> Result<()> {
        let written = unshield(secret.expose());
        let expanded = self.expand(&written).map_err(|error| place(error, file, source, &written))?;
        *secret = Secret::new(expanded);
        Ok(())
    }

    /// [`Environment::expand`] for every text in a value, with the place of the reference in the file it came from.
    ///
    /// # Errors
    /// As [`Environment::expand`], with line and column.
    pub fn expand_all(&self, value: &mut serde_json::Value, file: &str, source: &str) -> Result<()> {
        match value {
            serde_json::Value::String(text) => {
                let original = unshield(text);
                *text = self.expand(&original).map_err(|error| place(error, file, source, &original))?;
                Ok(())
            }
            serde_json::Value::Array(values) => values.iter_mut().try_for_each(|value| self.expand_all(value, file, source)),
            serde_json::Value::Object(values) => values.values_mut().try_for_each(|value| self.expand_all(value, file, source)),
            _ => Ok(()),
        }
    }
}

/// Characters that mean something to YAML and may stand in a reference, and what stands for them while the file is read. Private-use
/// characters, one for one, so that columns stay what they are.
const SHIELDED: [(char, char); 7] =
    [('{', '\u{e000}'), ('}', '\u{e001}'), ('[', '\u{e002}'), (']', '\u{e003}'), (',', '\u{e004}'), ('#', '\u{e005}'), (':', '\u{e006}')];

/// Shields `${…}` references from YAML, which takes their braces for its own inside `{ key: ${VAR} }`.
pub fn shield(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let end = rest[at..].find(['}', '\n']).map_or(rest.len(), |end| at + end + 1);
        out.push_str(&rest[..at]);
        if rest[at..end].ends_with('}') {
            out.extend(rest[at..end].chars().map(|c| SHIELDED.iter().find(|(plain, _)| *plain == c).map_or(c, |(_, shield)| *shield)));
        } else {
            out.push_str(&rest[at..end]);
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Turns shielded characters back.
pub fn unshield(text: &str) -> String {
    text.chars().map(|c| SHIELDED.iter().find(|(_, shield)| *shield == c).map_or(c, |(plain, _)| *plain)).collect()
}

/// Adds to an error the place in `source` where a text stands.
pub fn place(error: Error, file: &str, source: &str, text: &str) -> Error {
    match source.lines().enumerate().find_map(|(line, content)| Some((line + 1, content.find(text)? + 1))) {
        Some((line, column)) => error.at(file, line as u64, column as u64),
        None => error.at(file, 1, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment::of([("TOKEN".into(), "t-1".into()), ("EMPTY".into(), String::new())])
    }

    #[test]
    fn references_are_replaced() {
        let environment = environment();
        assert_eq!(environment.expand("a ${TOKEN} b").unwrap(), "a t-1 b");
        assert_eq!(environment.expand("${NO:-x}${EMPTY:-y}$$5 $z").unwrap(), "xy$5 $z");
        let error = environment.expand("${EMPTY}").unwrap_err();
        assert_eq!(error.code(), codes::MISSING_VARIABLE);
    }

    #[test]
    fn references_survive_yaml() {
        let text = "config: { a: ${TOKEN}, b: ${NO:-x,#[y]: z}, c: [${TOKEN}, \"${TOKEN}\"] } # ${TOKEN}\nd: ${unclosed\n";
        let mut value: serde_json::Value = aqueduct_schema::yaml::read("p.yaml", &shield(text)).unwrap();
        environment().expand_all(&mut value, "p.yaml", text).unwrap();
        assert_eq!(value["config"], serde_json::json!({"a": "t-1", "b": "x,#[y]: z", "c": ["t-1", "t-1"]}));
        assert_eq!(value["d"], "${unclosed");
        assert_eq!(shield(text).chars().count(), text.chars().count());
    }

    #[test]
    fn files_give_their_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "secret\n").unwrap();
        assert_eq!(environment().expand(&format!("${{file:{}}}", path.display())).unwrap(), "secret");
        assert_eq!(environment().expand("${file:/no/such/file}").unwrap_err().code(), codes::FILE_UNREADABLE);
    }

    #[test]
    fn a_missing_variable_is_placed() {
        let mut value = serde_json::json!({"a": ["x", "${NO}"]});
        let error = environment().expand_all(&mut value, "p.yaml", "name: x\nconfig: { a: [x, ${NO}] }\n").unwrap_err();
        assert_eq!(error.location().unwrap().to_string(), "p.yaml:2:18");
    }

    #[test]
    fn the_process_comes_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, "TOKEN=other\nNEW=\"a b\" # words\n").unwrap();
        let mut environment = environment();
        environment.add_file(&path).unwrap();
        assert_eq!((environment.get("TOKEN"), environment.get("NEW")), (Some("t-1"), Some("a b")));
        std::fs::write(&path, "A=1\nnot a line\n").unwrap();
        assert_eq!(environment.add_file(&path).unwrap_err().location().unwrap().line, 2);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_where_something_is_missing() {
        // A folder of that name cannot be read by anybody, root included.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        let mut environment = environment();
        environment.add_file(&path).unwrap();
        assert!(!environment.expand("${NO}").unwrap_err().advice().contains("cannot be read"), "no file is no mistake");
        std::fs::create_dir(&path).unwrap();
        environment.add_file(&path).unwrap();
        assert_eq!(environment.expand("${TOKEN}").unwrap(), "t-1");
        let advice = environment.expand("${NO}").unwrap_err().advice().to_owned();
        assert!(advice.contains(&format!("`{}`", path.display())) && advice.contains("cannot be read"), "{advice}");
    }
}
