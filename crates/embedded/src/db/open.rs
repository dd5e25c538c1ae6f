//! The data directory: one process at a time, and a file that is what it should be.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{FlockOperation, flock};

use super::schema;

/// The file is in pages of 4 KiB: with 8 KiB ones, CPU was the same and each commit wrote half
/// as much again.
const PAGE_BYTES: u64 = 4096;

/// How long a statement waits for a person with a shell of SQLite who writes to the file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The writer's pages. Few: what it writes to is recent. SQLite walks the table of all cached
/// pages at nearly every commit while the file is below 1 GiB, so a large one costs more than
/// it saves.
const WRITER_CACHE_KIB: i64 = 8192;

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the data directory {} is in use by process {pid}; stop that one first, or choose \
         another directory",
        dir.display()
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// Who says to have it; a question mark when that cannot be read.
        pid: String,
    },
    /// The file is damaged, or not ours.
    #[error(
        "{} cannot be used: {problem}; move it away, together with its -wal and -shm files, and \
         restore the last backup (or start with none)",
        file.display()
    )]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file was written by a later version.
    #[error(
        "{} has schema version {found} and this program knows up to {known}: start the newer \
         program, or restore a backup from before the upgrade",
        file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: usize,
        /// The latest version known.
        known: usize,
    },
    /// The directory or file cannot be created, read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// SQLite cannot work there.
    #[error("cannot open {}", path.display())]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}

/// A data directory that nobody else can open as long as this lives.
pub(crate) struct DataDir {
    file: PathBuf,
    _lock: File,
}

/// A file that was found to be ours, with the connection that will write to it.
pub(crate) struct Opened {
    pub(crate) dir: DataDir,
    pub(crate) writer: Connection,
}

impl DataDir {
    /// Creates the directory if it is absent, and locks it.
    pub(crate) fn lock(dir: &Path) -> Result<Self, OpenError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            |source| OpenError::Io { path, source }
        };
        fs::create_dir_all(dir).map_err(io(dir))?;
        let path = dir.join("lock");
        let mut options = File::options();
        let mut lock = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io(&path))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut pid = String::new();
                let known = lock.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
                let pid = if known { pid.trim().to_owned() } else { "?".to_owned() };
                return Err(OpenError::InUse { dir: dir.to_owned(), pid });
            }
            Err(error) => return Err(io(&path)(error.into())),
        }
        lock.set_len(0).map_err(io(&path))?;
        write!(lock, "{}", std::process::id()).map_err(io(&path))?;
        Ok(Self { file: dir.join("lmall.db"), _lock: lock })
    }

    /// Opens the file, or makes it.
    pub(crate) fn open(self) -> Result<Opened, OpenError> {
        let writer = check_header(&self.file)
            .and_then(|()| prepare(&self.file))
            .map_err(|problem| problem.at(&self.file))?;
        if let Some(dir) = self.file.parent() {
            // The names of new files are durable only when the directory is.
            File::open(dir)
                .and_then(|dir| dir.sync_all())
                .map_err(|source| OpenError::Io { path: dir.to_owned(), source })?;
        }
        Ok(Opened { dir: self, writer })
    }

    /// A connection that only reads.
    pub(crate) fn reader(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(connection)
    }

    /// A connection for checkpoints.
    pub(crate) fn checkpointer(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(connection)
    }
}

enum Problem {
    Corrupt(String),
    Newer(usize),
    Io(io::Error),
    Sqlite(rusqlite::Error),
}

impl Problem {
    fn at(self, file: &Path) -> OpenError {
        let file = file.to_owned();
        match self {
            Self::Corrupt(problem) => OpenError::Corrupt { file, problem },
            Self::Newer(found) => OpenError::Newer { file, found, known: schema::VERSION },
            Self::Io(source) => OpenError::Io { path: file, source },
            Self::Sqlite(source) => OpenError::Sqlite { path: file, source },
        }
    }
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        if matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) {
            Self::Corrupt(error.to_string())
        } else {
            Self::Sqlite(error)
        }
    }
}

/// A file that is there and not empty must begin as one of SQLite does, before SQLite may touch
/// it or the files beside it.
fn check_header(file: &Path) -> Result<(), Problem> {
    let mut header = Vec::new();
    match File::open(file) {
        Ok(file) => file.take(16).read_to_end(&mut header).map_err(Problem::Io)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Problem::Io(error)),
    };
    if header.is_empty() || header == b"SQLite format 3\0" {
        Ok(())
    } else {
        Err(Problem::Corrupt("it is not a SQLite database".to_owned()))
    }
}

fn prepare(file: &Path) -> Result<Connection, Problem> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let version = number("user_version")?;
    let application = number("application_id")?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let fresh = version == 0 && application == 0 && tables == 0;
    if !fresh && application != i64::from(schema::APPLICATION_ID) {
        return Err(Problem::Corrupt("it is the database of another program".to_owned()));
    }
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    if !fresh && version == 0 {
        return Err(Problem::Corrupt("its schema has no version".to_owned()));
    }
    if version > schema::VERSION {
        return Err(Problem::Newer(version));
    }
    connection.pragma_update(None, "page_size", super::integer(PAGE_BYTES))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    schema::migrate(&mut connection, version)?;
    check_quickly(&connection, file)?;
    Ok(connection)
}

/// Finds files that were cut short or torn, in time that does not depend on their size: the
/// log is written back, the file must then have all its pages, and both ends of each tree must
/// be readable.
fn check_quickly(connection: &Connection, file: &Path) -> Result<(), Problem> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let bytes = fs::metadata(file).map_err(Problem::Io)?.len();
    if bytes < u64::try_from(pages).unwrap_or(0) * PAGE_BYTES {
        return Err(Problem::Corrupt(format!("{pages} pages should be in {bytes} bytes")));
    }
    for (column, table) in [
        ("id", "order_item"),
        ("partition", "order_item"),
        ("name", "order_index"),
        ("id", "inventory_item"),
        ("partition", "inventory_item"),
        ("name", "inventory_index"),
        ("id", "payment_item"),
        ("partition", "payment_item"),
        ("name", "payment_index"),
        ("seq", "message"),
        ("id", "dead_letter"),
        ("key", "dedup_0"),
        ("key", "dedup_1"),
        ("key", "dedup_2"),
        ("younger", "dedup_generation"),
    ] {
        for end in ["min", "max"] {
            let sql = format!("SELECT {end}({column}) FROM {table}");
            connection.query_row(&sql, [], |_| Ok(())).map_err(|error| {
                // Nothing is wrong with the statement: it is the table that is not ours.
                let foreign = error.sqlite_error_code() == Some(ErrorCode::Unknown);
                if foreign { Problem::Corrupt(error.to_string()) } else { error.into() }
            })?;
        }
    }
    Ok(())
}
