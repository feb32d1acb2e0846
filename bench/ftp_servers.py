"""The FTP servers that compare_ftp.py measures: sluice, and each peer that is found on the PATH.

Every server serves the same directory on the loopback with a configuration of its own in a
temporary folder. None hashes a password, but for pure-ftpd, which offers no other way in that
needs no entry in /etc/passwd: it has the hash that costs least (DES, microseconds). Reverse
look-ups, logs and artificial delays are off where they can be. vsftpd, pure-ftpd and proftpd are
started as root only, and become another user.
"""

import os
import pwd
import shutil
import subprocess

from family import Family
from measuring import Failed, free_port

NAME, PASSWORD = "bench", "bench"
DES_OF_PASSWORD = "ab3Nxe3bAE.r."  # crypt("bench", "ab")
ANONYMOUS = ("anonymous", "bench@")

VSFTPD = """\
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
local_enable=NO
no_anon_password=NO
ftp_username={user}
anon_root={root}
anon_umask=022
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
secure_chroot_dir={folder}/empty
xferlog_enable=NO
max_clients=0
max_per_ip=0
seccomp_sandbox=NO
"""

PROFTPD = """\
ServerType standalone
DefaultAddress 127.0.0.1
Port {port}
SocketBindTight on
User nobody
Group nogroup
UseReverseDNS off
<IfModule mod_ident.c>
  IdentLookups off
</IfModule>
<IfModule mod_delay.c>
  DelayEngine off
</IfModule>
<IfModule mod_auth_pam.c>
  AuthPAM off
</IfModule>
MaxInstances none
PidFile {folder}/pid
ScoreboardFile {folder}/scoreboard
SystemLog none
TransferLog none
WtmpLog off
DefaultRoot /
AllowOverwrite on
<Anonymous {root}>
  User nobody
  Group nogroup
  UserAlias anonymous nobody
  RequireValidShell off
  UseFtpUsers off
</Anonymous>
"""

PYFTPDLIB = """\
import logging, sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
logging.basicConfig(level=logging.ERROR)
people = DummyAuthorizer()
people.add_user(sys.argv[3], sys.argv[4], sys.argv[2], perm="elradfmwMT")
FTPHandler.authorizer = people
server = FTPServer(("127.0.0.1", int(sys.argv[1])), FTPHandler)
server.max_cons = 5000
server.serve_forever()
"""


class FtpServer(Family):
    """`port` if it does not say itself where it listens."""

    greeting = b"220"

    def __init__(self, command, login, port=None):
        self.user, self.password = login
        self.port = port
        super().__init__(command)


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o600)  # vsftpd refuses a file that others may write
    return path


def user_with_a_home():
    """vsftpd goes to the home of the user it becomes before it goes to its root."""
    for user in pwd.getpwall():
        if 0 < user.pw_uid < 1000 and os.path.isdir(user.pw_dir):
            return user.pw_name
    raise Failed("no user of the system has a home")


def start_vsftpd(folder, root):
    port = free_port()
    os.makedirs(os.path.join(folder, "empty"), exist_ok=True)
    path = write(folder, "vsftpd.conf", VSFTPD.format(
        port=port, root=root, folder=folder, user=user_with_a_home()))
    return FtpServer(f"vsftpd {path}", ANONYMOUS, port)


def start_proftpd(folder, root):
    port = free_port()
    path = write(folder, "proftpd.conf", PROFTPD.format(port=port, root=root, folder=folder))
    return FtpServer(f"proftpd --nodaemon --quiet --config {path}", ANONYMOUS, port)


def start_pure_ftpd(folder, root):
    port, people = free_port(), os.path.join(folder, "people")
    if not os.path.exists(f"{people}.pdb"):
        nobody = pwd.getpwnam("nobody")
        line = f"{NAME}:{DES_OF_PASSWORD}:{nobody.pw_uid}:{nobody.pw_gid}::{root}/./" + ":" * 12
        write(folder, "people", line + "\n")
        subprocess.run(["pure-pw", "mkdb", f"{people}.pdb", "-f", people], check=True, timeout=60)
    return FtpServer(
        f"pure-ftpd --bind 127.0.0.1,{port} --login puredb:{people}.pdb --noanonymous"
        " --dontresolve --maxclientsnumber 5000 --maxclientsperip 5000 --limitrecursion 100000:2"
        f" --syslogfacility none --pidfile {folder}/pure-ftpd.pid",
        (NAME, PASSWORD), port,
    )


def start_pyftpdlib(folder, root):
    port = free_port()
    path = write(folder, "pyftpdlib_server.py", PYFTPDLIB)
    return FtpServer(
        f"{python_with_pyftpdlib()} {path} {port} {root} {NAME} {PASSWORD}",
        (NAME, PASSWORD), port,
    )


def sluice_starter(program):
    def start(_, root):
        return FtpServer(
            f"{program} serve --ftp 127.0.0.1:0 --ftp-root {root} --ftp-writable"
            f" --ftp-user {NAME}:{PASSWORD} --ftp-max-clients 5000 --ftp-max-per-address 5000"
            " --log-level warning",
            (NAME, PASSWORD),
        )

    return start


def python_with_pyftpdlib():
    """The first python3 on the PATH that has it, or None."""
    for folder in os.get_exec_path():
        program = os.path.join(folder, "python3")
        if os.access(program, os.X_OK) and subprocess.run(
            [program, "-c", "import pyftpdlib"], stderr=subprocess.DEVNULL, timeout=60
        ).returncode == 0:
            return program
    return None


PEERS = {
    "vsftpd": start_vsftpd,
    "pure-ftpd": start_pure_ftpd,
    "proftpd": start_proftpd,
    "pyftpdlib": start_pyftpdlib,
}


def why_not(name):
    """Why a peer cannot be started here, or None."""
    if name == "pyftpdlib":
        return None if python_with_pyftpdlib() else "not installed"
    if not shutil.which(name) or (name == "pure-ftpd" and not shutil.which("pure-pw")):
        return "not installed"
    return None if os.geteuid() == 0 else "starts as root only"


def available(sluice):
    """({name: start(folder, root)}, {name: why it is left out}), sluice first if it has FTP."""
    found, left_out = {}, {}
    text = subprocess.run([sluice, "serve", "--help"], capture_output=True, text=True, timeout=60)
    if "--ftp" in text.stdout + text.stderr:
        found["sluice"] = sluice_starter(sluice)
    else:
        left_out["sluice"] = "has no --ftp"
    for name, start in PEERS.items():
        if reason := why_not(name):
            left_out[name] = reason
        else:
            found[name] = start
    return found, left_out
