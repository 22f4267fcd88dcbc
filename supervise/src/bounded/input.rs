//! Standard input that is all there before the program begins.

use std::fs::File;
use std::io::{self, Seek, Write};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// MFD_NOEXEC_SEAL of memfd_create(2), Linux 6.3, for which nix has no name. Without it vm.memfd_noexec=2 refuses.
const NOEXEC_SEAL: MFdFlags = MFdFlags::from_bits_retain(8);

/// A file in memory that holds the bytes and that nobody can change, so that they may be as many as a caller likes and
/// nobody has to write while another reads; /dev/null without any.
pub(super) fn input(bytes: &[u8]) -> io::Result<File> {
    if bytes.is_empty() {
        return File::open("/dev/null");
    }
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let memory = match memfd_create(c"stdin", flags | NOEXEC_SEAL) {
        Err(Errno::EINVAL) => memfd_create(c"stdin", flags),
        other => other,
    };
    let mut file = File::from(memory?);
    file.write_all(bytes)?;
    file.rewind()?;
    let seals =
        SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file)
}
