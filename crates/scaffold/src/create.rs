//! Writing a connector: where it goes, what it may not overwrite, what to do next.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aqueduct_schema::{Error, Result, codes};

use crate::name;
use crate::openapi;
use crate::plan::{Credentials, Plan};
use crate::render::{self, Place};
use crate::style::Style;
use crate::workspace;

/// What is to be written.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The connector's name.
    pub name: &'a str,
    /// Where its crate goes; in Aqueduct's own workspace `connectors/NAME` where it is not said, elsewhere a folder of its name.
    pub folder: Option<&'a Path>,
    /// An OpenAPI description to propose the connector from.
    pub openapi: Option<&'a Path>,
    /// How requests are signed, in a word (see [`Credentials::from_word`]); by a bearer token where it is not said. Descriptions say it
    /// themselves.
    pub auth: Option<&'a str>,
    /// How pages lead on, in a word (see [`Style::from_word`]); by a token where it is not said. Descriptions say it themselves.
    pub paging: Option<&'a str>,
    /// Aqueduct's checkout, for a crate outside of it.
    pub aqueduct: Option<&'a Path>,
    /// The folder that relative paths begin at.
    pub working_folder: &'a Path,
    /// Names that connectors have already.
    pub taken: &'a [&'a str],
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Created {
    /// The connector as it was planned.
    pub plan: Plan,
    /// Its folder.
    pub folder: PathBuf,
    /// The files that were written, from the folder.
    pub files: Vec<String>,
    /// The files of the workspace into which it was entered, from its root.
    pub entered: Vec<&'static str>,
    /// What the description has and the connector does not, with the reason.
    pub left_out: Vec<(String, String)>,
    /// The command that runs the connector's tests, in the working folder or the one it names.
    pub test: String,
}

/// Writes a connector.
///
/// # Errors
/// `AQ1001` for a name that will not do or is taken and for words that are none, `AQ1012` for a folder that exists or a file that cannot be read or written, `AQ1002`
/// for a description that cannot be understood and for files of the workspace that do not look as expected. Nothing is written then.
pub fn create(order: &Order<'_>) -> Result<Created> {
    name::check(order.name)?;
    if order.taken.contains(&order.name) {
        return Err(Error::new(codes::BAD_USAGE, format!("there is a connector `{}` already", order.name)).advise("Choose another name."));
    }
    let (plan, left_out) = match order.openapi {
        None => {
            let credentials = order.auth.map_or(Ok(Credentials::Bearer), Credentials::from_word)?;
            let style = order.paging.map_or(Ok(Style::default()), Style::from_word)?;
            (Plan::example_of(order.name, credentials, style), Vec::new())
        }
        Some(_) if order.auth.is_some() || order.paging.is_some() => {
            return Err(Error::new(codes::BAD_USAGE, "a description says itself how requests are signed and how pages lead on")
                .advise("Leave --auth and --paging out, or --from-openapi; what was guessed is marked and can be corrected in the files.")
                .data_note("Nothing was written."));
        }
        Some(file) => {
            let file = order.working_folder.join(file);
            if file.is_dir() {
                return Err(Error::new(codes::FILE_UNREADABLE, format!("`{}` is a folder, not a description", file.display()))
                    .advise("Name the description as one file; `redocly bundle` and its like join one that is split into many.")
                    .data_note("Nothing was written."));
            }
            let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
            let proposal = openapi::propose(order.name, &file.display().to_string(), &text)?;
            (proposal.plan, proposal.left_out)
        }
    };
    let site = Site::of(order)?;
    if site.folder.exists() {
        return Err(Error::new(codes::FILE_UNREADABLE, format!("`{}` exists already", site.folder.display()))
            .advise("Name another folder with --folder, or another connector.")
            .data_note("Nothing was written."));
    }
    let files = render::files(&plan, &site.place);
    let mut entries = Vec::new();
    if let (Place::Workspace, Some(root)) = (&site.place, &site.aqueduct) {
        type Edit = fn(&str, &str) -> Result<String>;
        let edits: [(&'static str, Edit); 3] = [
            (workspace::ROOT_MANIFEST, workspace::in_root),
            (workspace::PIPELINE_MANIFEST, workspace::in_pipeline),
            (workspace::REGISTRY, workspace::in_registry),
        ];
        for (file, edit) in edits {
            let text = std::fs::read_to_string(root.join(file)).map_err(|error| unreadable(&root.join(file), &error))?;
            entries.push((file, root.join(file), edit(&text, order.name)?));
        }
    }
    for (path, text) in &files {
        write(&site.folder.join(path), text)?;
    }
    if let (Place::Alone(_), Some(root)) = (&site.place, &site.aqueduct)
        && let Ok(lock) = std::fs::read_to_string(root.join("Cargo.lock"))
    {
        // The versions that Aqueduct is tested with, to begin with.
        write(&site.folder.join("Cargo.lock"), &lock)?;
    }
    for (_, path, text) in &entries {
        write(path, text)?;
    }
    format(files.keys().map(|path| site.folder.join(path)).chain(entries.iter().map(|(_, path, _)| path.clone())));
    Ok(Created {
        test: site.test_command(order),
        plan,
        folder: site.folder,
        files: files.into_keys().collect(),
        entered: entries.iter().map(|(file, ..)| *file).collect(),
        left_out,
    })
}

/// Where a connector goes.
struct Site {
    folder: PathBuf,
    place: Place,
    aqueduct: Option<PathBuf>,
}

impl Site {
    fn of(order: &Order<'_>) -> Result<Self> {
        let here = workspace::around(order.working_folder);
        let own = here.as_ref().map(|root| root.join("connectors").join(order.name));
        let named = order.folder.map(|folder| order.working_folder.join(folder));
        if let (Some(root), Some(own)) = (&here, own)
            && named.as_ref().is_none_or(|named| *named == own)
            && order.aqueduct.is_none()
        {
            return Ok(Self { folder: own, place: Place::Workspace, aqueduct: Some(root.clone()) });
        }
        let aqueduct = order.aqueduct.map(|path| order.working_folder.join(path)).or(here);
        let Some(aqueduct) = aqueduct.filter(|root| workspace::is_aqueduct(root)) else {
            return Err(Error::new(codes::BAD_USAGE, "a connector outside of Aqueduct's checkout needs the path to it")
                .advise("Say where the checkout is: --aqueduct PATH."));
        };
        let aqueduct = aqueduct.canonicalize().map_err(|error| unreadable(&aqueduct, &error))?;
        let folder = named.unwrap_or_else(|| order.working_folder.join(order.name));
        let path = aqueduct.to_string_lossy().replace('\\', "/");
        Ok(Self { folder, place: Place::Alone(path), aqueduct: Some(aqueduct) })
    }

    fn test_command(&self, order: &Order<'_>) -> String {
        match self.place {
            Place::Workspace => format!("cargo test -p aqueduct-connector-{}", order.name),
            Place::Alone(_) => {
                let shown = self.folder.strip_prefix(order.working_folder).unwrap_or(&self.folder);
                format!("cd {} && cargo test", shown.display())
            }
        }
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let unwritable = |error: std::io::Error| {
        Error::new(codes::FILE_UNREADABLE, format!("`{}` cannot be written ({})", path.display(), error.kind()))
            .data_note("What was written before it lies in the connector's folder, which can be deleted.")
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(unwritable)?;
    }
    std::fs::write(path, text).map_err(unwritable)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(codes::FILE_UNREADABLE, format!("`{}` cannot be read ({})", path.display(), error.kind())).data_note("Nothing was written.")
}

/// Lays the source files out as rustfmt has it here. Where there is no rustfmt they stay as they are, which compiles as well.
fn format(files: impl Iterator<Item = PathBuf>) {
    let sources: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|ending| ending == "rs")).collect();
    let _ = Command::new("rustfmt").args(["--edition", "2024"]).args(sources).stdout(Stdio::null()).stderr(Stdio::null()).status();
}
