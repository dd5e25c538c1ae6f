//! The file with the keys of the user service: its owner's alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The rights of the file: reading and writing, for its owner.
const OWNER_ONLY: u32 = 0o600;

/// The rights of everybody else.
const OTHERS: u32 = 0o077;

/// A file of secrets in a data directory. Whoever copies the data file alone has none of them.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The file `customer-keys.json` of this data directory.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self { path: data.join("customer-keys.json") }
    }

    /// What is in it; `None` while there is no such file.
    ///
    /// # Errors
    /// When it cannot be read, or others may read it.
    pub fn read(&self) -> io::Result<Option<String>> {
        let rights = match fs::metadata(&self.path) {
            Ok(metadata) => metadata.permissions().mode(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if rights & OTHERS != 0 {
            let what = format!("{} can be read by others: chmod 600 it", self.path.display());
            return Err(io::Error::new(ErrorKind::PermissionDenied, what));
        }
        fs::read_to_string(&self.path).map(Some)
    }

    /// Puts this into it, durably, in place of what was there: all of it or nothing.
    ///
    /// # Errors
    /// When it cannot be written; what was there is there still.
    pub fn write(&self, text: &str) -> io::Result<()> {
        let new = self.path.with_extension("json.new");
        // One that a crash left behind may have other rights.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_their_owners_alone_and_others_rights_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFile::of(folder.path());
        assert_eq!(keys.read().unwrap(), None);
        for text in ["first", "second"] {
            keys.write(text).unwrap();
            assert_eq!(keys.read().unwrap().as_deref(), Some(text));
        }
        let mode = fs::metadata(&keys.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, OWNER_ONLY);
        fs::set_permissions(&keys.path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(keys.read().unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
}
