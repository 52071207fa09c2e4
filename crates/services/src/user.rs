//! Who runs the servers: this user, or `nobody` where this is root. PostgreSQL refuses root, and
//! nothing here needs it.

#[cfg(unix)]
pub(crate) use unix::User;
#[cfg(not(unix))]
pub(crate) use windows::User;

#[cfg(unix)]
mod unix {
    use std::{
        fs, io,
        os::unix::{
            fs::{PermissionsExt, chown},
            process::CommandExt,
        },
        path::Path,
        process::Command,
    };

    use crate::Failure;

    #[derive(Clone, Copy)]
    pub(crate) struct User(Option<(u32, u32)>);

    impl User {
        pub(crate) fn unprivileged() -> Result<Self, Failure> {
            if !rustix::process::geteuid().is_root() {
                return Ok(Self(None));
            }
            let number = |of: &str| {
                let output = Command::new("id").args([of, "nobody"]).output().ok()?;
                String::from_utf8_lossy(&output.stdout).trim().parse().ok()
            };
            match (number("-u"), number("-g")) {
                (Some(user), Some(group)) => Ok(Self(Some((user, group)))),
                _ => Err(Failure::new("this runs as root and there is no user `nobody` to run servers as")),
            }
        }

        /// Makes it this user's, and nobody else's to read.
        pub(crate) fn own(self, path: &Path, mode: u32) -> io::Result<()> {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
            match self.0 {
                Some((user, group)) => chown(path, Some(user), Some(group)),
                None => Ok(()),
            }
        }

        /// Lets a program run as this user, out of the group of the terminal, whose Ctrl-C would end
        /// the server under the test that uses it.
        pub(crate) fn run(self, command: &mut Command) {
            command.process_group(0);
            if let Some((user, group)) = self.0 {
                // Root that becomes somebody else also loses its further groups here.
                command.gid(group).uid(user);
            }
        }
    }
}

/// No server is started here.
#[cfg(not(unix))]
mod windows {
    use std::{io, path::Path, process::Command};

    use crate::Failure;

    #[derive(Clone, Copy)]
    pub(crate) enum User {}

    impl User {
        pub(crate) fn unprivileged() -> Result<Self, Failure> {
            Err(Failure::new(
                "there are no packages of these servers for this system; `cargo xtask test \
                 --without-services` leaves their tests out",
            ))
        }

        pub(crate) fn own(self, _: &Path, _: u32) -> io::Result<()> {
            match self {}
        }

        pub(crate) fn run(self, _: &mut Command) {
            match self {}
        }
    }
}
