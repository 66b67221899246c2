//! Binds the socket: a private Unix socket, or a loopback port on other systems.

#[cfg(unix)]
use std::fs::{self, Permissions};
use std::io;
#[cfg(any(not(unix), test))]
use std::ops::RangeInclusive;
#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt as _, chown};
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(any(not(unix), test))]
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use super::environment::PluginEnv;

/// The socket cannot be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    #[error("cannot make a socket in {}", directory.display())]
    Directory {
        /// The directory tried last.
        directory: PathBuf,
        source: io::Error,
    },
    /// `PLUGIN_UNIX_SOCKET_GROUP` names a group that the system does not list.
    #[error("there is no group `{0}`")]
    Group(String),
    #[error("cannot listen on a loopback port")]
    Port(#[source] io::Error),
}

/// A listening socket, its address and its files.
pub(super) struct Listener {
    pub(super) socket: Socket,
    pub(super) address: Address,
    pub(super) files: SocketFiles,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// `unix` or `tcp`.
    pub(super) network: &'static str,
    /// The socket's path, or `host:port`.
    pub(super) address: String,
}

pub(super) trait IoStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> IoStream for T {}

pub(super) enum Socket {
    #[cfg(unix)]
    Unix(UnixListener),
    #[cfg(any(not(unix), test))]
    Tcp(TcpListener),
}

/// The files of a socket, removed on drop because the client does not remove them.
#[derive(Default)]
pub(super) struct SocketFiles {
    /// Removed before its directory.
    _socket: Option<tempfile::TempPath>,
    _directory: Option<tempfile::TempDir>,
}

impl Socket {
    pub(super) async fn accept(&self) -> io::Result<Box<dyn IoStream>> {
        match self {
            #[cfg(unix)]
            Self::Unix(listener) => Ok(Box::new(listener.accept().await?.0)),
            #[cfg(any(not(unix), test))]
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
        }
    }
}

/// Listens in the directory of `env`, or else in the system's temporary directory.
///
/// A socket path has at most about 100 bytes. If the temporary directory's path is too long, `/tmp` is used.
#[cfg(unix)]
pub(super) fn listen(env: &PluginEnv) -> Result<Listener, ListenError> {
    let group = env.socket_group.as_deref().map(group_id).transpose()?;
    if let Some(directory) = &env.socket_dir {
        // The client created the directory for this plugin, so no subdirectory is needed.
        return bind(directory, group, SocketFiles::default())
            .map_err(|source| ListenError::Directory { directory: directory.clone(), source });
    }
    let usual = std::env::temp_dir();
    bind_in_new_dir(&usual, group).or_else(|error| {
        tracing::debug!(%error, directory = %usual.display(), "cannot bind a socket there; using /tmp");
        let directory = PathBuf::from("/tmp");
        bind_in_new_dir(&directory, group).map_err(|source| ListenError::Directory { directory, source })
    })
}

/// Binds a socket in a new private directory. Without it, others could connect before the socket's mode is set.
#[cfg(unix)]
fn bind_in_new_dir(parent: &Path, group: Option<u32>) -> io::Result<Listener> {
    let directory =
        tempfile::Builder::new().prefix("plugin-").permissions(Permissions::from_mode(0o700)).tempdir_in(parent)?;
    let path = directory.path().to_owned();
    let listener = bind(&path, group, SocketFiles { _directory: Some(directory), _socket: None })?;
    if group.is_some() {
        chown(&path, None, group)?;
        fs::set_permissions(&path, Permissions::from_mode(0o750))?;
    }
    Ok(listener)
}

/// Binds a socket in `directory` for this user and, if given, `group`.
#[cfg(unix)]
fn bind(directory: &Path, group: Option<u32>, files: SocketFiles) -> io::Result<Listener> {
    let (socket, path) =
        tempfile::Builder::new().prefix("s").make_in(directory, |path| UnixListener::bind(path))?.into_parts();
    chown(&path, None, group)?;
    fs::set_permissions(&path, Permissions::from_mode(if group.is_some() { 0o660 } else { 0o600 }))?;
    let address = path.to_str().ok_or_else(|| io::Error::other("the path is not UTF-8"))?.to_owned();
    Ok(Listener {
        socket: Socket::Unix(socket),
        address: Address { network: "unix", address },
        files: SocketFiles { _socket: Some(path), ..files },
    })
}

/// Returns the number of a group, given by number or by a name of `/etc/group`.
#[cfg(unix)]
fn group_id(group: &str) -> Result<u32, ListenError> {
    if let Ok(id) = group.parse() {
        return Ok(id);
    }
    let listed = fs::read_to_string("/etc/group").unwrap_or_default();
    find_group(&listed, group).ok_or_else(|| ListenError::Group(group.to_owned()))
}

/// Looks up a name in the text of `/etc/group`: `name:password:number:members` (group(5)).
#[cfg(unix)]
fn find_group(listed: &str, name: &str) -> Option<u32> {
    listed.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next()? == name;
        let id = fields.nth(1)?.parse().ok()?;
        found.then_some(id)
    })
}

#[cfg(not(unix))]
pub(super) fn listen(env: &PluginEnv) -> Result<Listener, ListenError> {
    bind_port(env.ports.clone()).map_err(ListenError::Port)
}

/// Binds the first free port of `ports`, or any.
#[cfg(any(not(unix), test))]
fn bind_port(ports: Option<RangeInclusive<u16>>) -> io::Result<Listener> {
    let mut bound = Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
    for port in ports.unwrap_or(0..=0) {
        bound = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port));
        if bound.is_ok() {
            break;
        }
    }
    let listener = bound?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?.to_string();
    Ok(Listener {
        socket: Socket::Tcp(TcpListener::from_std(listener)?),
        address: Address { network: "tcp", address },
        files: SocketFiles::default(),
    })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("the file is there").permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn socket_is_private_and_removed() {
        let parent = tempfile::tempdir().unwrap();
        let listener = bind_in_new_dir(parent.path(), None).unwrap();
        let socket = PathBuf::from(&listener.address.address);
        let directory = socket.parent().unwrap().to_owned();
        assert_eq!((mode(&directory), mode(&socket)), (0o700, 0o600));
        assert_eq!(directory.parent(), Some(parent.path()));
        drop(listener);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn directory_and_group_of_the_client_are_used() {
        let directory = tempfile::tempdir().unwrap();
        // The one group that any user may give files to.
        let group = fs::metadata(directory.path()).unwrap().gid();
        let env = PluginEnv {
            socket_dir: Some(directory.path().to_owned()),
            socket_group: Some(group.to_string()),
            ..PluginEnv::default()
        };
        let listener = listen(&env).unwrap();
        let socket = PathBuf::from(&listener.address.address);
        assert_eq!(socket.parent(), Some(directory.path()));
        assert_eq!((mode(&socket), fs::metadata(&socket).unwrap().gid()), (0o660, group));
        drop(listener);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn too_long_socket_path_names_the_directory() {
        let parent = tempfile::tempdir().unwrap();
        let deep = parent.path().join("d".repeat(100));
        fs::create_dir_all(&deep).unwrap();
        let env = PluginEnv { socket_dir: Some(deep.clone()), ..PluginEnv::default() };
        let error = listen(&env).err().expect("the path is too long");
        assert!(matches!(error, ListenError::Directory { directory, .. } if directory == deep));
        assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);
    }

    #[test]
    fn group_is_found_by_full_name() {
        let listed = "root:x:0:\nstaffers:x:49:\nstaff:x:50:ann,ben\n";
        assert_eq!(find_group(listed, "staff"), Some(50));
        assert_eq!(find_group(listed, "x"), None);
        assert!(matches!(group_id("no such group"), Err(ListenError::Group(_))));
    }

    #[tokio::test]
    async fn port_is_in_the_range() {
        let taken = bind_port(None).unwrap();
        let port = |listener: &Listener| listener.address.address.rsplit(':').next().unwrap().parse::<u16>().unwrap();
        let min = port(&taken);
        let next = bind_port(Some(min..=min.saturating_add(50))).unwrap();
        assert_eq!(next.address.network, "tcp");
        assert!(next.address.address.starts_with("127.0.0.1:"));
        assert!((min + 1..=min + 50).contains(&port(&next)));
        assert!(bind_port(Some(min..=min)).is_err());
    }
}
