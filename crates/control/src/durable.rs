//! Names of files that outlast a power cut: a file whose content is synced can still be gone when its folder was not.

use std::fs::DirBuilder;
use std::io::Result;
use std::path::Path;

/// Makes a folder and those above it that are missing, and syncs the names of them all.
pub(crate) fn make_folder(folder: &Path, how: &DirBuilder) -> Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.exists()).collect();
    how.create(folder)?;
    missing.into_iter().try_for_each(sync_folder_of)
}

/// Syncs the names in the folder that holds a path. Only Unix lets a folder be opened for that; elsewhere the system does it by itself.
pub(crate) fn sync_folder_of(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}
